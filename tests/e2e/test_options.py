"""Options of Podman's checkpoint and restore, each with what it changes and what it refuses.

Not here: connections (test_tcp.py), what goes into an archive (test_files.py), names and ports of a
clone (test_restore.py), file locks in place (test_failures_checkpoint.py), pods (test_pods.py).
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.lab.images import STATE_FILE
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

# A restore interrupts the sleep of a program that knows nothing of it.
IDLE = ("sh", "-c", "while :; do sleep 1; done")


def addresses(container: Container, network: str) -> tuple[str, str]:
    """Return a running container's IP and MAC address in a network."""
    networks = json.loads(container.inspect("{{json .NetworkSettings.Networks}}"))
    return networks[network]["IPAddress"], networks[network]["MacAddress"]


class TestStaticAddresses:
    """A container made with ``--ip`` and ``--mac-address``, moved and cloned."""

    @pytest.fixture
    def network(self, bench: Bench, host_a: Host, host_b: Host) -> str:
        """A network of the same name and subnet on both hosts."""
        name, third = bench.name("net"), secrets.randbelow(200)
        self.prefix = f"10.199.{third}"
        for host in (host_a, host_b):
            host.exec("podman", "network", "create", f"--subnet={self.prefix}.0/24", name)
        host_b.load_image("busybox")
        return name

    @pytest.fixture
    def static(self, network: str) -> tuple[str, str]:
        return f"{self.prefix}.77", "02:00:00:00:00:77"

    @pytest.fixture
    def saved(self, bench: Bench, host_a: Host, network: str, static: tuple[str, str]) -> Object:
        ip, mac = static
        options = (f"--network={network}", f"--ip={ip}", f"--mac-address={mac}")
        self.container = bench.run(host_a, *IDLE, options=options)
        return bench.checkpoint(self.container, leaveRunning=True, archive={})

    def test_move_with_the_container_where_they_are_free(
        self, bench: Bench, host_b: Host, saved: Object, network: str, static: tuple[str, str]
    ) -> None:
        there = self.container.on(host_b)
        bench.restore(host_b, saved, "kept").wait_ready()
        assert addresses(there, network) == static
        there.remove()
        bench.restore(host_b, saved, "new-ip", ignoreStaticIP=True).wait_ready()
        ip, mac = addresses(there, network)
        assert (ip != static[0], mac) == (True, static[1])
        there.remove()
        bench.restore(host_b, saved, "new-mac", ignoreStaticMAC=True).wait_ready()
        ip, mac = addresses(there, network)
        assert (ip, mac != static[1]) == (static[0], True)
        there.remove()

        host_b.exec("podman", "network", "rm", network)
        host_b.exec("podman", "network", "create", "--subnet=10.198.7.0/24", network)
        require_failed(
            bench.restore(host_b, saved, "outside"),
            "AddressOutsideNetwork",
            evidence=static[0],
            remedy="Set spec.ignoreStaticIP: true",
        )
        bench.restore(host_b, saved, "other-net", ignoreStaticIP=True).wait_ready()
        assert addresses(there, network)[0].startswith("10.198.7.")

    def test_conflicts_are_found_before_anything_is_made(
        self, bench: Bench, host_a: Host, saved: Object, network: str, static: tuple[str, str]
    ) -> None:
        clone = bench.name("clone")
        refused = bench.restore(host_a, saved, "same", name=clone)
        status = require_failed(
            refused, "AddressInUse", evidence=static[0], remedy="Set spec.ignoreStaticIP: true"
        )
        assert self.container.name in status["diagnosis"]["evidence"]
        refused = bench.restore(host_a, saved, "same-mac", name=clone, ignoreStaticIP=True)
        require_failed(
            refused, "AddressInUse", evidence=static[1], remedy="Set spec.ignoreStaticMAC: true"
        )
        found = host_a.exec("podman", "container", "exists", clone, check=False)
        assert found.returncode == 1

        options = {"ignoreStaticIP": True, "ignoreStaticMAC": True}
        status = bench.restore(host_a, saved, "other", name=clone, **options).wait_ready()
        assert status["container"]["id"] != self.container.id
        assert addresses(self.container, network) == static


