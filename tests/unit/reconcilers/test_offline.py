"""A shutdown while the API server is away: containers are saved, and restored when it is back.

Not here: that operations run without an API server; tests/e2e/test_shutdown.py.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.api.conditions import timestamp
from podman_checkpoint_operator.decisions.shutdown import Answer
from podman_checkpoint_operator.host.offline_records import OfflineRecords
from podman_checkpoint_operator.reconcilers.drain import Drain
from podman_checkpoint_operator.reconcilers.drain_told import Told
from podman_checkpoint_operator.reconcilers.offline import NoOffline, Offline, OfflineHost
from podman_checkpoint_operator.reconcilers.reports import Reports
from podman_checkpoint_operator.reconcilers.resource import Resource, StatusUnwritable
from tests.unit.reconcilers.drain_world import Killed, Podman, World

if TYPE_CHECKING:
    from collections.abc import Mapping


class Records(OfflineRecords):
    """Kept in files; an agent may be killed before each write."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder)
        self._world = world

    def write_host(self, host: Mapping[str, Any]) -> None:
        self._world.step()
        super().write_host(host)

    def write_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        self._world.step()
        super().write_checkpoint(checkpoint)

    def forget(self) -> None:
        self._world.step()
        super().forget()


class Site(World):
    """A host whose API server may be away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.away = False
        self.begun: dict[str, Mapping[str, Any]] = {}
        super().__init__()

    def agent(self) -> None:
        podman: Any = Podman(self)
        self.begun = {}
        self.records = Records(self.folder, self)
        host = OfflineHost(self.records, self.begin)
        alone = Drain(host, host, host, podman, self, NoOffline(), boot_id=lambda: self.boot_id)
        told = Told(self, self, self)
        offline = Offline(host, alone)
        self.drain = Drain(self, told, self, podman, self, offline, boot_id=lambda: self.boot_id)

    def begin(self, checkpoint: Mapping[str, Any]) -> None:
        self.begun[checkpoint["metadata"]["uid"]] = checkpoint

    def called(self) -> None:
        if self.away:
            raise StatusUnwritable("no route to host")

    def current(self) -> Mapping[str, Any]:
        self.called()
        return super().current()

    def see(self) -> None:
        """Let the agent hear of its PodmanHost, as long as there is somebody to tell of it."""
        self.drain.seen(copy.deepcopy(self.host), deleted=False)

    def work(self, *, well: bool = True) -> None:
        """Let the operations that were begun without the API server come to their end."""
        for uid, checkpoint in self.begun.items():
            resource = copy.deepcopy(dict(checkpoint))
            self.end(resource, well=well)
            about = Resource("ContainerCheckpoint", "n", "n", uid, 1, checkpoint["spec"])
            nobody: Any = None
            Reports(nobody, self.records).status(about, resource["status"])
        self.begun = {}

    def shut_down(self) -> Answer:
        """Do what a hold does, and return what it hears in the end."""
        self.shutdown = "request"
        for _ in range(30):
            self.drain.turn()
            self.work()
            if self.answers and self.answers[-1].over:
                return self.answers[-1]
        raise AssertionError(f"it never ends: {self.answers[-1:]}")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "offline")
    site.run("base")
    site.run("needs", dependencies=("base",))
    site.run("ignored", labels={})
    site.see()
    site.away = True
    return site


def require_restored(site: Site) -> None:
    site.until_quiet()
    assert site.told == {"base": "Restored", "needs": "Restored"}
    assert all(site.boxes[each].alive for each in ("base", "needs"))
    assert site.drained() == ("False", "NotDraining")
    assert not site.records.host()
    assert not site.turn()


def test_saved_and_restored_after_the_boot(site: Site) -> None:
    answer = site.shut_down()
    assert sorted(answer.safe) == ["name-base", "name-needs"]
    assert not answer.lost
    assert "status" not in site.host

    site.reboot()
    site.agent()
    site.away = False
    require_restored(site)
    assert not site.checkpoints_
    sources = [each["spec"]["source"] for each in site.restores_.values()]
    assert sources == [{"containerRef": {"id": "base"}}, {"containerRef": {"id": "needs"}}]


def test_an_agent_that_has_never_met_the_api_server_goes_by_what_others_heard(site: Site) -> None:
    site.drain.turn()
    site.agent()
    assert sorted(site.shut_down().safe) == ["name-base", "name-needs"]


def test_the_policy_is_the_one_that_was_heard_of_last(site: Site) -> None:
    site.drain.turn()
    site.ask(unschedulable=False, policy="All")
    site.see()
    assert len(site.shut_down().safe) == 3


def test_a_full_disk_does_not_hold_up_a_drain(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    site.away = False
    site.ask(unschedulable=True)
    monkeypatch.setattr(site.records, "write_known", full)
    site.until_quiet()
    assert site.drained() == ("True", "Drained")


def test_a_cancelled_shutdown_restores_when_the_api_server_is_back(site: Site) -> None:
    site.shut_down()
    site.shutdown = None
    site.drain.turn()
    assert not site.boxes["base"].alive
    site.away = False
    require_restored(site)


def test_a_host_that_is_drained_stays_so(site: Site) -> None:
    site.host["spec"] = {"unschedulable": True}
    site.see()
    site.shut_down()
    site.reboot()
    site.agent()
    site.away = False
    site.until_quiet()
    assert site.told == {"base": "Safe", "needs": "Safe"}
    assert site.drained() == ("True", "Drained")
    site.ask(unschedulable=False)
    require_restored(site)


def test_two_shutdowns_without_an_api_server_in_between(site: Site) -> None:
    site.shut_down()
    site.reboot()
    site.answers.clear()
    site.run("ignored", labels={})
    site.shut_down()
    site.reboot()
    site.agent()
    site.away = False
    require_restored(site)


def test_what_cannot_be_saved_is_named(site: Site) -> None:
    site.shutdown = "request"
    site.drain.turn()
    site.drain.turn()
    site.work(well=False)
    answer = site.shut_down()
    assert answer.safe == ("name-base",)
    assert list(answer.lost) == ["name-needs"]
    site.reboot()
    site.agent()
    site.away = False
    site.until_quiet()
    assert site.told == {"base": "Restored"}


def test_a_checkpoint_that_the_api_server_had_already_does_not_stand_in_the_way(
    site: Site,
) -> None:
    """The agent had not heard of it yet, and finds a stopped container when it does."""
    site.away = False
    site.shutdown = "request"
    site.turn()
    (queued,) = site.under_way("ContainerCheckpoint")
    site.away = True
    site.shut_down()
    site.reboot()
    site.agent()
    site.away = False
    queued["status"] = {
        "conditions": [
            {"type": each, "status": status, "reason": "ContainerNotRunning", "message": "it ended"}
            for each, status in (("Ready", "False"), ("Stalled", "True"))
        ],
        "completionTime": timestamp(site.tick()),
    }
    require_restored(site)


def test_an_api_server_that_has_never_told_of_the_host(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.run("a")
    site.away = True
    site.shutdown = "request"
    assert site.drain.turn()
    assert site.answers[-1].trouble == "no route to host"
    assert not site.answers[-1].over


@pytest.mark.parametrize("calls", range(0, 30, 2))
def test_killed_anywhere_while_the_api_server_is_away(site: Site, calls: int) -> None:
    site.budget = calls
    with suppress(Killed):
        site.shut_down()
    site.budget = None
    site.agent()
    site.shut_down()
    site.reboot()
    site.agent()
    site.away = False
    require_restored(site)


@pytest.mark.parametrize("calls", range(16))
def test_killed_anywhere_when_the_api_server_is_back(site: Site, calls: int) -> None:
    site.shut_down()
    site.reboot()
    site.agent()
    site.away = False
    site.budget = calls
    with suppress(Killed):
        site.until_quiet()
    site.budget = None
    site.agent()
    require_restored(site)
