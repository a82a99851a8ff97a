"""Which work needs which capability, and what is said and refused where one lacks.

Not here: what the kernel refuses without them; see tests/e2e/test_capabilities.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.capabilities import (
    NEEDS,
    Capability,
    Work,
    lacking_of,
    work_of,
)
from podman_checkpoint_operator.decisions.checkpoint_preflight import host_checks
from podman_checkpoint_operator.decisions.host_files import PLACES, Sight, Trouble
from podman_checkpoint_operator.decisions.host_preflight import fitness_checks
from podman_checkpoint_operator.decisions.restore_preflight import option_checks
from podman_checkpoint_operator.decisions.rights import (
    ALL_RIGHTS,
    Rights,
    capability_check,
    rights_checks,
)
from tests.unit.samples import CONTAINER, HOST, STOPPING

ALL = (1 << 41) - 1


def without(*lacking: Capability) -> int:
    return ALL & ~sum(1 << NEEDS[each].bit for each in lacking)


def rights(*lacking: Capability, contained: bool) -> Rights:
    return Rights(lacking_of(without(*lacking), contained=contained), contained)


def test_the_kernel_gives_them_these_numbers() -> None:
    header = Path("/usr/include/linux/capability.h").read_text()
    numbers = dict(re.findall(r"^#define CAP_(\w+)\s+(\d+)$", header, re.MULTILINE))
    assert {name: int(numbers[name]) for name in Capability} == {
        name: need.bit for name, need in NEEDS.items()
    }


def test_an_agent_with_all_of_them_lacks_none() -> None:
    assert not lacking_of(ALL, contained=True)
    assert capability_check(ALL_RIGHTS, Work).result == "Pass"


@pytest.mark.parametrize("lacking", Capability)
def test_one_that_is_lacking_is_told_with_what_needs_it_and_where_to_add_it(
    lacking: Capability,
) -> None:
    check = capability_check(rights(lacking, contained=True), Work)
    assert (check.result, check.cause) == ("Fail", Cause.CAPABILITY_MISSING)
    need = NEEDS[lacking]
    assert check.message == (
        f"the agent runs without {lacking}, which {need.work} to {need.purpose}"
    )
    assert f"Add {lacking} to securityContext.capabilities.add" in check.remedy


def test_all_that_are_lacking_are_told_at_once() -> None:
    lacking = (Capability.KILL, Capability.FSETID)
    check = capability_check(rights(*lacking, contained=False), Work)
    assert "without FSETID, which archives need" in check.message
    assert "; without KILL, which hooks" in check.message
    assert "add CAP_FSETID CAP_KILL to CapabilityBoundingSet=" in check.remedy


def test_who_is_in_no_container_enters_none() -> None:
    held = without(Capability.SYS_CHROOT)
    assert not lacking_of(held, contained=False)
    assert lacking_of(held, contained=True) == {Capability.SYS_CHROOT}


@pytest.mark.parametrize("lacking", Capability)
def test_only_what_needs_it_is_refused(lacking: Capability) -> None:
    found = Rights(frozenset({lacking}))
    refused = [each for each in Work if capability_check(found, [each]).result == "Fail"]
    assert refused == [NEEDS[lacking].work]


def work(*what: str, ports: tuple[tuple[str, str, int], ...] = ()) -> set[Work]:
    return set(
        work_of(
            archive="archive" in what,
            commands="commands" in what,
            shared_network="shared_network" in what,
            ports=ports,
        )
    )


def test_what_an_operation_has_to_do() -> None:
    low, high = ("", "tcp", 1023), ("", "tcp", 1024)
    assert work(ports=(high,)) == {Work.EVERYTHING}
    assert work(ports=(high, low)) == {Work.EVERYTHING, Work.LOW_PORTS}
    assert work("archive", "commands", "shared_network", ports=(low,)) == {
        need.work for need in NEEDS.values()
    }


@pytest.mark.parametrize(
    ("lacking", "change", "refused"),
    [
        (Capability.FSETID, {}, False),
        (Capability.FSETID, {"archive": True}, True),
        (Capability.KILL, {"archive": True}, False),
        (Capability.KILL, {"commands": True}, True),
        (Capability.SYS_PTRACE, {}, True),
        (Capability.NET_RAW, {}, True),
        (Capability.NET_RAW, {"leave_running": True}, False),
    ],
)
def test_a_checkpoint(lacking: Capability, change: dict[str, bool], refused: bool) -> None:
    """Of a container in the network of another, which the dump would shut for good."""
    host = replace(HOST, rights=Rights(frozenset({lacking})))
    checks = host_checks(replace(CONTAINER, network_of="owner"), host, replace(STOPPING, **change))
    failed = [check.name for check in checks if check.result == "Fail"]
    assert failed == ["Capabilities"] * refused


def test_whose_it_is_that_files_cannot_be_written() -> None:
    (config,) = (each for each in PLACES if each.path == Path("/etc/criu"))
    there, here = Trouble(config, Sight.UNWRITABLE), Trouble(config, Sight.READ_ONLY)
    remedies = []
    for troubles in ((there,), (here,), (here, there)):
        for contained in (False, True):
            found = Rights(contained=contained, troubles=troubles)
            _, check = rights_checks(found, Work)
            assert check.cause is Cause.PERMISSION_DENIED
            assert "/etc/criu, where the ghost limit is set" in check.message
            remedies.append(check.remedy)
    hosts = "Make /etc/criu writable on the host, and restart the agent"
    unit, container = remedies[2:4]
    assert "the agent's systemd unit" in unit
    assert "Give the agent's container all its mounts" in container
    assert remedies == [
        *(hosts, hosts, unit, container),
        *(f"{unit}. {hosts}", f"{container}. {hosts}"),
    ]
    _, check = rights_checks(found, [Work.EVERYTHING])
    assert check.result == "Pass"


def test_a_restore_and_the_host() -> None:
    host = replace(HOST, rights=Rights(frozenset({Capability.FSETID})))
    for asked, refused in ((Work.ARCHIVES, True), (Work.COMMANDS, False)):
        first, *_ = option_checks(host, tcp_close=False, runtime="runc", work=[asked])
        assert (first.name, first.result) == ("Capabilities", "Fail" if refused else "Pass")
    first, *_ = fitness_checks(host, "runc")
    assert first.cause is Cause.CAPABILITY_MISSING
