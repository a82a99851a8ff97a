"""One resource is one operation: applied again, created anew; and deleted, with its archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.api.names import FINALIZER
from tests.e2e import support
from tests.e2e.support import archive_in_host
from tests.lab import paths

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


@pytest.fixture
def container(bench: Bench, host_a: Host) -> Container:
    """A container on host-a that counts."""
    return bench.count(host_a)


def seen(thing: Object) -> tuple[object, ...]:
    """Return what changes when an operation is carried out once more."""
    found = thing.get()
    metadata = found["metadata"]
    return metadata["uid"], metadata["generation"], metadata["resourceVersion"], found["status"]


def archives(bench: Bench) -> list[str]:
    return [path.name for path in (paths.ARCHIVES / bench.prefix).iterdir()]


def test_applying_again_does_nothing(bench: Bench, container: Container, host_b: Host) -> None:
    host_b.load_image("busybox")
    checkpoint = support.checkpoint(container, "saved", leaveRunning=True, archive={})
    saved = bench.apply(checkpoint)
    saved.wait_ready()
    restore = support.restore(host_b, saved, "back")
    back = bench.apply(restore)
    back.wait_ready()
    before = (seen(saved), seen(back), archives(bench))
    started = container.on(host_b).started_at

    bench.apply(checkpoint)
    bench.apply(restore)
    # An agent takes resources up in the order in which it hears of them: when this one is done, it
    # has seen the others.
    for host in (container.host, host_b):
        barrier = bench.checkpoint(container.on(host), f"after-{host.name}")
        barrier.wait_ready()

    assert (seen(saved), seen(back), archives(bench)) == before
    assert container.on(host_b).started_at == started
    assert len(before[2]) == 1


def test_an_agent_that_starts_again_does_nothing_again(
    bench: Bench, container: Container, host_a: Host
) -> None:
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    before = (seen(saved), archives(bench))

    host_a.agent_kill()
    host_a.agent_start()
    bench.checkpoint(container, "later").wait_ready()

    assert (seen(saved), archives(bench)) == before


def test_deleted_and_created_anew_it_is_a_new_operation(bench: Bench, container: Container) -> None:
    manifest = support.checkpoint(container, "saved", leaveRunning=True, archive={})
    saved = bench.apply(manifest)
    first = saved.wait_ready()
    saved.delete()

    second = bench.apply(manifest).wait_ready()

    assert first["archive"]["uri"] != second["archive"]["uri"]
    assert len(archives(bench)) == 2


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_what_becomes_of_the_archive(
    bench: Bench, container: Container, host_a: Host, policy: str
) -> None:
    saved = bench.checkpoint(container, leaveRunning=True, archive={}, deletionPolicy=policy)
    path = archive_in_host(saved.wait_ready())
    finalizers = saved.get()["metadata"].get("finalizers", [])

    saved.delete()

    assert not saved.exists()
    assert finalizers == ([FINALIZER] if policy == "Delete" else [])
    kept = host_a.exec("test", "-e", path, check=False).returncode == 0
    assert kept == (policy == "Retain")


def test_delete_removes_no_more_than_its_own_archive(bench: Bench, container: Container) -> None:
    other = bench.checkpoint(container, "other", leaveRunning=True, archive={})
    other.wait_ready()
    saved = bench.checkpoint(
        container, "saved", leaveRunning=True, archive={}, deletionPolicy="Delete"
    )
    saved.wait_ready()

    saved.delete()

    assert archives(bench) == [archive_in_host(other.status).rpartition("/")[2]]


def test_deleting_a_restore_leaves_its_container(
    bench: Bench, container: Container, host_a: Host
) -> None:
    saved = bench.checkpoint(container)
    back = bench.restore(host_a, saved)
    back.wait_ready()

    back.delete()
    saved.delete()

    container.require_counting_on(since=len(container.counts()))
