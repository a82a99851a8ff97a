"""What GitOps tools make of a resource, by their own code: kstatus, and Argo CD's Lua."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import tools
from .shell import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def kstatus(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return for each object Current, InProgress, Failed or Terminating, as Flux sees it."""
    return _judged(objects, "kstatus")


def argo_health(script: Path, objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return for each object Healthy, Progressing, Degraded or Suspended, as a script says."""
    return _judged(objects, "lua", script)


def _judged(objects: Iterable[Mapping[str, Any]], *how: str | Path) -> list[str]:
    text = "\n".join(map(json.dumps, objects))
    program = tools.built(tools.GITOPS) / "gitops"
    return [line.split()[0] for line in run(program, *how, stdin=text).stdout.splitlines()]