class TestAddressTakenMeanwhile:
    """A container that waits for its restore in place, and another one that takes its address."""

    def taken(self, bench: Bench, host: Host, address: str) -> Container:
        return bench.run(host, *IDLE, options=(f"--ip={address}",), suffix="other")

    def test_is_found_before_the_container_is_touched(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        address, mac = addresses(container, "podman")
        seen = len(container.counts())
        saved = bench.checkpoint(container)
        saved.wait_ready()
        other = self.taken(bench, host_a, address)

        status = require_failed(
            bench.restore(host_a, saved, "taken"),
            "AddressInUse",
            evidence=address,
            remedy="Set spec.ignoreStaticIP: true",
        )
        assert other.name in status["diagnosis"]["evidence"]
        assert container.state == "exited"

        other.remove()
        bench.restore(host_a, saved, "free").wait_ready()
        container.require_counting_on(since=seen)
        assert addresses(container, "podman") == (address, mac)

    def test_gives_the_container_another_one_where_that_is_asked_for(
        self, bench: Bench, host_a: Host
    ) -> None:
        container = bench.count(host_a)
        address, mac = addresses(container, "podman")
        seen = len(container.counts())
        bench.checkpoint(container).wait_ready()
        self.taken(bench, host_a, address)
        here = {"containerRef": {"name": container.name}}
        bench.restore(host_a, here, ignoreStaticIP=True).wait_ready()
        container.require_counting_on(since=seen)
        ip, kept = addresses(container, "podman")
        assert (ip != address, kept) == (True, mac)


def test_a_new_port_that_is_taken_is_found_before_anything_is_made(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    container = bench.run(host_a, *IDLE, options=("--publish=18433:80",))
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    host_b.load_image("busybox")
    other = bench.run(host_b, *IDLE, options=("--publish=18434:80",), suffix="other")

    require_failed(
        bench.restore(host_b, saved, "taken", publishPorts=["18434:80"]),
        "PortInUse",
        evidence="18434/tcp",
        remedy="Set spec.publishPorts",
    )

    assert not container.on(host_b).exists()
    other.remove()
    bench.restore(host_b, saved, "free", publishPorts=["18434:80"]).wait_ready()
    assert "18434" in container.on(host_b).inspect("{{json .NetworkSettings.Ports}}")


def test_file_locks_move_with_an_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("postgres")
    script = ("-c", "flock /tmp/lock sleep 1000")
    container = bench.run(host_a, *script, options=("--entrypoint", "sh"), image="postgres")

    def locked(where: Container) -> bool:
        return where.exec("flock", "-n", "/tmp/lock", "true", check=False).returncode == 1

    wait_until(lambda: locked(container), "the lock")
    saved = bench.checkpoint(container, leaveRunning=True, archive={}, fileLocks=True)
    saved.wait_ready()
    assert locked(container)

    require_failed(
        bench.restore(host_b, saved, "without"), "FileLocks", remedy="Set spec.fileLocks: true"
    )
    bench.restore(host_b, saved, "with", fileLocks=True).wait_ready()
    assert locked(container.on(host_b))


def test_what_an_archive_holds_can_be_left_out_of_the_restore(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    volume = bench.name("data")
    container = bench.run(host_a, *IDLE, options=(f"--volume={volume}:/data",))
    host_b.load_image("busybox")
    container.exec("sh", "-ec", f"echo changed >{STATE_FILE}; echo saved >/data/file")
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()

    status = bench.restore(host_b, saved, ignoreRootFS=True, ignoreVolumes=True).wait_ready()

    there = container.on(host_b)
    assert there.read(STATE_FILE) == "from the image\n"
    assert there.exec("ls", "/data").stdout == ""
    warned = [check["message"] for check in status["preflight"] if check["result"] == "Warn"]
    assert any(volume in message and "begin empty" in message for message in warned)


def test_a_volume_that_was_not_saved_is_not_restored_empty(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    volume = bench.name("data")
    container = bench.run(host_a, *IDLE, options=(f"--volume={volume}:/data",))
    host_b.load_image("busybox")
    saved = bench.checkpoint(container, leaveRunning=True, archive={}, ignoreVolumes=True)

    require_failed(
        bench.restore(host_b, saved),
        "VolumeNotSaved",
        evidence=volume,
        remedy="Set spec.ignoreVolumes: true",
    )

    assert volume not in host_b.exec("podman", "volume", "ls", "--format", "{{.Name}}").stdout


def test_options_for_archives_are_refused_in_place(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    saved.wait_ready()

    options = {"publishPorts": ["18435:80"], "ignoreRootFS": True, "ignoreVolumes": True}
    status = require_failed(
        bench.restore(host_a, saved, "refused", **options),
        "UnsupportedOption",
        evidence="spec.publishPorts",
        remedy="spec.source.archive",
    )
    assert "spec.ignoreVolumes" in status["diagnosis"]["evidence"]
    clone = bench.restore(host_a, saved, "clone", name=bench.name("clone"))
    require_failed(clone, "UnsupportedOption", evidence="spec.name", remedy="spec.source.archive")

    bench.restore(host_a, saved, "plain").wait_ready()
    container.require_counting_on(since=len(container.counts()))


def test_memory_is_copied_beforehand_only_where_the_kernel_can(bench: Bench, host_a: Host) -> None:
    """What it does where it can is in test_real_machine.py."""
    container = bench.count(host_a)
    started = container.started_at
    tracked = host_a.exec("criu", "check", "--feature", "mem_dirty_track", check=False)
    saved = bench.checkpoint(container, preCopy=True, leaveRunning=True, archive={})
    if tracked.returncode == 0:
        assert "pagesPreCopied" in saved.wait_ready()["statistics"]
    else:
        require_failed(
            saved, "PreCopyUnsupported", evidence="mem_dirty_track", remedy="spec.preCopy: false"
        )
    assert (container.state, container.started_at) == ("running", started)
