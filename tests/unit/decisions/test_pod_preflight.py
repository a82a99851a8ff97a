"""Containers in pods, and in namespaces of other containers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import Container, Pod, State
from podman_checkpoint_operator.decisions.pod_preflight import (
    checkpoint_checks,
    joined_checks,
    locked_network_checks,
    restore_checks,
    shared_network_checks,
)
from podman_checkpoint_operator.decisions.preflight import Check
from tests.unit.samples import CONTAINER, STARTED

INFRA = "1d" * 32
POD = Pod("9c" * 32, "web", INFRA, ("ipc", "net", "uts"), ("db",))
SHARED = replace(POD, members=("db", "cache"))
JOINED = replace(CONTAINER, joined=(INFRA,), network_of=INFRA, dependencies=(INFRA,))
MEMBER = replace(JOINED, pod=POD.id)


def causes(checks: Iterable[Check]) -> list[Cause]:
    return [check.cause for check in checks if check.result == "Fail"]


@pytest.mark.parametrize(
    ("container", "pod", "archive", "expected"),
    [
        (CONTAINER, None, True, []),
        (MEMBER, POD, True, []),
        (MEMBER, POD, False, []),
        (JOINED, None, False, []),
        (JOINED, None, True, [Cause.DEPENDS_ON_CONTAINERS]),
        (
            replace(MEMBER, dependencies=(INFRA, "ab" * 32)),
            POD,
            True,
            [Cause.DEPENDS_ON_CONTAINERS],
        ),
        (replace(MEMBER, infra=True, dependencies=()), POD, False, [Cause.INFRA_CONTAINER]),
    ],
)
def test_checkpoints(
    container: Container, pod: Pod | None, archive: bool, expected: list[Cause]
) -> None:
    checks = checkpoint_checks(container, pod, archive=archive)
    assert causes(checks) == expected


@pytest.mark.parametrize(
    ("container", "pod", "connections", "leave_running", "warned"),
    [
        (MEMBER, SHARED, 1, False, True),
        (MEMBER, SHARED, 0, False, False),
        (MEMBER, SHARED, 1, True, False),
        (MEMBER, POD, 1, False, False),
        (JOINED, None, 1, False, True),
        (replace(MEMBER, network_of=""), SHARED, 1, False, False),
    ],
)
def test_others_lose_the_network_with_a_container_whose_connections_are_kept(
    container: Container, pod: Pod | None, connections: int, leave_running: bool, warned: bool
) -> None:
    checks = list(
        locked_network_checks(container, pod, connections=connections, leave_running=leave_running)
    )
    assert [check.result for check in checks] == (["Warn"] if warned else [])


@pytest.mark.parametrize(
    ("in_pod", "wanted", "pod", "expected"),
    [
        (False, "", None, []),
        (True, "", None, [Cause.POD_NEEDED]),
        (False, "web", POD, [Cause.POD_MISMATCH]),
        (True, "web", None, [Cause.POD_MISSING]),
        (True, "web", replace(POD, infra_id=""), [Cause.POD_MISMATCH]),
        (True, "web", replace(POD, shared=("net",)), [Cause.POD_MISMATCH]),
        (True, "web", POD, []),
    ],
)
def test_an_archive_and_a_pod_fit(
    in_pod: bool, wanted: str, pod: Pod | None, expected: list[Cause]
) -> None:
    shared = ("ipc", "net") if in_pod else ()
    checks = list(restore_checks("db", in_pod=in_pod, shared=shared, wanted=wanted, pod=pod))
    assert causes(checks) == expected


def test_the_remedy_is_the_command_that_creates_the_pod() -> None:
    (check,) = restore_checks("db", in_pod=True, shared=("ipc", "net"), wanted="web", pod=None)
    assert check.remedy == "podman pod create --share ipc,net web"


def test_ports_and_addresses_are_the_pods() -> None:
    assert causes(shared_network_checks(("net",), ["spec.publishPorts"])) == [
        Cause.UNSUPPORTED_OPTION
    ]
    assert not list(shared_network_checks(("ipc",), ["spec.publishPorts"]))
    assert not list(shared_network_checks(("net",), []))


@pytest.mark.parametrize(
    ("other", "ok"),
    [
        (CONTAINER, True),
        (None, False),
        (replace(CONTAINER, state=State.EXITED), False),
        (replace(CONTAINER, started_at=STARTED + timedelta(hours=2)), False),
    ],
)
def test_the_namespaces_it_was_in_must_be_those_of_the_checkpoint(
    other: Container | None, ok: bool
) -> None:
    checks = joined_checks(JOINED, {INFRA: other}, STARTED + timedelta(hours=1))
    assert causes(checks) == ([] if ok else [Cause.DEPENDENCY_RESTARTED])
