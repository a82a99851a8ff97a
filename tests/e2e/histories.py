"""Random histories of a container's files, saved, restored elsewhere and compared in full.

One container has many histories, each in trees of its own: one that came with the image, one made
in the root file system, one on a named volume. So a checkpoint proves many at once, and a history
that fails is shortened by trying all its shorter forms in one further container.
"""

from __future__ import annotations

import json
import os
import secrets
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests import trees
from tests.e2e.soak import SOAKING
from tests.e2e.support import archive_in_host
from tests.lab.images import TREES
from tests.trees import Step
from tests.unit.archive.trees import ANY_PATHS, FEW_PATHS, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host
    from tests.trees import Names

SEED_VARIABLE: Final = "HISTORIES_SEED"
"""Names the seed of an earlier run, to repeat it."""

AREAS: Final = (b"image", b"fresh", b"data")
"""Trees below the container's root: the image's, the root file system's own, the volume's."""

_IMAGE: Final = "/image"

_LONGEST_IN_HEADER: Final = 100

_MOST_TRIES: Final = 10
"""Containers that are made to shorten a history."""

# A restore interrupts the sleep of a program that knows nothing of it.
IDLE: Final = ("sh", "-c", "while :; do sleep 1; done")

Look = dict[str, dict[str, Any]]
History = list[Step]


def seed_of_this_run() -> int:
    """Return the seed that the environment names, else any for a soak, else always the same."""
    seed = int(os.environ.get(SEED_VARIABLE) or (secrets.randbits(32) if SOAKING else 0))
    print(f"{SEED_VARIABLE}={seed}")
    return seed


