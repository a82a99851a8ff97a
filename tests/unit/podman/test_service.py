"""What the operator asks of Podman arrives as libpod's requests, and its answers as facts.

The answers were recorded from Podman 5.4.2. Not here: a real Podman; see tests/e2e.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.decisions.facts import Endpoint, Network, RestartPolicy
from podman_checkpoint_operator.podman import vfs_store
from podman_checkpoint_operator.podman.service import PodmanService
from podman_checkpoint_operator.reconcilers.podman_port import (
    CheckpointOptions,
    NotFound,
    PodmanError,
    PodmanUnreachable,
    RestoreOptions,
    Session,
)
from tests.unit.podman.libpod import Libpod, Request, recorded, serving
from tests.unit.samples import CONTAINER

NETWORK_STATUS = {
    "web": {
        "interfaces": {
            "eth0": {
                "subnets": [
                    {"ipnet": "10.88.0.2/16", "gateway": "10.88.0.1"},
                    {"ipnet": "fd00::2/64"},
                ],
                "mac_address": "62:5c:11:76:18:17",
            }
        }
    }
}
STATISTICS = {
    "freezing_time": 745,
    "frozen_time": 72959,
    "memdump_time": 643,
    "memwrite_time": 157,
    "pages_scanned": 25,
    "pages_written": 17,
}
CHECKPOINTED = {"Id": "57a6", "runtime_checkpoint_duration": 15, "criu_statistics": STATISTICS}
NO_PREVIOUS = {
    "cause": "no such file or directory",
    "message": "faccessat /userdata/pre-checkpoint: no such file or directory",
    "response": 500,
}
MISSING = {"cause": "no such container", "message": "no such container", "response": 404}


@contextmanager
def podman(folder: Path, status: int, content: Any) -> Iterator[tuple[PodmanService, Libpod]]:
    """A service that answers everything alike."""
    with serving(folder, lambda _: (status, content)) as libpod:
        yield PodmanService(libpod.url), libpod


def asked(libpod: Libpod) -> tuple[str, str, dict[str, str]]:
    (request,) = libpod.requests
    assert all(len(values) == 1 for values in request.query.values())
    query = {name: values[0] for name, values in request.query.items()}
    return request.method, request.path, query


def test_a_container_is_found_by_its_name(tmp_path: Path) -> None:
    with podman(tmp_path, 200, recorded("container")) as (service, libpod):
        container = service.find("c1")
    assert container is not None
    assert container.name == "c1"
    assert asked(libpod) == ("GET", "containers/c1/json", {})


def test_a_container_that_is_not_there(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _):
        assert service.find("c1") is None
        with pytest.raises(NotFound):
            service.inspect("c1")


def test_a_container_on_vfs_has_whole_trees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = recorded("container") | {"GraphDriver": {"Name": "vfs", "Data": None}}
    found: list[tuple[Path, Path] | None] = [(Path("/upper"), Path("/lower")), None]
    monkeypatch.setattr(vfs_store, "trees", lambda *_, **__: found.pop(0))
    with podman(tmp_path, 200, data) as (service, _):
        container, without = service.inspect("c1"), service.inspect("c1")
    assert (container.upper, container.lowers) == (Path("/upper"), (Path("/lower"),))
    assert container.whole_trees
    assert without.upper is None


def test_the_release_is_in_every_answer(tmp_path: Path) -> None:
    with podman(tmp_path, 200, b"OK") as (service, libpod):
        assert service.release() == "5.4.2"
    assert asked(libpod) == ("GET", "_ping", {})


def test_a_checkpoint_asks_for_what_differs_from_the_default(tmp_path: Path) -> None:
    options = CheckpointOptions(leave_running=True, tcp_established=True, ignore_root_fs=True)
    with podman(tmp_path, 200, CHECKPOINTED) as (service, libpod):
        assert service.checkpoint("57a6", options, timeout=30) == STATISTICS
    assert asked(libpod) == (
        "POST",
        "containers/57a6/checkpoint",
        {
            "leaveRunning": "true",
            "tcpEstablished": "true",
            "ignoreRootFS": "true",
            "keep": "true",
            "printStats": "true",
        },
    )


def test_statistics_may_be_missing(tmp_path: Path) -> None:
    with podman(tmp_path, 200, {"Id": "57a6"}) as (service, _):
        assert service.checkpoint("57a6", CheckpointOptions(), timeout=30) == {}


def test_an_export_is_asked_for_and_not_read(tmp_path: Path) -> None:
    options = CheckpointOptions(leave_running=True, ignore_root_fs=True, export=True)
    with podman(tmp_path, 200, b"tar" * 10_000_000) as (service, libpod):
        assert service.checkpoint("57a6", options, timeout=30) == {}
    method, path, query = asked(libpod)
    assert (method, path) == ("POST", "containers/57a6/checkpoint")
    assert (query["export"], query["keep"]) == ("true", "true")


def test_an_export_that_is_refused(tmp_path: Path) -> None:
    refusal = {"message": "no space left on device"}
    options = CheckpointOptions(export=True)
    with podman(tmp_path, 500, refusal) as (service, _), pytest.raises(PodmanError, match="space"):
        service.checkpoint("57a6", options, timeout=30)


def test_a_restore_names_its_options_as_libpod_does(tmp_path: Path) -> None:
    options = RestoreOptions(
        name="twin",
        pod="web",
        tcp_close=True,
        ignore_volumes=True,
        ignore_static_ip=True,
        ignore_static_mac=True,
        publish_ports=("8080:80", "127.0.0.1:5432:5432"),
    )
    with podman(tmp_path, 200, {"Id": "57a6"}) as (service, libpod):
        assert service.restore_archive([b"tar"], options, timeout=30) == ("57a6", {})
    assert libpod.requests[0].body == b"tar"
    assert asked(libpod) == (
        "POST",
        "containers/import/restore",
        {
            "name": "twin",
            "pod": "web",
            "tcpClose": "true",
            "ignoreVolumes": "true",
            "ignoreStaticIP": "true",
            "ignoreStaticMAC": "true",
            "publishPorts": "8080:80 127.0.0.1:5432:5432",
            "import": "true",
            "printStats": "true",
        },
    )


def test_the_dumps_are_written_by_an_export_that_fails(tmp_path: Path) -> None:
    with podman(tmp_path, 500, NO_PREVIOUS) as (service, libpod):
        service.write_dumps("57a6")
    _, _, query = asked(libpod)
    assert query == {"export": "true", "withPrevious": "true", "leaveRunning": "true"}


def test_the_dumps_of_no_container_and_of_no_podman_are_errors(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _), pytest.raises(NotFound):
        service.write_dumps("57a6")
    with pytest.raises(PodmanUnreachable):
        PodmanService(f"unix://{tmp_path}/nobody").write_dumps("57a6")


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _):
        service.remove("57a6")
        service.remove_volume("data")


def test_removing_a_container_keeps_its_volumes(tmp_path: Path) -> None:
    with podman(tmp_path, 200, [{"Id": "57a6"}]) as (service, libpod):
        service.remove("57a6")
    query = {"force": "true", "timeout": "0", "v": "false"}
    assert asked(libpod) == ("DELETE", "containers/57a6", query)


def test_a_volume_in_use_is_not_removed(tmp_path: Path) -> None:
    refusal = {"message": "volume data is being used by the following container(s): 57a6"}
    with podman(tmp_path, 409, refusal) as (service, _), pytest.raises(PodmanError, match="used"):
        service.remove_volume("data")


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("stop", "containers/57a6/stop"),
        ("start", "containers/57a6/start"),
    ],
)
def test_stop_and_start_are_no_errors_when_it_is_so_already(
    tmp_path: Path, call: str, path: str
) -> None:
    with podman(tmp_path, 304, b"") as (service, libpod):
        getattr(service, call)("57a6")
    assert asked(libpod) == ("POST", path, {})


def test_a_container_is_renamed(tmp_path: Path) -> None:
    with podman(tmp_path, 204, b"") as (service, libpod):
        service.rename("57a6", "db-old")
    assert asked(libpod) == ("POST", "containers/57a6/rename", {"name": "db-old"})


def test_images_networks_and_volumes_are_looked_up_by_quoted_names(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, Any]:
        return 200, {"Id": "adb0", "Mountpoint": "/volumes/data/_data", "name": "web"}

    with serving(tmp_path, answer) as libpod:
        service = PodmanService(libpod.url)
        assert service.image_id("localhost/lab/busybox:1") == "adb0"
        assert service.network("web") == Network("web")
        assert service.volume_source("data") == Path("/volumes/data/_data")
    assert [request.path for request in libpod.requests] == [
        "images/localhost%2Flab%2Fbusybox%3A1/json",
        "networks/web/json",
        "volumes/data/json",
    ]


def test_images_networks_and_volumes_that_are_not_there(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _):
        assert service.image_id("nope") == ""
        assert service.network("nope") is None
        assert service.pod("nope") is None
        assert service.volume_source("nope") is None


SESSION = {"ID": "e1", "Running": False, "Pid": 0, "ExitCode": 3}


def test_a_command_is_prepared_as_it_is_given(tmp_path: Path) -> None:
    with podman(tmp_path, 201, {"Id": "e1"}) as (service, libpod):
        assert service.create_session("57a6", ["sh", "-c", "exit 3"]) == "e1"
    assert asked(libpod) == ("POST", "containers/57a6/exec", {})
    assert json.loads(libpod.requests[0].body) == {
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": ["sh", "-c", "exit 3"],
    }


def test_what_a_command_writes_is_passed_on(tmp_path: Path) -> None:
    written: list[bytes] = []
    frames = b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n"
    with podman(tmp_path, 200, frames) as (service, libpod):
        service.start_session("e1", written.append, timeout=30)
    assert b"".join(written) == b"out\nerr\n"
    assert asked(libpod) == ("POST", "exec/e1/start", {})
    assert json.loads(libpod.requests[0].body) == {"Detach": False, "Tty": False}


def test_a_command_that_podman_refuses(tmp_path: Path) -> None:
    refusal = {"message": "can only start exec sessions when their container is running"}
    with podman(tmp_path, 409, refusal) as (service, _), pytest.raises(PodmanError, match="only"):
        service.start_session("e1", print, timeout=30)


def test_how_far_a_session_is(tmp_path: Path) -> None:
    with podman(tmp_path, 200, SESSION) as (service, _):
        assert service.session("e1") == Session(running=False, pid=0, exit_code=3)


def test_a_session_that_podman_has_forgotten(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _):
        assert service.session("e1") is None


def test_a_restart_policy_is_set_and_seen_to_be_set(tmp_path: Path) -> None:
    """Podman answers with the bare ID, which is no JSON; one that cannot do it answers alike."""
    container = recorded("container")

    def answer(request: Request) -> tuple[int, Any]:
        if request.method == "POST":
            return 201, b"57a6\n"
        return 200, container

    with serving(tmp_path, answer) as libpod:
        service = PodmanService(libpod.url)
        service.set_restart_policy("57a6", RestartPolicy("no"))
        update = libpod.requests[0]
        assert (update.path, update.query) == ("containers/57a6/update", {"restartPolicy": ["no"]})
        assert json.loads(update.body) == {}
        with pytest.raises(PodmanError, match="has not set the restart policy on-failure"):
            service.set_restart_policy("57a6", RestartPolicy("on-failure", 3))
        assert libpod.requests[2].query["restartRetries"] == ["3"]


def test_a_restart_policy_of_no_container(tmp_path: Path) -> None:
    with podman(tmp_path, 404, MISSING) as (service, _), pytest.raises(NotFound):
        service.set_restart_policy("57a6", RestartPolicy("no"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            json.dumps(NETWORK_STATUS),
            (Endpoint("web", ("10.88.0.2", "fd00::2"), "62:5c:11:76:18:17"),),
        ),
        # Of a container that is in the network of another one.
        ("null", ()),
        ("{", ()),
        (None, ()),
    ],
)
def test_addresses_of_a_container_that_waits_for_its_restore(
    tmp_path: Path, content: str | None, expected: tuple[Endpoint, ...]
) -> None:
    bundle = tmp_path / CONTAINER.bundle.relative_to("/")
    bundle.mkdir(parents=True)
    if content is not None:
        (bundle / "network.status").write_text(content)
    assert PodmanService("unix:///nowhere", root=tmp_path).saved_endpoints(CONTAINER) == expected


def test_those_that_share_a_mount_are_asked_for_by_it(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, Any]:
        if request.path == "containers/json":
            return 200, [{"Id": "57a6"}, {"Id": "gone"}]
        return (200, recorded("container")) if "57a6" in request.path else (404, MISSING)

    with serving(tmp_path, answer) as libpod:
        service = PodmanService(libpod.url)
        assert service.sharing([]) == ()
        assert not libpod.requests
        (found,) = service.sharing(["data", "/srv/app"])
    assert found.name == recorded("container")["Name"]
    assert libpod.requests[0].query == {"filters": ['{"volume": ["data", "/srv/app"]}']}


def test_containers_are_listed_whether_they_run_or_not(tmp_path: Path) -> None:
    common = {"Names": ["db"], "Labels": {"a": "b"}, "StartedAt": 1772366400, "Pod": "cafe"}
    entries = [
        {"Id": "1", "State": "running", **common},
        {"Id": "2", "State": "created", "Names": ["new"], "StartedAt": -62135596800},
        {"Id": "3", "State": "running", "IsInfra": True, **common},
    ]
    with serving(tmp_path, lambda _: (200, entries)) as libpod:
        running, created = PodmanService(libpod.url).containers()
    assert libpod.requests[0].query == {"all": ["true"]}
    assert (running.id, running.name, running.labels, running.pod) == (
        "1",
        "db",
        {"a": "b"},
        "cafe",
    )
    assert running.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (running.alive, created.alive) == (True, False)
