"""When a host is registered, reported and given a sign of life; the API server is a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from podman_checkpoint_operator.decisions.host_report import Observation
from podman_checkpoint_operator.reconcilers import registration
from podman_checkpoint_operator.reconcilers.podman_port import PodmanUnreachable
from podman_checkpoint_operator.reconcilers.registration import Registration
from podman_checkpoint_operator.reconcilers.resource import ResourceGone, StatusUnwritable
from tests.unit.clock import Clock
from tests.unit.decisions.test_host_report import SEEN

TIMED = registration


class Registry:
    """Has one PodmanHost, and counts what it is asked."""

    def __init__(self) -> None:
        self.host: dict[str, Any] | None = None
        self.made = 0
        self.beats = 0
        self.written: list[Mapping[str, Any]] = []
        self.away = False

    def register(self) -> Mapping[str, Any]:
        self._answer()
        if self.host is None:
            self.made += 1
            self.host = {"metadata": {"uid": f"uid-{self.made}", "generation": 1}}
        return self.host

    def status(self, uid: str, status: Mapping[str, Any]) -> None:
        self._answer()
        if self.host is None or self.host["metadata"]["uid"] != uid:
            raise ResourceGone("PodmanHost")
        self.written.append(status)
        self.host = {**self.host, "status": {**self.host.get("status", {}), **status}}

    def renew(self, host_uid: str) -> None:
        self._answer()
        self.beats += 1

    def _answer(self) -> None:
        if self.away:
            raise StatusUnwritable("connection refused")


class Podman:
    """A host that is looked at."""

    def __init__(self) -> None:
        self.seen: Observation | Exception = SEEN
        self.looks = 0

    def __call__(self) -> Observation:
        self.looks += 1
        if isinstance(self.seen, Exception):
            raise self.seen
        return self.seen


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def podman() -> Podman:
    return Podman()


@pytest.fixture
def registered(registry: Registry, podman: Podman, clock: Clock) -> Registration:
    return Registration(registry, podman)


def ready(registry: Registry) -> tuple[str, str]:
    conditions = registry.written[-1]["conditions"]
    (found,) = (each for each in conditions if each["type"] == "Ready")
    return found["status"], found["reason"]


def test_a_new_host_is_registered_and_described(
    registered: Registration, registry: Registry
) -> None:
    registered.beat()

    assert (registry.made, registry.beats, len(registry.written)) == (1, 1, 1)
    assert ready(registry) == ("True", "HostReady")
    assert registry.written[0]["podmanVersion"] == "5.4.2"


def test_heartbeats_neither_look_nor_write(
    registered: Registration, registry: Registry, podman: Podman
) -> None:
    for _ in range(5):
        registered.beat()

    assert (registry.beats, podman.looks, len(registry.written)) == (5, 1, 1)


def test_what_changes_is_found_at_the_next_look(
    registered: Registration, registry: Registry, podman: Podman, clock: Clock
) -> None:
    registered.beat()
    podman.seen = replace(SEEN, running=9)
    registered.beat()
    assert len(registry.written) == 1

    clock.now += registration.OBSERVE_SECONDS
    registered.beat()

    assert registry.written[-1]["containers"] == {"running": 9}


def test_small_changes_are_told_now_and_then(
    registered: Registration, registry: Registry, podman: Podman, clock: Clock
) -> None:
    registered.beat()
    podman.seen = replace(SEEN, store_available_bytes=499)
    clock.now += registration.OBSERVE_SECONDS
    registered.beat()
    assert len(registry.written) == 1

    clock.now += registration.REFRESH_SECONDS
    registered.beat()

    assert registry.written[-1]["stores"][0]["availableBytes"] == 499


def test_a_podman_that_is_away_leaves_the_description(
    registered: Registration, registry: Registry, podman: Podman, clock: Clock
) -> None:
    registered.beat()
    podman.seen = PodmanUnreachable("no such socket")
    clock.now += registration.OBSERVE_SECONDS
    registered.beat()

    assert ready(registry) == ("False", "PodmanUnreachable")
    assert registry.host is not None
    assert registry.host["status"]["podmanVersion"] == "5.4.2"


def test_a_host_that_others_delete_comes_back(registered: Registration, registry: Registry) -> None:
    registered.beat()
    assert registry.host is not None
    deleted, registry.host = registry.host, None

    registered.seen(deleted, deleted=True)
    registered.beat()

    assert (registry.made, len(registry.written)) == (2, 2)


def test_a_deletion_that_the_watch_has_not_told_of_yet(
    registered: Registration, registry: Registry, podman: Podman, clock: Clock
) -> None:
    registered.beat()
    registry.host = None
    podman.seen = replace(SEEN, running=9)
    clock.now += registration.OBSERVE_SECONDS

    registered.beat()
    registered.beat()

    assert registry.made == 2
    assert registry.written[-1]["containers"] == {"running": 9}


def test_what_others_write_is_put_right(registered: Registration, registry: Registry) -> None:
    registered.beat()
    assert registry.host is not None
    registry.host = {**registry.host, "status": {**registry.host["status"], "conditions": []}}

    registered.seen(registry.host, deleted=False)
    registered.beat()

    assert ready(registry) == ("True", "HostReady")
    assert len(registry.written) == 2


def test_its_own_write_is_no_news(
    registered: Registration, registry: Registry, podman: Podman
) -> None:
    registered.beat()
    assert registry.host is not None

    registered.seen(registry.host, deleted=False)
    registered.beat()

    assert podman.looks == 1


def test_an_api_server_that_is_away_is_no_error(
    registered: Registration, registry: Registry
) -> None:
    registry.away = True
    registered.beat()
    registry.away = False

    registered.beat()

    assert (registry.beats, len(registry.written)) == (1, 1)


def test_what_administrators_ask_is_known_before_anything_is_touched(
    registered: Registration, registry: Registry
) -> None:
    registry.away = True
    with pytest.raises(StatusUnwritable):
        registered.spec()
    registry.away = False
    assert not registered.spec().require_namespace_label

    assert registry.host is not None
    asked = {"requireNamespaceLabel": True, "ofANewerVersion": 1}
    registered.seen({**registry.host, "spec": asked}, deleted=False)

    assert registered.spec().require_namespace_label


def test_a_change_during_the_look_is_not_lost(registry: Registry, clock: Clock) -> None:
    def change() -> Observation:
        assert registry.host is not None
        metadata = {**registry.host["metadata"], "generation": 2}
        spec = {"requireNamespaceLabel": True}
        registry.host = {**registry.host, "metadata": metadata, "spec": spec}
        changed.seen(registry.host, deleted=False)
        return SEEN

    changed = Registration(registry, change)
    changed.beat()

    assert changed.spec().require_namespace_label


def test_a_new_generation_is_seen_at_once(registered: Registration, registry: Registry) -> None:
    registered.beat()
    assert registry.host is not None
    registry.host = {**registry.host, "metadata": {"uid": "uid-1", "generation": 2}}

    registered.seen(registry.host, deleted=False)
    registered.beat()

    assert registry.written[-1]["observedGeneration"] == 2


def test_what_others_tell_of_the_host_stays(
    registered: Registration, registry: Registry, podman: Podman, clock: Clock
) -> None:
    registered.beat()
    drained = {"type": "Drained", "status": "True"}

    def change(host: Mapping[str, Any]) -> Mapping[str, Any]:
        conditions = [*host["status"]["conditions"], drained]
        return {"conditions": conditions, "drain": {"undrainTime": None, "bootID": "b"}}

    registered.tell(change)
    assert registry.host is not None
    told = registry.host["status"]
    # As the API server merges it.
    registry.host["status"] = {**told, "drain": {"bootID": "b"}}
    registered.seen(registry.host, deleted=False)
    registered.beat()
    assert podman.looks == 1

    podman.seen = replace(SEEN, running=9)
    clock.now += registration.OBSERVE_SECONDS
    registered.beat()
    assert drained in registry.host["status"]["conditions"]
    assert registry.host["status"]["containers"] == {"running": 9}


def test_what_is_told_already_is_not_written(registered: Registration, registry: Registry) -> None:
    registered.tell(lambda _: None)
    assert not registry.written
