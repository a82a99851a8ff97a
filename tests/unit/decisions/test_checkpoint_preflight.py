"""Each trap of a checkpoint is found, by its cause, and nothing else counts against a container."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.checkpoint_preflight import (
    Wanted,
    container_checks,
    criu_check,
    host_checks,
    mount_checks,
    own_container_check,
    process_checks,
)
from podman_checkpoint_operator.decisions.facts import Mount, Processes, State
from podman_checkpoint_operator.decisions.preflight import Check
from tests.unit.samples import CONTAINER, HOST, STOPPING

LIVE = replace(STOPPING, leave_running=True, archive=True)
CRUN = "crun version 1.21\ncommit: 10269840\nspec: 1.0.0\n+SYSTEMD +SELINUX +APPARMOR"


def causes(checks: Iterable[Check]) -> list[Cause]:
    return [check.cause for check in checks if check.result == "Fail"]


def warnings(checks: Iterable[Check]) -> list[str]:
    return [check.name for check in checks if check.result == "Warn"]


@pytest.mark.parametrize("wanted", [STOPPING, LIVE])
def test_an_ordinary_container_on_an_ordinary_host_passes(wanted: Wanted) -> None:
    checks = [
        *container_checks(CONTAINER, wanted),
        *host_checks(CONTAINER, HOST, wanted),
        *mount_checks(CONTAINER, (), archive=wanted.archive),
        *process_checks(Processes(), wanted),
        criu_check(HOST, Processes()),
    ]
    assert {check.result for check in checks} == {"Pass"}


@pytest.mark.parametrize(
    ("changes", "wanted", "cause"),
    [
        ({"state": State.EXITED}, STOPPING, Cause.CONTAINER_NOT_RUNNING),
        ({"state": State.PAUSED}, LIVE, Cause.CONTAINER_NOT_RUNNING),
        ({"auto_remove": True}, STOPPING, Cause.REMOVED_ON_EXIT),
        ({"auto_remove": True}, replace(STOPPING, archive=True), Cause.REMOVED_ON_EXIT),
        ({"user_namespace": True}, LIVE, Cause.USER_NAMESPACE),
    ],
)
def test_containers_that_cannot_be_saved(
    changes: dict[str, Any], wanted: Wanted, cause: Cause
) -> None:
    assert causes(container_checks(replace(CONTAINER, **changes), wanted)) == [cause]


def test_an_agent_does_not_hold_itself() -> None:
    assert own_container_check(False).result == "Pass"
    assert own_container_check(True).cause is Cause.INVALID_SPEC


def test_exec_sessions_and_health_checks_are_worth_a_warning() -> None:
    container = replace(CONTAINER, exec_sessions=("a",), health_check=True)
    checks = list(container_checks(container, LIVE))
    assert warnings(checks) == ["ExecSessions", "HealthCheck"]
    assert not causes(checks)


def test_connections_that_are_cut_in_two_have_no_option() -> None:
    wanted = replace(LIVE, tcp_established=True, file_locks=True)
    outside = Processes(outside_connections=("/dev/log, held by process 7 (logger)",))
    (check,) = (each for each in process_checks(outside, wanted) if each.result == "Fail")
    assert check.cause is Cause.EXTERNAL_UNIX_SOCKET
    assert "/dev/log" in check.message
    session = Processes(session_connections=("/run/postgresql, held by process 7 (postgres)",))
    (check,) = (each for each in process_checks(session, wanted) if each.result == "Fail")
    assert check.cause is Cause.EXEC_SESSION
    assert "podman exec" in check.message


@pytest.mark.parametrize(
    ("changes", "wanted", "cause"),
    [
        ({"rootless": True}, STOPPING, Cause.ROOTLESS),
        ({"criu_version": ""}, STOPPING, Cause.RUNTIME_WITHOUT_CRIU),
        ({"cgroup_version": "v1"}, LIVE, Cause.CANNOT_FREEZE),
    ],
)
def test_hosts_that_cannot_save(changes: dict[str, Any], wanted: Wanted, cause: Cause) -> None:
    assert causes(host_checks(CONTAINER, replace(HOST, **changes), wanted)) == [cause]


def test_a_stopping_checkpoint_needs_no_freezer() -> None:
    assert not causes(host_checks(CONTAINER, replace(HOST, cgroup_version="v1"), STOPPING))


def test_crun_without_criu_is_named_with_its_version() -> None:
    container = replace(CONTAINER, runtime="crun")
    host = replace(HOST, runtime="crun", runtime_version=CRUN)
    (check,) = (each for each in host_checks(container, host, LIVE) if each.result == "Fail")
    assert check.cause is Cause.RUNTIME_WITHOUT_CRIU
    assert check.message == "crun version 1.21 was built without CRIU"


def test_crun_with_criu_passes() -> None:
    container = replace(CONTAINER, runtime="crun")
    host = replace(HOST, runtime="crun", runtime_version=f"{CRUN} +CRIU +YAJL")
    assert not causes(host_checks(container, host, LIVE))


def test_a_crun_that_does_not_tell_its_version_is_refused_all_the_same() -> None:
    container = replace(CONTAINER, runtime="crun")
    host = replace(HOST, runtime="crun", runtime_version="")
    assert causes(host_checks(container, host, LIVE)) == [Cause.RUNTIME_WITHOUT_CRIU]


@pytest.mark.parametrize(
    ("criu", "kernel", "old"),
    [
        ("4.1.1", "6.16.0", True),
        ("4.1.1", "6.15.9", False),
        ("4.2", "6.18.44", False),
        ("4.2.1", "7.0", False),
    ],
)
def test_criu_before_4_2_saves_no_ip_sockets_on_kernels_since_6_16(
    criu: str, kernel: str, old: bool
) -> None:
    host = replace(HOST, criu_version=criu, kernel_version=kernel)
    with_sockets = criu_check(host, Processes(internet_sockets=True))
    without = criu_check(host, Processes())
    assert (with_sockets.result, without.result) == (("Fail", "Warn") if old else ("Pass", "Pass"))
    assert with_sockets.cause is (Cause.CRIU_TOO_OLD if old else Cause.UNKNOWN)


def test_criu_that_podman_does_not_accept() -> None:
    check = criu_check(replace(HOST, criu_version="3.10"), Processes())
    assert check.cause is Cause.CRIU_TOO_OLD


def test_a_root_file_system_outside_overlay_can_only_be_left_out() -> None:
    container = replace(CONTAINER, upper=None, storage_driver="vfs")
    assert causes(host_checks(container, HOST, LIVE)) == [Cause.UNSUPPORTED_STORAGE_DRIVER]
    assert not causes(host_checks(container, HOST, replace(LIVE, ignore_root_fs=True)))
    assert not causes(host_checks(container, HOST, STOPPING))


def test_a_link_for_an_init_program_has_a_remedy_of_its_own() -> None:
    links = (Path("/usr/libexec/podman/catatonit"), Path("/srv/data"))
    container = replace(CONTAINER, init=True)
    assert causes(mount_checks(container, links, archive=False)) == [
        Cause.SYMLINKED_INIT,
        Cause.SYMLINKED_MOUNT_SOURCE,
    ]
    # Somebody's own volume may have that name as well.
    assert causes(mount_checks(CONTAINER, links[:1], archive=False)) == [
        Cause.SYMLINKED_MOUNT_SOURCE
    ]


def test_the_content_of_bind_mounts_is_not_archived_and_that_is_said() -> None:
    container = replace(CONTAINER, mounts=(Mount("bind", Path("/srv"), Path("/data")),))
    assert warnings(mount_checks(container, (), archive=True)) == ["BindMounts"]
    assert not warnings(mount_checks(container, (), archive=False))


def test_a_mount_that_podman_assembles_at_each_start_cannot_be_restored() -> None:
    """Seen with Podman 5.4.2: the dump succeeds, every restore fails to find the source."""
    merged = CONTAINER.bundle / "overlay/6231395/merge"
    container = replace(
        CONTAINER,
        mounts=(
            Mount("image", Path("localhost/lab/busybox:1"), Path("/img")),
            Mount("bind", merged, Path("/img")),
        ),
    )
    assert causes(mount_checks(container, (), archive=False)) == [Cause.UNSUPPORTED_MOUNT]


def test_what_processes_hold_needs_its_option() -> None:
    held = Processes(
        established_tcp=("10.88.0.2:80 -> 10.88.0.1:4000",),
        file_locks=("1: POSIX  ADVISORY  WRITE 7 fe:00:2049 0 EOF",),
    )
    assert causes(process_checks(held, LIVE)) == [Cause.TCP_ESTABLISHED, Cause.FILE_LOCKS]
    assert not causes(process_checks(held, replace(LIVE, tcp_established=True, file_locks=True)))


def test_a_container_that_is_removed_on_exit_can_be_archived_live() -> None:
    checks = list(container_checks(replace(CONTAINER, auto_remove=True), LIVE))
    assert not causes(checks)
    assert warnings(checks) == ["RemovedOnExit"]
