"""Bind mounts of an archive are laid down whole or not at all, on a real file system.

Not here: what an archive holds (tests/unit/archive), and kills (tests/e2e/test_bind_mounts.py).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.api.restore import RestoreSpec
from podman_checkpoint_operator.decisions.archive_preflight import Claim
from podman_checkpoint_operator.decisions.bind_mounts import SavedBind
from podman_checkpoint_operator.decisions.facts import Space, Target
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.source import ArchivedState
from podman_checkpoint_operator.host.bind_sources import BindSources
from podman_checkpoint_operator.reconcilers.archive_port import Archives
from podman_checkpoint_operator.reconcilers.bind_mounts import BindMounts
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.machine_port import Machine
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource

STATE = ArchivedState("file:///archive", "sha256:0", Claim("default"))
SOURCES = (Path("/srv/new/data"), Path("/srv/empty"))
SPEC: dict[str, Any] = {"source": {"containerRef": {"name": "db"}}}


class Host:
    """A file system below a folder, and the archive that is laid down on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "srv/empty").mkdir(parents=True)
        (root / "srv/empty").chmod(0o750)
        self.before = self.listing()
        self.journal = MemoryJournal()
        self.machine: Mock = create_autospec(Machine, instance=True)
        self.machine.bind_sources.return_value = BindSources(root)
        self.machine.space.side_effect = lambda purpose, path, needed_bytes: Space(
            purpose, path, 1 << 30, needed_bytes
        )
        self.archives: Mock = create_autospec(Archives, instance=True)
        self.archives.lay_down.side_effect = self.lay

    def lay(self, _uri: str, _digest: str, targets: Mapping[Path, Path]) -> None:
        for target in targets.values():
            content = self.root / target.relative_to("/")
            content.mkdir()
            (content / "row").write_text("1")

    def listing(self) -> list[tuple[str, int]]:
        return sorted(
            (str(each.relative_to(self.root)), each.lstat().st_mode)
            for each in self.root.rglob("*")
        )

    def bind_mounts(self, **spec: Any) -> BindMounts:
        """Return those of an agent that has just started."""
        of = resource(kind="ContainerRestore", **SPEC, **spec)
        course = operation(of, self.journal, RecordingReporter())
        wanted = RestoreSpec.model_validate(of.spec)
        binds = BindMounts(self.machine, self.archives, course, wanted)
        manifest = Mock(bind_mounts=[SavedBind(each, 1) for each in SOURCES])
        self.target, self.checks = binds.look(manifest, Target(missing_mount_sources=SOURCES))
        if not self.journal.kept:
            course.record(Step.RESTORING, laid=binds.plans())
        return binds


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_is_laid_down_does_not_count_as_missing(host: Host) -> None:
    host.bind_mounts()
    assert host.target.missing_mount_sources == ()
    assert {check.result for check in host.checks} == {"Pass"}


def test_laid_down_and_left_to_the_container(host: Host) -> None:
    binds = host.bind_mounts()
    binds.lay_down(STATE)
    binds.end()
    for source in SOURCES:
        folder = host.root / source.relative_to("/")
        assert (folder / "row").read_text() == "1"
        assert [each.name for each in folder.iterdir()] == ["row"]
    assert {each.name for each in (host.root / "srv").iterdir()} == {"new", "empty"}


def full(host: Host) -> Callable[..., None]:
    def lay(uri: str, digest: str, targets: Mapping[Path, Path]) -> None:
        host.lay(uri, digest, dict(list(targets.items())[:1]))
        raise OSError(errno.ENOSPC, "No space left on device")

    return lay


def corrupt(_: Host) -> Callable[..., None]:
    def lay(*_: Any) -> None:
        raise OperationFailed(Cause.ARCHIVE_CORRUPT, "damaged")

    return lay


@pytest.mark.parametrize(
    ("trouble", "cause"), [(full, Cause.NO_SPACE), (corrupt, Cause.ARCHIVE_CORRUPT)]
)
@pytest.mark.parametrize("same_agent", [True, False])
def test_what_fails_is_taken_back_as_it_was(
    host: Host, trouble: Callable[[Host], Any], cause: Cause, same_agent: bool
) -> None:
    host.archives.lay_down.side_effect = trouble(host)
    binds = host.bind_mounts()
    with pytest.raises(OperationFailed) as caught:
        binds.lay_down(STATE)
    assert caught.value.cause is cause
    if cause is Cause.NO_SPACE:
        assert "/srv/new/data" in caught.value.evidence
    (binds if same_agent else host.bind_mounts()).take_back()
    assert host.listing() == host.before


def test_what_was_put_in_place_already_is_taken_back(host: Host) -> None:
    binds = host.bind_mounts()
    binds.lay_down(STATE)
    binds.take_back()
    assert host.listing() == host.before


def test_what_has_come_meanwhile_is_neither_replaced_nor_removed(host: Host) -> None:
    binds = host.bind_mounts()

    def lay(*words: Any) -> None:
        host.lay(*words)
        (host.root / "srv/empty/mine").write_text("mine")

    host.archives.lay_down.side_effect = lay
    with pytest.raises(OperationFailed, match="something has come to /srv/empty") as caught:
        binds.lay_down(STATE)
    assert caught.value.cause is Cause.BIND_MOUNT_SOURCE_IN_USE
    binds.take_back()
    assert (host.root / "srv/empty/mine").read_text() == "mine"
    assert not (host.root / "srv/new").exists()
