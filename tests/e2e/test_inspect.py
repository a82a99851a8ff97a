"""Archives of every kind are looked into: by our own command, and by checkpointctl as the judge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.api.common import Compression
from tests.e2e.support import Bench, Container, archive_in_host
from tests.lab import paths, tools
from tests.lab.shell import run
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

PASSWORD = "correct-horse-battery"
BUSY = """\
nc -l -p 7777 -e cat &
sleep 0.3
mkfifo /hold
nc 127.0.0.1 7777 <>/hold &
export MORE=$0
echo $0 >/changed
echo rows >/data/table
rm /etc/group
exec 3>/gone
echo $0 >&3
rm /gone
while :; do sleep 1; done
"""
"""A connection, files of all kinds, and a password at every place."""


def busy(bench: Bench, host: Host) -> Container:
    folder = f"/srv/{bench.prefix}"
    host.exec("sh", "-c", f"mkdir -p {folder} && echo bound >{folder}/file")
    options = (
        *("--volume", f"{folder}:/bound"),
        *("--env", f"DB_PASSWORD={PASSWORD}", "--label", f"token={PASSWORD}"),
        *("--volume", f"{bench.name('data')}:/data", "--publish", "18441:80"),
    )
    container = bench.run(host, "sh", "-c", BUSY, PASSWORD, options=options)
    wait_until(
        lambda: "(deleted)" in container.exec("ls", "-l", "/proc/1/fd", check=False).stdout,
        "the deleted file",
    )
    return container


def inspected(host: Host, archive: str) -> dict[str, Any]:
    done = host.exec("podman-checkpoint-agent", "inspect", "-o", "json", archive)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def here(archive: str) -> Path:
    """Return the path of an archive of the lab's store on this machine."""
    return paths.ARCHIVES / archive.removeprefix(f"{paths.ARCHIVES_IN_HOST}/")


def judged(archive: Path) -> dict[str, Any]:
    """Return what checkpointctl says of an archive."""
    program = tools.built(tools.CHECKPOINTCTL) / "checkpointctl"
    assert "Podman" in run(program, "show", archive).stdout
    done = run(program, "inspect", "--all", "--format", "json", archive)
    (told,) = json.loads(done.stdout)
    found: dict[str, Any] = told
    return found


def names(node: dict[str, Any]) -> dict[int, str]:
    """Return the name of each process in checkpointctl's tree."""
    found = {node["pid"]: node["command"]}
    for child in node.get("children") or ():
        found |= names(child)
    return found


def tcp_ends(told: dict[str, Any]) -> set[tuple[int, int]]:
    """Return the ports of each connection that checkpointctl has found."""
    sockets = [each["data"] for process in told["sockets"] for each in process["open_sockets"]]
    return {(s["src_port"], s["dst_port"]) for s in sockets if s.get("state") == "ESTABLISHED"}


@pytest.mark.parametrize("compression", Compression)
def test_checkpointctl_reads_our_archives_as_we_do(
    bench: Bench, host_a: Host, compression: Compression
) -> None:
    container = busy(bench, host_a)
    status = bench.checkpoint(
        container,
        leaveRunning=True,
        tcpEstablished=True,
        archive={"compression": compression, "bindMounts": "Include"},
    ).wait_ready()
    archive = archive_in_host(status)
    ours, theirs = inspected(host_a, archive), judged(here(archive))

    assert ours["archive"]["digest"] == status["archive"]["digest"]
    assert ours["archive"]["compression"] == compression
    assert ours["container"]["name"] == theirs["container_name"] == container.name
    assert ours["container"]["id"] == theirs["id"] == container.id
    assert ours["container"]["runtime"] == theirs["runtime"]
    assert ours["container"]["image"] == theirs["image"]
    statistics = theirs["statistics"]
    assert ours["statistics"]["pagesWritten"] == statistics["pages_written"]
    assert ours["statistics"]["frozenMicroseconds"] == statistics["frozen_time"]
    processes = ours["checkpoint"]["processes"]
    assert {each["pid"]: each["comm"] for each in processes} == names(theirs["process_tree"])
    for process, files in zip(processes, theirs["file_descriptors"], strict=True):
        assert process["pid"] == files["pid"]
        described = [f"{each['type']} {each['fd']}" for each in process["files"]]
        assert described == [
            {"REG": "file", "INETSK": "inet"}.get(each["type"], each["type"].lower())
            + each["fd"].removeprefix(each["type"])
            for each in files["open_files"]
            if each["type"]  # the root and the current folder are no open files
        ]
    connections = {
        tuple(int(end.rpartition(":")[2]) for end in (each["local"], each["remote"]))
        for each in ours["checkpoint"]["sockets"]
        if each["state"] == "established"
    }
    assert connections == tcp_ends(theirs)
    assert len(connections) == 2


