"""Who else writes to what goes into an archive is told before it is begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from podman_checkpoint_operator.decisions.facts import Container, Mount
from podman_checkpoint_operator.decisions.shared_mounts import copied, shared_mount_checks
from tests.unit.samples import CONTAINER

VOLUME = Mount("volume", Path("/storage/volumes/data/_data"), Path("/data"), "data")
BIND = Mount("bind", Path("/srv/app"), Path("/app"))
LEFT_OUT = Mount("bind", Path("/srv/other"), Path("/other"))
SAVED = replace(CONTAINER, mounts=(VOLUME, BIND, LEFT_OUT))


def other(name: str, *mounts: Mount) -> Container:
    return replace(CONTAINER, id=f"id-{name}", name=name, mounts=mounts)


def test_what_is_copied_is_what_the_archive_carries() -> None:
    assert copied(SAVED, volumes=["data"], bind_mounts=[BIND.source]) == (VOLUME, BIND)
    assert copied(SAVED, volumes=[], bind_mounts=[]) == ()


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ([], ""),
        ([SAVED], ""),
        ([other("reader", replace(VOLUME, writable=False))], ""),
        ([other("elsewhere", LEFT_OUT)], ""),
        ([other("writer", replace(VOLUME, destination=Path("/var/lib/data")))], "data"),
        ([other("writer", replace(BIND, destination=Path("/elsewhere")))], "/srv/app"),
    ],
)
def test_writers_are_named(others: list[Container], named: str) -> None:
    (check,) = shared_mount_checks(SAVED, [VOLUME, BIND], others)
    assert check.result == ("Warn" if named else "Pass")
    assert named in check.message
    if named:
        assert "writer" in check.message
        assert "podman pause" in check.remedy


def test_nothing_is_said_of_an_archive_that_carries_no_mounts() -> None:
    assert not list(shared_mount_checks(SAVED, [], [other("writer", VOLUME)]))
