"""Holes are made only where nobody but the held container writes, and never at a restore's cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import Container, Mount, SparseFile, State
from podman_checkpoint_operator.decisions.failures import Interrupted, OperationFailed
from podman_checkpoint_operator.reconcilers import holes
from podman_checkpoint_operator.reconcilers.archive_port import Archives
from podman_checkpoint_operator.reconcilers.holes import Holes
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.machine_port import Machine, Pause
from podman_checkpoint_operator.reconcilers.podman_port import Podman
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource
from tests.unit.samples import CONTAINER

VOLUMES = {name: Path(f"/volumes/{name}/_data") for name in ("made", "shared", "older")}
RUNNING = replace(
    CONTAINER,
    mounts=tuple(Mount("volume", path, Path("/x"), name) for name, path in VOLUMES.items()),
)
FILES = [SparseFile(volume, "file", ((0, 1 << 20),)) for volume in ("", *VOLUMES)]


class Host:
    """A restored container on a host, and what is done to it."""

    def __init__(self, container: Container | None = RUNNING) -> None:
        self.frozen = False
        self.windows = 0
        self.made: list[Path] = []
        self.stopping = False
        self.error: Exception | None = None
        self.reporter = RecordingReporter()
        self.podman = create_autospec(Podman, instance=True)
        self.podman.find.return_value = container
        self.podman.sharing.side_effect = lambda mounts: (
            (RUNNING, replace(CONTAINER, id="another")) if "shared" in mounts else (RUNNING,)
        )
        self.machine = create_autospec(Machine, instance=True)
        self.machine.frozen.side_effect = self._freeze
        self.machine.make_holes.side_effect = self._make
        self.archives = create_autospec(Archives, instance=True)
        self.archives.sparse_files.return_value = FILES

    def make(self, *, root_fs: bool = True) -> None:
        under_way = operation(
            resource(), MemoryJournal(), self.reporter, stopping=lambda: self.stopping
        )
        under_way.record(Step.RESTORED, madeVolumes=["made", "shared"])
        made = Holes(self.podman, self.machine, self.archives, under_way)
        made.make("file:///archive", CONTAINER.id, root_fs=root_fs)

    @contextmanager
    def _freeze(self, *_: Any, **__: Any) -> Iterator[Pause]:
        self.frozen, self.windows = True, self.windows + 1
        yield Pause()
        self.frozen = False

    def _make(self, root: Path, files: list[SparseFile]) -> Iterator[None]:
        for _file in files:
            if self.error is not None:
                raise self.error
            assert self.frozen
            self.made.append(root)
            yield


def test_in_the_root_file_system_and_on_volumes_of_its_own() -> None:
    host = Host()
    host.make()
    assert host.made == [CONTAINER.upper, VOLUMES["made"]]
    assert host.windows == 1
    assert not host.reporter.events


def test_not_in_a_root_file_system_that_was_not_restored() -> None:
    host = Host()
    host.make(root_fs=False)
    assert host.made == [VOLUMES["made"]]


def test_the_container_goes_on_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holes, "PAUSE_SECONDS", -1)
    host = Host()
    host.make()
    assert host.windows == 3
    assert len(host.made) == 2


@pytest.mark.parametrize("container", [None, replace(RUNNING, state=State.EXITED)])
def test_a_container_that_has_ended(container: Container | None) -> None:
    host = Host(container)
    host.make()
    assert not host.windows
    assert not host.reporter.events


def test_an_archive_without_sparse_files_costs_no_pause() -> None:
    host = Host()
    host.archives.sparse_files.return_value = []
    host.make()
    assert not host.windows


@pytest.mark.parametrize(
    "error", [OSError(95, "Operation not supported"), OperationFailed(Cause.CANNOT_FREEZE, "no")]
)
def test_a_restore_is_as_good_without(error: Exception) -> None:
    host = Host()
    host.error = error
    host.make()
    ((severity, reason, message),) = host.reporter.events
    assert (severity, reason) == ("Warning", "HolesNotMade")
    assert str(error) in message


def test_an_agent_that_stops_goes_on_after_its_start() -> None:
    host = Host()
    host.stopping = True
    with pytest.raises(Interrupted):
        host.make()
    assert not host.made
