"""Which bind mounts are carried, and what stands in the way of laying them down."""

from __future__ import annotations

from pathlib import Path

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.bind_mounts import (
    SavedBind,
    outermost,
    source_checks,
    to_lay_down,
    why_left_out,
)
from podman_checkpoint_operator.decisions.facts import PathKind, Space

STORES = {"Podman's storage": Path("/var/lib/containers/storage")}
DATA, CONF = SavedBind(Path("/srv/data"), 1000), SavedBind(Path("/etc/app.conf"), 10)


@pytest.mark.parametrize(
    ("source", "kind", "reason"),
    [
        ("/", PathKind.DIRECTORY, "whole file system"),
        ("/dev", PathKind.DIRECTORY, "/dev belongs"),
        ("/sys/fs/cgroup", PathKind.DIRECTORY, "/sys belongs"),
        ("/proc/1", PathKind.DIRECTORY, "/proc belongs"),
        ("/run/podman/podman.sock", PathKind.OTHER, "/run belongs"),
        ("/srv/app.sock", PathKind.OTHER, "neither a directory nor a regular file"),
        ("/var", PathKind.DIRECTORY, "Podman's storage is there"),
        ("/var/lib/containers/storage/volumes/x", PathKind.DIRECTORY, "Podman's storage is there"),
        ("/srv/gone", PathKind.ABSENT, "neither a directory nor a regular file"),
        ("/srv/data", PathKind.DIRECTORY, ""),
        ("/srv/data", PathKind.EMPTY_DIRECTORY, ""),
        ("/etc/localtime", PathKind.FILE, ""),
        ("/device", PathKind.DIRECTORY, ""),
    ],
)
def test_what_is_never_carried(source: str, kind: PathKind, reason: str) -> None:
    found = why_left_out(Path(source), kind, STORES)

    assert reason in found
    assert bool(found) == bool(reason)


def test_what_is_in_another_source_is_carried_once() -> None:
    paths = [Path(each) for each in ("/a/b", "/a", "/ab", "/a", "/c/d")]

    assert outermost(paths) == [Path("/a"), Path("/ab"), Path("/c/d")]


@pytest.mark.parametrize("kind", [PathKind.ABSENT, PathKind.EMPTY_DIRECTORY])
@pytest.mark.parametrize("use_existing", [False, True])
def test_where_nothing_is_content_is_laid_down(kind: PathKind, use_existing: bool) -> None:
    kinds = {DATA.source: kind, CONF.source: PathKind.ABSENT}

    (check,) = source_checks([DATA, CONF], kinds, [], use_existing=use_existing)

    assert check.result == "Pass"
    assert to_lay_down([DATA, CONF], kinds) == [DATA, CONF]


@pytest.mark.parametrize("kind", [PathKind.DIRECTORY, PathKind.FILE, PathKind.OTHER])
def test_what_is_there_is_used_only_if_asked_for(kind: PathKind) -> None:
    kinds = {DATA.source: kind, CONF.source: PathKind.ABSENT}

    (refused,) = source_checks([DATA, CONF], kinds, [], use_existing=False)
    (used,) = source_checks([DATA, CONF], kinds, [], use_existing=True)

    assert (refused.result, refused.cause) == ("Fail", Cause.BIND_MOUNT_SOURCE_IN_USE)
    assert "/srv/data" in refused.message
    assert "/etc/app.conf" not in refused.message
    assert "UseExisting" in refused.remedy
    assert used.result == "Pass"
    assert to_lay_down([DATA, CONF], kinds) == [CONF]


def test_there_must_be_room() -> None:
    space = Space("a bind mount", DATA.source, free_bytes=999, needed_bytes=1000)

    (check,) = source_checks([DATA], {DATA.source: PathKind.ABSENT}, [space], use_existing=False)

    assert (check.result, check.cause) == ("Fail", Cause.NO_SPACE)


def test_an_archive_without_bind_mounts_needs_no_check() -> None:
    assert not list(source_checks([], {}, [], use_existing=False))