def test_everything_is_told_but_secrets(bench: Bench, host_a: Host) -> None:
    container = busy(bench, host_a)
    status = bench.checkpoint(
        container, leaveRunning=True, tcpEstablished=True, archive={"bindMounts": "Include"}
    ).wait_ready()
    archive = archive_in_host(status)
    told = inspected(host_a, archive)
    text = host_a.exec("sh", "-c", f"podman-checkpoint-agent inspect - <{archive}").stdout
    assert PASSWORD not in json.dumps(told) + text
    assert told["incomplete"] == []
    assert told["container"]["imageID"] == status["container"]["imageID"]
    assert (told["container"]["command"], told["container"]["argumentCount"]) == ("sh", 3)
    assert told["container"]["bindMounts"] == [
        {
            "source": f"/srv/{bench.prefix}",
            "destination": "/bound",
            "included": True,
            "files": 1,
            "sizeBytes": len("bound\n"),
        }
    ]
    assert "DB_PASSWORD" in told["container"]["environment"]
    for name in ("podmanVersion", "criuVersion", "kernelVersion", "architecture"):
        assert told["origin"][name] == status["host"][name]
    assert told["origin"]["nodeName"] == "host-a"
    checkpoint = told["checkpoint"]
    assert (checkpoint["connections"], checkpoint["ghostFiles"]) == (2, 1)
    assert told["statistics"]["pagesWritten"] == status["statistics"]["pagesWritten"]
    assert checkpoint["memoryBytes"] == told["statistics"]["pagesWritten"] * 4096
    (first, *_) = checkpoint["processes"]
    assert (first["pid"], first["comm"], first["executable"]) == (1, "sh", "/bin/busybox")
    assert {"fd": 3, "type": "file", "path": "/gone"} in first["files"]
    assert "/changed" in told["fileSystem"]["paths"]
    assert told["fileSystem"]["deleted"] == ["/etc/group"]
    (volume,) = told["volumes"]
    assert (volume["destination"], volume["files"], volume["sizeBytes"]) == ("/data", 1, 5)
    assert any(each["mountpoint"] == "/data" for each in checkpoint["mounts"])


def test_archives_of_podman_itself(bench: Bench, host_a: Host) -> None:
    container = busy(bench, host_a)
    for compression in Compression:
        archive = f"{paths.ARCHIVES_IN_HOST}/{bench.prefix}.{compression}"
        host_a.exec(
            *("podman", "container", "checkpoint", "--leave-running", "--tcp-established"),
            *("--compress", compression, "--export", archive, container.name),
        )
        told = inspected(host_a, archive)
        here(archive).unlink()
        assert "origin" not in told
        assert told["container"]["id"] == container.id
        assert told["archive"]["compression"] == compression
        assert told["checkpoint"]["connections"] == 2
        assert told["fileSystem"]["deleted"] == ["/etc/group"]


def test_bad_archives(bench: Bench, host_a: Host) -> None:
    archive = archive_in_host(
        bench.checkpoint(bench.count(host_a), leaveRunning=True, archive={}).wait_ready()
    )
    whole = here(archive).read_bytes()
    damages = {
        "cut off": whole[: len(whole) // 2],
        "damaged": whole[:3000] + bytes(100) + whole[3100:],
        "a tar header is damaged": b"\x7fELF" * 1000,
        "it is empty": b"",
    }
    for message, content in damages.items():
        here(archive).write_bytes(content)
        done = host_a.exec("podman-checkpoint-agent", "inspect", archive, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    done = host_a.exec("podman-checkpoint-agent", "inspect", "/nowhere", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such file" in done.stderr