def generate(count: int, of_seed: int) -> list[History]:
    """Return random histories: the same ones for the same seed."""
    found: list[History] = []
    names = st.one_of(st.sampled_from(FEW_PATHS), ANY_PATHS)
    areas = st.sampled_from([AREAS[0], *AREAS])
    paths: st.SearchStrategy[Names] = st.builds(lambda area, rest: (area, *rest), areas, names)
    favoured = ["remove", "again", "rename", "exchange", "directory", "file", "link", "overwrite"]

    @seed(of_seed)
    @settings(
        max_examples=2 * count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(steps(paths=paths, actions=[*trees.ACTIONS, *favoured], least=20, most=60))
    def collect(history: History) -> None:
        found.append(history)

    collect()
    # Hypothesis begins with the shortest ones.
    return sorted(found, key=len)[-count:]


@dataclass(frozen=True)
class Proof:
    """Histories run on one host, and what is left of them on another."""

    bench: Bench
    source: Host
    target: Host
    by_hand: bool = False
    """Restore what was saved live by Podman's own command."""

    def require(self, histories: list[History]) -> None:
        """See that histories come out the same, a batch for each container.

        Raises:
            AssertionError: one does not; the message holds the shortest form of it that fails.
        """
        for start in range(0, len(histories), TREES):
            batch = histories[start : start + TREES]
            failed = self.differences(batch)
            if failed:
                number, difference = min(failed.items(), key=lambda each: len(batch[each[0]]))
                # Said first, in case that looking for a shorter one comes to no end.
                print(_told(batch[number], difference))
                raise AssertionError(self._shortest(batch[number], difference))

    def differences(self, histories: list[History]) -> dict[int, str]:
        """Return which histories' trees come out different, and how.

        The first half of each is saved live, the whole by a checkpoint that stops the container.
        """
        options = (f"--volume={self.bench.name('histories')}:/data", "--network=none")
        container = self.bench.run(
            self.source, *IDLE, options=options, image="trees", suffix="histories"
        )
        self.target.load_image("trees")
        try:
            image = perform(container, [_ground() for _ in histories])[_IMAGE]
            first = [history[: len(history) // 2] for history in histories]
            rest = [history[len(history) // 2 :] for history in histories]
            before = perform(container, first)
            after = self._moved(container, "live", leaveRunning=True)
            expected = _expected(before, image, holes=not self.by_hand)
            failed = _different(expected, after, len(histories), "live")
            before = perform(container, rest)
            after = self._moved(container, "stopped", leaveRunning=False)
            expected = _expected(before, image, holes=True)
            return {**_different(expected, after, len(histories), "stopped"), **failed}
        finally:
            _remove(container)

    def _moved(self, container: Container, resource: str, **spec: Any) -> Look:
        saved = self.bench.checkpoint(container, resource, archive={}, **spec)
        there = container.on(self.target)
        try:
            archive = archive_in_host(saved.wait_ready())
            if self.by_hand and spec["leaveRunning"]:
                self.target.exec("podman", "container", "restore", "--import", archive)
            else:
                back = self.bench.restore(self.target, saved, resource)
                back.wait_ready()
                back.delete()
            after = perform(there, [])
            self.source.exec("rm", archive)
        finally:
            _remove(there)
            saved.delete()
        return after

    def _shortest(self, history: History, difference: str) -> str:
        """Leave out steps as long as it still fails, and tell what is left."""
        tries = 0
        shorter = _shorter(history)
        while tries < _MOST_TRIES and (batch := list(islice(shorter, TREES))):
            tries += 1
            if failed := self.differences(batch):
                number, difference = min(failed.items(), key=lambda each: len(batch[each[0]]))
                history = batch[number]
                shorter = _shorter(history)
        return _told(history, difference)


def _shorter(history: History) -> Iterator[History]:
    """Leave out a half, a quarter, and so on to a step: the shortest first."""
    size = len(history) // 2
    while size:
        for start in range(0, len(history), size):
            yield history[:start] + history[start + size :]
        size //= 2


def _told(history: History, difference: str) -> str:
    steps = "\n".join(f"  {step}" for step in history)
    return f"these steps do not survive:\n{steps}\n{difference}"


def perform(container: Container, histories: list[History]) -> Look:
    """Run each history on trees of its own in a running container; return what is there then."""
    steps = [
        replace(step, path=_placed(step.path, number), other=_placed(step.other, number))
        for number, history in enumerate(histories)
        for step in history
    ]
    job = {"steps": [asdict(step) for step in steps], "trees": [f"/{a.decode()}" for a in AREAS]}
    root = f"/proc/{container.inspect('{{.State.Pid}}')}/root"
    program = Path(trees.__file__).read_text(encoding="utf-8")
    shown = container.host.exec(
        "python3", "-c", program, root, stdin=json.dumps(trees.to_json(job))
    )
    look: Look = json.loads(shown.stdout)
    return look


def _ground() -> History:
    """Return the steps that lay out a history's own trees."""

    def step(action: str, *path: bytes) -> Step:
        return Step(action, path, (b"",), b"from the beginning", 0, 0, 1_600_000_000_000_000_001)

    return [
        step(action, area, *names)
        for area in AREAS[1:]
        for action, names in (
            ("directory", (b"a", b"a")),
            ("file", (b"a", b"a", b"a")),
            ("file", (b"a", b"\xff")),
            ("file", (b"b",)),
        )
    ]


def _placed(path: Names, number: int) -> Names:
    return (path[0], f"{number:02}".encode(), *path[1:])


def _expected(before: Look, image: dict[str, Any], *, holes: bool) -> Look:
    """Forget what nobody can restore.

    Podman deletes what has no room in a header after it has unpacked everything, which moves the
    times of the directories. It makes no holes; the agent does, after it, but in files whose
    capabilities that would cost.
    """
    expected = deepcopy(before)
    for seen in chain.from_iterable(tree.values() for tree in expected.values()):
        seen["sparse"] &= holes and "security.capability" not in dict(seen["attributes"])
    for name in image.keys() - before[_IMAGE].keys():
        if all(len(part) <= _LONGEST_IN_HEADER for part in name.split("/")):
            continue
        directory = expected[_IMAGE].get(name.rpartition("/")[0])
        if directory is not None:
            directory["mtime_ns"] = None
    return expected


def _different(before: Look, after: Look, count: int, how: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for area in before:
        for name in {**before[area], **after[area]}:
            was, came = before[area].get(name), after[area].get(name)
            if was is not None and came is not None and was["mtime_ns"] is None:
                came = {**came, "mtime_ns": None}
            number = name.split("/")[1]
            if was != came and number.isdecimal() and int(number) < count:
                text = f"{how}, {area}{name!r}: {_changes(was, came)}\n"
                found[int(number)] = found.get(int(number), "") + text
    return found


def _changes(was: dict[str, Any] | None, came: dict[str, Any] | None) -> str:
    if was is None or came is None:
        return f"was {was}, is {came}"
    return ", ".join(
        f"{key} was {was[key]!r}, is {came[key]!r}" for key in was if was[key] != came[key]
    )


def _remove(container: Container) -> None:
    if container.exists():
        name = container.inspect("{{range .Mounts}}{{.Name}}{{end}}")
        container.remove()
        container.host.exec("podman", "volume", "rm", "--force", name)
