"""A host is described anew when its software or configuration changed, and only then.

Not here: a real Podman; see tests/e2e/test_failures_checkpoint.py, which takes CRIU away.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from podman_checkpoint_operator.decisions.facts import Host
from podman_checkpoint_operator.host import description
from podman_checkpoint_operator.host.description import HostDescription


@dataclass
class Described:
    """A host below a folder, and how often Podman was asked about it."""

    root: Path
    release: str = "5.4.2"
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "usr/bin").mkdir(parents=True)
        (self.root / "etc/containers/containers.conf.d").mkdir(parents=True)
        (self.root / "usr/bin/crun").write_text("one")

    def runtime(self) -> str:
        program = self.root / "usr/bin/crun"
        return program.read_text() if program.exists() else ""

    def say_release(self) -> str:
        if not self.release:
            raise ConnectionError("no Podman")
        return self.release

    def describe(self, criu_version: str) -> Host:
        self.asked.append(criu_version)
        return Host(
            podman_version=self.release,
            criu_version=criu_version,
            kernel_version="6.12",
            architecture="amd64",
            runtime="crun",
            runtime_version=self.runtime(),
            rootless=False,
            cgroup_version="v2",
            graph_root=Path("/var/lib/containers/storage"),
            storage_driver="overlay",
        )


@pytest.fixture
def host(tmp_path: Path) -> Described:
    return Described(tmp_path)


@pytest.fixture
def described(host: Described) -> HostDescription:
    return HostDescription(host.root, host.describe, host.say_release)


def test_it_is_not_asked_for_twice(host: Described, described: HostDescription) -> None:
    assert described.current() == described.current() == described.known()
    assert len(host.asked) == 1


def replace(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)


def relink(host: Described) -> None:
    (host.root / "usr/bin/crun-2").write_text("two")
    os.symlink("crun-2", host.root / "usr/bin/link")
    (host.root / "usr/bin/link").rename(host.root / "usr/bin/crun")


CHANGES: dict[str, Callable[[Described], object]] = {
    "a program replaced": lambda host: replace(host.root / "usr/bin/crun", "two"),
    "a program overwritten": lambda host: (host.root / "usr/bin/crun").write_text("two, longer"),
    "a program added": lambda host: (host.root / "usr/bin/criu").write_text(""),
    "a program gone": lambda host: (host.root / "usr/bin/crun").rename(host.root / "elsewhere"),
    "a link in its place": relink,
    "a drop-in": lambda host: (host.root / "etc/containers/containers.conf.d/10.conf").write_text(
        "[engine]"
    ),
    "a configuration file": lambda host: (host.root / "etc/containers/storage.conf").write_text(
        "[storage]"
    ),
    "another Podman": lambda host: setattr(host, "release", "5.5.0"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(
    host: Described, described: HostDescription, change: Callable[[Described], object]
) -> None:
    described.current()
    change(host)
    now = described.current()
    assert (now.podman_version, now.runtime_version) == (host.release, host.runtime())
    assert described.known() is now
    assert len(host.asked) == 2


def test_what_files_do_not_show_is_seen_after_a_while(
    host: Described, described: HostDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    described.current()
    monkeypatch.setattr(description, "_MAX_AGE_SECONDS", -1.0)
    described.current()
    assert len(host.asked) == 2


def test_podman_that_is_away_is_noticed(host: Described, described: HostDescription) -> None:
    described.current()
    host.release = ""
    with pytest.raises(ConnectionError):
        described.current()


def test_a_host_without_criu_tracks_no_memory(described: HostDescription) -> None:
    assert not described.tracks_memory()
