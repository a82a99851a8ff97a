"""What a demo shows: numbered steps, the commands a person would type, and what they print."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.lab import paths
from tests.lab.kubectl import kubectl

SAMPLES: Final = paths.CHECKOUT / "manifests/samples/postgresql"
_WAIT: Final = 600

_numbers = itertools.count(1)


class DemoFailed(RuntimeError):
    """A step did not show what was promised."""


def step(title: str) -> None:
    """Begin a step."""
    print(f"\n{next(_numbers)}. {title}", flush=True)


def command(line: str) -> None:
    """Show a command, as a person would type it."""
    print(f"   $ {line}", flush=True)


def show(text: str) -> None:
    """Show what came of it."""
    for line in text.strip().splitlines():
        print(f"     {line}", flush=True)


def apply_sample(file: str, resource: str) -> None:
    """Apply one of the sample manifests and wait until it is Ready."""
    path = SAMPLES / file
    command(f"kubectl apply -f {path.relative_to(paths.CHECKOUT)}")
    _apply(path.read_text(), resource)


def apply_object(manifest: Mapping[str, Any], resource: str) -> None:
    """Apply a manifest that is not among the samples, show it, and wait until it is Ready."""
    command("kubectl apply -f - <<EOF")
    show(_yaml(manifest))
    show("EOF")
    _apply(_yaml(manifest), resource)


def _apply(manifest: str, resource: str) -> None:
    kubectl("apply", "--filename=-", stdin=manifest)
    command(f"kubectl wait --for=condition=Ready {resource}")
    wait_until(lambda: _outcome(resource) is not None, f"{resource} to be Ready")
    if not _outcome(resource):
        raise DemoFailed(kubectl("describe", resource).stdout)
    command(f"kubectl get {resource}")
    show(kubectl("get", resource).stdout)


def status(resource: str, path: str) -> str:
    """Return one value of a resource's status."""
    return kubectl("get", resource, f"--output=jsonpath={{.status.{path}}}").stdout


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something to become true.

    Raises:
        DemoFailed: it does not.
    """
    deadline = time.monotonic() + _WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"waited {_WAIT} s for {what}")
        time.sleep(0.2)


def _outcome(resource: str) -> bool | None:
    """Whether a resource has become Ready; None while that is open."""
    ready = status(resource, 'conditions[?(@.type=="Ready")].status')
    stalled = status(resource, 'conditions[?(@.type=="Stalled")].status')
    return None if ready != "True" and not stalled else ready == "True"


def _yaml(value: Mapping[str, Any], indent: int = 0) -> str:
    """Write nested mappings as YAML; a demo's manifests hold nothing else."""
    lines = []
    for key, each in value.items():
        if isinstance(each, Mapping) and each:
            lines += [f"{' ' * indent}{key}:", _yaml(each, indent + 2)]
        else:
            text = (
                {True: "true", False: "false"}.get(each, each) if isinstance(each, bool) else each
            )
            lines.append(f"{' ' * indent}{key}: {'{}' if each == {} else text}")
    return "\n".join(lines)
