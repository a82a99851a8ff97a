"""A bind mount's content comes to its place whole, over nothing, and is taken back alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from podman_checkpoint_operator.decisions.facts import PathKind
from podman_checkpoint_operator.host.bind_sources import BindSources
from podman_checkpoint_operator.reconcilers.bind_port import Place

SOURCE = Path("/srv/app/data")
UID = "0123456789abcdef"


@pytest.fixture
def sources(tmp_path: Path) -> BindSources:
    (tmp_path / "srv").mkdir()
    return BindSources(tmp_path)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def laid(sources: BindSources, root: Path, *, is_file: bool = False) -> Place:
    """Lay something down, as far as before it is put in place."""
    place = sources.plan(SOURCE, UID)
    sources.begin(place)
    content = root / place.content.relative_to("/")
    if is_file:
        content.write_text("rows")
    else:
        content.mkdir()
        (content / "rows").touch()
    return Place.from_json(sources.settle(place).to_json())


def test_what_is_where(sources: BindSources, tmp_path: Path) -> None:
    (tmp_path / "srv/full/sub").mkdir(parents=True)
    (tmp_path / "srv/file").touch()
    (tmp_path / "srv/link").symlink_to("file")

    found = {name: sources.kind(Path("/srv") / name) for name in ("full", "file", "link", "no")}

    assert found == {
        "full": PathKind.DIRECTORY,
        "file": PathKind.FILE,
        "link": PathKind.OTHER,
        "no": PathKind.ABSENT,
    }
    assert sources.kind(Path("/srv/full/sub")) is PathKind.EMPTY_DIRECTORY
    assert sources.kind(Path("/srv/file/below")) is PathKind.ABSENT


@pytest.mark.parametrize("is_file", [False, True])
def test_where_nothing_was(sources: BindSources, tmp_path: Path, is_file: bool) -> None:
    place = laid(sources, tmp_path, is_file=is_file)
    sources.put_in_place(place)
    sources.end(place)

    rows = [] if is_file else ["srv/app/data/rows"]
    assert tree(tmp_path) == ["srv", "srv/app", "srv/app/data", *rows]

    sources.take_back(place)

    assert tree(tmp_path) == ["srv"]


def test_where_an_empty_directory_was(sources: BindSources, tmp_path: Path) -> None:
    empty = tmp_path / "srv/app/data"
    empty.mkdir(parents=True)
    empty.chmod(0o2750)
    place = laid(sources, tmp_path)
    sources.put_in_place(place)

    assert (empty / "rows").exists()
    sources.take_back(place)

    assert tree(tmp_path) == ["srv", "srv/app", "srv/app/data"]
    assert stat.S_IMODE(empty.stat().st_mode) == 0o2750


@pytest.mark.parametrize("is_file", [False, True])
def test_what_has_come_meanwhile_is_left_alone(
    sources: BindSources, tmp_path: Path, is_file: bool
) -> None:
    place = laid(sources, tmp_path, is_file=is_file)
    other = tmp_path / "srv/app/data"
    if is_file:
        other.write_text("somebody's")
    else:
        other.mkdir()
        (other / "somebody's").touch()
    before = [name for name in tree(tmp_path) if ".podman" not in name]

    with pytest.raises(OSError, match=r"exists|not empty"):
        sources.put_in_place(place)
    sources.take_back(place)

    assert tree(tmp_path) == before


def test_what_others_have_put_beside_it_stays(sources: BindSources, tmp_path: Path) -> None:
    place = laid(sources, tmp_path)
    sources.put_in_place(place)
    (tmp_path / "srv/app/somebody's").touch()

    sources.take_back(place)

    assert tree(tmp_path) == ["srv", "srv/app", "srv/app/somebody's"]


def test_taking_back_what_was_only_planned(sources: BindSources, tmp_path: Path) -> None:
    place = sources.plan(SOURCE, UID)
    sources.take_back(place)
    sources.take_back(place)

    assert tree(tmp_path) == ["srv"]
