"""Podman's JSON, recorded from 5.4.2, is read as facts; so is what other versions leave out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.decisions.facts import (
    Endpoint,
    Neighbour,
    Network,
    Pod,
    RestartPolicy,
    State,
)
from podman_checkpoint_operator.podman.inspection import (
    container_from_inspect,
    host_from_info,
    network_from_inspect,
    parse_time,
    pod_from_inspect,
)
from tests.unit.podman.libpod import recorded


def test_a_running_container() -> None:
    container = container_from_inspect(recorded("container"))
    assert container.id.startswith("57a6afbab0b5")
    assert container.name == "c1"
    assert container.image == "localhost/lab/busybox:1"
    assert container.image_id.startswith("adb0a1aaf99c")
    assert container.runtime == "runc"
    assert container.state is State.RUNNING
    assert container.pid == 128
    assert container.started_at == datetime(2026, 11, 22, 21, 31, 3, 361788, tzinfo=UTC)
    assert container.finished_at.year == 1
    assert container.bundle.name == "userdata"
    assert container.upper is not None
    assert container.upper.name == "diff"
    assert len(container.lowers) == 1
    assert not container.auto_remove
    assert not container.user_namespace


def test_its_mounts_with_those_that_are_not_of_the_host() -> None:
    container = container_from_inspect(recorded("container"))
    assert [(mount.type, mount.name) for mount in container.mounts] == [
        ("volume", "data"),
        ("image", ""),
        ("bind", ""),
        ("bind", ""),
        ("bind", ""),
    ]
    assert len(container.mount_sources) == 4
    assert all(source.is_absolute() for source in container.mount_sources)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("exited", State.EXITED),
        ("paused", State.PAUSED),
        ("created", State.CREATED),
        ("removing", State.OTHER),
        ("", State.OTHER),
    ],
)
def test_states_that_rules_do_not_tell_apart_are_one(status: str, state: State) -> None:
    data = recorded("container")
    data["State"]["Status"] = status
    assert container_from_inspect(data).state is state


def test_what_is_left_out_has_a_default() -> None:
    data: dict[str, Any] = {
        "Id": "57a6",
        "Name": "c1",
        "State": {"Status": "created"},
        "StaticDir": "/userdata",
        "GraphDriver": {"Name": "vfs", "Data": None},
        "Mounts": None,
        "ExecIDs": None,
    }
    container = container_from_inspect(data)
    assert container.upper is None
    assert container.lowers == ()
    assert container.mounts == ()
    assert container.exec_sessions == ()
    assert container.pid == 0


def test_flags_of_the_run_command() -> None:
    data = recorded("container")
    data["HostConfig"] |= {"AutoRemove": True, "Init": True, "IDMappings": {"UidMap": ["0:1:2"]}}
    container = container_from_inspect(data)
    assert container.auto_remove
    assert container.init
    assert container.user_namespace


def test_a_host() -> None:
    host = host_from_info(recorded("info"), criu_version="4.1.1")
    assert host.podman_version == "5.4.2"
    assert host.criu_version == "4.1.1"
    assert host.kernel_version == "6.12.43+deb13-amd64"
    assert host.architecture == "amd64"
    assert host.runtime == "runc"
    assert host.runtime_version.startswith("runc version 1.1.15")
    assert not host.rootless
    assert host.cgroup_version == "v2"
    assert host.graph_root == Path("/var/lib/containers/storage")


@pytest.mark.parametrize("text", [None, "", "0001-01-01T00:00:00Z"])
def test_never_is_before_every_time(text: str | None) -> None:
    assert parse_time(text) == datetime.min.replace(tzinfo=UTC)


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),
    nanoseconds=st.integers(0, 999),
    digits=st.integers(0, 9),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_gos_times_come_back_to_the_microsecond(
    moment: datetime, nanoseconds: int, digits: int, minutes: int
) -> None:
    """Go writes as many digits of a fraction as it needs, up to nine."""
    zone = timezone(timedelta(minutes=minutes))
    fraction = f"{moment.microsecond:06}{nanoseconds:03}"[:digits]
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{'.' * bool(fraction)}{fraction}"
    sign = "-" if minutes < 0 else "+"
    offset = "Z" if minutes == 0 else f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    kept = moment.replace(microsecond=int(f"{fraction:0<6}"[:6]), tzinfo=zone)
    assert parse_time(text + offset) == kept


INFRA = "dfa05f5c4da4382aaadc6ff2fe5e861a271854925f0e8bdec9d84f08d354e2d3"


def test_a_container_of_a_pod_is_in_namespaces_of_its_infra_container() -> None:
    data = recorded("container")
    alone = container_from_inspect(data)
    assert (alone.infra, alone.joined, alone.dependencies) == (False, (), ())

    data["HostConfig"] |= {"NetworkMode": f"container:{INFRA}", "IpcMode": f"container:{INFRA}"}
    data |= {"Pod": "2663782ee71d", "Dependencies": [INFRA], "IsInfra": False}
    member = container_from_inspect(data)
    assert (member.joined, member.network_of, member.dependencies) == ((INFRA,), INFRA, (INFRA,))
    assert container_from_inspect(data | {"IsInfra": True}).infra


def test_a_pod() -> None:
    data = {
        "Id": "2663782ee71d",
        "Name": "p1",
        "InfraContainerID": INFRA,
        "SharedNamespaces": ["ipc", "net", "uts"],
        "Containers": [
            {"Id": INFRA, "Name": "2663782ee71d-infra", "State": "running"},
            {"Id": "b951ab922a9e", "Name": "m1", "State": "running"},
            {"Id": "c951ab922a9e", "Name": "m2", "State": "exited"},
        ],
    }
    assert pod_from_inspect(data) == Pod(
        "2663782ee71d", "p1", INFRA, ("ipc", "net", "uts"), ("m1",)
    )
    assert pod_from_inspect({"Id": "26", "Name": "p2"}) == Pod("26", "p2", "", ())
    labels = {"PODMAN_SYSTEMD_UNIT": "p3-pod.service"}
    assert pod_from_inspect({"Id": "27", "Name": "p3", "Labels": labels}).unit == "p3-pod.service"


def test_a_network_with_the_containers_in_it() -> None:
    interface = {
        "subnets": [{"ipnet": "10.77.0.9/24", "gateway": "10.77.0.1"}],
        "mac_address": "02:00:00:00:77:09",
    }
    data = {
        "name": "n1",
        "subnets": [{"subnet": "10.77.0.0/24", "gateway": "10.77.0.1"}],
        "containers": {"c9c3": {"name": "s1", "interfaces": {"eth0": interface}}},
    }
    holder = Endpoint("n1", ("10.77.0.9",), "02:00:00:00:77:09")
    assert network_from_inspect(data) == Network(
        "n1", ("10.77.0.0/24",), (Neighbour("c9c3", "s1", holder),)
    )
    assert network_from_inspect({"name": "none"}) == Network("none")


def test_ports_that_it_takes_on_the_host() -> None:
    data = recorded("container")
    data["HostConfig"]["PortBindings"] = {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "81"}],
        "53/udp": [{"HostIp": "", "HostPort": "5353"}],
        "99/tcp": None,
    }
    assert container_from_inspect(data).published == (
        ("0.0.0.0", "tcp", 8080),
        ("::1", "tcp", 81),
        ("", "udp", 5353),
    )


def test_whose_it_is_by_its_label() -> None:
    data = recorded("container")
    assert container_from_inspect(data).namespace is None
    for namespace in ("shop", ""):
        data["Config"]["Labels"] = {"podman-checkpoint.dev/namespace": namespace}
        assert container_from_inspect(data).namespace == namespace


def test_who_else_starts_it() -> None:
    data = recorded("container")
    assert container_from_inspect(data).restart_policy == RestartPolicy("no")
    assert container_from_inspect(data).unit == ""
    data["HostConfig"]["RestartPolicy"] = {"Name": "on-failure", "MaximumRetryCount": 3}
    data["Config"]["Labels"] = {"PODMAN_SYSTEMD_UNIT": "db.service"}
    data["Config"]["Healthcheck"] = {"Test": ["CMD-SHELL", "true"]}
    container = container_from_inspect(data)
    assert container.restart_policy == RestartPolicy("on-failure", 3)
    assert container.unit == "db.service"
    assert container.health_check
    data["HostConfig"]["RestartPolicy"] = {"Name": "", "MaximumRetryCount": 0}
    data["Config"]["Healthcheck"] = {"Test": ["NONE"]}
    assert container_from_inspect(data).restart_policy == RestartPolicy("no")
    assert not container_from_inspect(data).health_check
