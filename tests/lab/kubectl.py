"""The lab's kubectl, as its administrator."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import paths, tools
from .shell import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

DISCOVERY_CACHE: Final = paths.STATE / "kubectl"
"""Within the lab: one in the home folder would tell the next lab of types that it lacks."""

PLUGINS: Final = Path(__file__).with_name("bin")
"""Where kubectl finds ``kubectl podman-checkpoint``."""


def kubectl(
    *args: str, stdin: str | None = None, check: bool = True, timeout: float | None = 120
) -> subprocess.CompletedProcess[str]:
    """Run kubectl to its end against the lab's API server.

    Raises:
        CommandFailed: if ``check`` and kubectl fails; the message holds what it said.
    """
    return run(*argv(*args), env=environment(), stdin=stdin, check=check, timeout=timeout)


def kubectl_as(
    kubeconfig: Path, *args: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run kubectl with the credentials of a kubeconfig file; it may fail."""
    own = {**environment(), "KUBECONFIG": str(kubeconfig)}
    return run(*argv(*args), env=own, stdin=stdin, check=False, timeout=120)


def apply(*objects: Mapping[str, Any]) -> None:
    """Apply objects, given as in their manifests."""
    items = {"apiVersion": "v1", "kind": "List", "items": objects}
    kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(items))


def argv(*args: str) -> list[str]:
    """The command line of the lab's kubectl; run it with :func:`environment`."""
    return [str(tools.find().kubectl), *args]


def environment() -> dict[str, str]:
    """This process's environment, turned to the lab's API server and with the project's plugin."""
    return {
        **os.environ,
        "KUBECONFIG": str(paths.KUBECONFIG),
        "KUBECACHEDIR": str(DISCOVERY_CACHE),
        "PATH": f"{PLUGINS}:{os.environ.get('PATH', os.defpath)}",
    }
