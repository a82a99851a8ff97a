"""The real helm, and the project's chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from . import paths, tools
from .shell import run

if TYPE_CHECKING:
    from pathlib import Path

CHART: Final = paths.CHECKOUT / "charts" / "podman-checkpoint-operator"
NAMESPACE: Final = "podman-checkpoint-system"
RELEASE: Final = "podman-checkpoint-operator"


def program() -> Path:
    """Where helm is."""
    return tools.built(tools.HELM) / "helm"


def lint(*arguments: str) -> str:
    """Let helm judge the chart.

    Raises:
        CommandFailed: it found something; the message says what.
    """
    words = ("lint", "--strict", str(CHART), f"--namespace={NAMESPACE}", *arguments)
    return run(program(), *words).stdout


def template(*arguments: str) -> list[dict[str, Any]]:
    """Return the objects of the chart.

    Raises:
        CommandFailed: the values are refused.
    """
    words = ("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", *arguments)
    return [each for each in yaml.safe_load_all(run(program(), *words).stdout) if each]
