"""What is costly is built once, and a build that fails leaves nothing that looks built."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.lab import paths
from tests.lab.cache import built_once, digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_the_second_time_takes_what_is_there() -> None:
    builds = []

    def build(target: Path) -> None:
        builds.append(target)
        target.write_text(f"built {len(builds)} times")

    paths_built = {built_once("thing-1", build, note="a thing") for _ in range(3)}

    assert [path.read_text() for path in paths_built] == ["built 1 times"]


def test_two_at_the_same_moment_build_once() -> None:
    builds = []

    def build(target: Path) -> None:
        builds.append(target)
        target.mkdir()

    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in range(8):
            pool.submit(built_once, "thing-1", build, note="a thing")

    assert len(builds) == 1


def test_a_failed_build_leaves_nothing(cache: Path) -> None:
    def build(target: Path) -> None:
        target.write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        built_once("thing-1", build, note="a thing")

    assert [path.name for path in cache.iterdir()] == ["locks"]


def test_the_digest_follows_every_part() -> None:
    assert digest("a", {"b": 1}) == digest("a", {"b": 1})
    assert len({digest("a", {"b": 1}), digest("a", {"b": 2}), digest({"b": 1}, "a")}) == 3
