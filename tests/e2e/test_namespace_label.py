"""Containers that belong to a namespace by their label, and hosts that ask for the label."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.api.names import NAMESPACE_LABEL
from tests.e2e.support import Bench, archive_in_host, make_namespace, remove_namespace, restore
from tests.lab.kubectl import kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

OTHER = "ContainerOfOtherNamespace"


def label(namespace: str) -> str:
    return f"--label={NAMESPACE_LABEL}={namespace}"


def require_refused(made: Object, cause: str, *words: str) -> None:
    """See a resource fail before anything was touched, and say what was in the way."""
    status = made.wait_failed(cause)
    (check,) = (each for each in status["preflight"] if each["result"] == "Fail")
    assert check["check"] == "Namespace"
    told = f"{status['diagnosis']['evidence']} {status['diagnosis']['remedy']}"
    for word in (NAMESPACE_LABEL, *words):
        assert word in told


def at_source(status: dict[str, Any]) -> dict[str, Any]:
    return {"archive": {key: status["archive"][key] for key in ("uri", "digest")}}


def test_a_container_of_another_namespace_is_not_touched(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    theirs = bench.count(host_a, label("bank"), suffix="theirs")
    own = bench.count(host_a, label(bench.prefix))
    since = theirs.started_at

    refused = bench.checkpoint(theirs, "theirs", archive={})
    require_refused(refused, OTHER, "=bank", f"namespace {bench.prefix}", "in namespace bank")
    assert "volumes" not in refused.status
    saved = bench.checkpoint(own, "own", leaveRunning=True, archive={})
    status = saved.wait_ready()
    # Neither is it made room for an archive, nor is a command run in it.
    verify = {"exec": {"command": ["touch", "/touched"]}}
    for policy in ("Replace", "Adopt"):
        wanted = {"existingContainer": policy, "name": theirs.name, "verify": verify}
        require_refused(bench.restore(host_a, saved, policy.lower(), **wanted), OTHER, "=bank")
    source = {"containerRef": {"name": theirs.name}}
    adopt = {"existingContainer": "Adopt", "verify": verify}
    require_refused(bench.restore(host_a, source, "in-place", **adopt), OTHER, "=bank")
    assert theirs.started_at == since
    assert theirs.exec("test", "-e", "/touched", check=False).returncode == 1

    # An archive that Podman has made tells whose it is by the label alone.
    folder = archive_in_host(status).rpartition("/")[0]
    theirs.host.exec(
        *("podman", "container", "checkpoint", "--compress=none"),
        *("--export", f"{folder}/theirs.tar", theirs.name),
    )
    digest = host_a.exec("sha256sum", f"{folder}/theirs.tar").stdout.split()[0]
    foreign = {"archive": {"uri": f"file://{folder}/theirs.tar", "digest": f"sha256:{digest}"}}
    host_b.load_image("busybox")
    require_refused(bench.restore(host_b, foreign, "foreign"), OTHER, "the saved container")
    assert not theirs.on(host_b).exists()
    stopped = bench.restore(host_a, source, "stopped")
    require_refused(stopped, OTHER, "=bank")

    # What is restored keeps its label.
    bench.restore(host_b, saved, "moved").wait_ready()
    moved = own.on(host_b)
    assert moved.inspect(f'{{{{index .Config.Labels "{NAMESPACE_LABEL}"}}}}') == bench.prefix
    bench.checkpoint(moved, "again").wait_ready()
    bench.restore(host_b, {"containerRef": {"name": moved.name}}, "again").wait_ready()


@contextmanager
def label_required(host: Host) -> Iterator[None]:
    """Have a host ask for the label."""
    _ask(host, required=True)
    try:
        yield
    finally:
        _ask(host, required=False)


def _ask(host: Host, *, required: bool) -> None:
    what = ("podmanhost", host.name)
    patch = json.dumps({"spec": {"requireNamespaceLabel": required}})

    def seen() -> bool:
        found = json.loads(kubectl("get", *what, "--output=json").stdout)
        return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

    wait_until(seen, f"{host.name} to be registered")
    kubectl("patch", *what, "--type=merge", f"--patch={patch}")
    wait_until(seen, f"{host.name} to see its spec")


def test_a_host_that_asks_for_the_label(bench: Bench, host_a: Host, host_b: Host) -> None:
    unlabelled = bench.count(host_b, suffix="unlabelled")
    labelled = bench.count(host_b, label(bench.prefix))
    saved = bench.checkpoint(unlabelled, "before", leaveRunning=True, archive={})
    saved.wait_ready()
    cause, asked = "NamespaceLabelMissing", "this host asks for one"
    with label_required(host_b):
        require_refused(bench.checkpoint(unlabelled, "without"), cause, asked, "--label")
        require_refused(bench.restore(host_b, saved, "copy", name=bench.name("copy")), cause, asked)
        bench.checkpoint(labelled, "with").wait_ready()
        # A restarted agent asks the API server before it does anything.
        host_b.agent_kill()
        waiting = bench.checkpoint(unlabelled, "restarted")
        host_b.agent_start()
        require_refused(waiting, cause, asked)
    unlabelled.require_counting_on(since=len(unlabelled.counts()))
    bench.checkpoint(unlabelled, "after").wait_ready()


def test_other_namespaces_cannot_reach_it(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, label(bench.prefix))
    status = bench.checkpoint(container, leaveRunning=True, archive={}).wait_ready()
    stranger = Bench()
    make_namespace(stranger.prefix)
    try:
        require_refused(stranger.checkpoint(container), OTHER, f"in namespace {bench.prefix}")
        copy = restore(host_a, at_source(status), "copy", name=bench.name("copy"))
        stranger.apply(copy).wait_ended()
        diagnosis = stranger.object("ContainerRestore", "copy").status["diagnosis"]
        assert diagnosis["cause"] in (OTHER, "ArchiveOfOtherNamespace")
    finally:
        remove_namespace(stranger.prefix)
    container.require_counting_on(since=len(container.counts()))
