"""The two demos."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Final

from tests import demo as package
from tests.lab import inventory, lifecycle
from tests.lab.kubectl import kubectl
from tests.lab.vm import VirtualHost

from .database import ROWS, Database, expect_same, exported_and_imported
from .narration import DemoFailed, apply_object, apply_sample, command, show, status, step

EXPORTS: Final = 3
_RESOURCES: Final = (
    "cckpt/pg-before-reboot",
    "crst/pg-after-reboot",
    "cckpt/pg-live-1",
    "cckpt/pg-live-2",
    "crst/pg-on-host-b",
)


def main() -> int:
    """Run the demo that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=package.__doc__)
    parser.add_argument("--reboot", action="store_true", help="the reboot into a newer kernel")
    started = time.monotonic()
    try:
        proven = demo_reboot() if parser.parse_args().reboot else demo()
    except (DemoFailed, *lifecycle.FAILURES) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    print(f"\nProven in {time.monotonic() - started:.0f} s: {proven}")
    print(
        "The lab is still up. ./lab kubectl get cckpt,crst looks around, make lab-down removes it."
    )
    return 0


def demo() -> str:
    """PostgreSQL survives a reboot of host-a and moves to host-b; return what was proven."""
    step("A real kube-apiserver and two Podman hosts, each with its agent")
    command("make lab-up")
    lifecycle.up()
    a, b = Database("host-a"), Database("host-b")
    kubectl("delete", "--ignore-not-found", *_RESOURCES)
    a.prepare()
    b.prepare()

    step(f"PostgreSQL on host-a, with {ROWS:,} rows and a client session that stays open")
    a.start()
    before = a.state()
    show(before)

    step("Save it: the container stops, its state stays on host-a's disk")
    apply_sample("01-checkpoint-before-reboot.yaml", "cckpt/pg-before-reboot")

    step("Reboot host-a")
    command("./lab reboot host-a")
    inventory.host("host-a").reboot(None)
    show(a.podman("ps", "--all", "--format={{.Names}}: {{.Status}}"))

    step("Bring it back")
    apply_sample("02-restore-after-reboot.yaml", "crst/pg-after-reboot")
    expect_same(a.state(), before)

    step("Archive it twice, while a client inserts rows without a pause")
    a.begin_writing()
    _archive_twice("0{}-live-archive-{}.yaml")
    until = a.ticks()

    step(f"For comparison: {EXPORTS} of Podman's own live exports of the same container")
    command("podman container checkpoint --leave-running --tcp-established --export FILE pg")
    command("podman container restore --tcp-established --import FILE")
    restored = sum(exported_and_imported(a, b) for _ in range(EXPORTS))
    show(f"every export said success; {restored} of {EXPORTS} could be restored on host-b")

    step("Move it to host-b, from the second archive")
    apply_sample("05-restore-on-another-host.yaml", "crst/pg-on-host-b")
    command("kubectl get crst/pg-on-host-b --output=jsonpath={.status.verification}")
    show(status("crst/pg-on-host-b", "verification"))
    expect_same(b.state(), before)
    ticks = b.ticks()
    show(f"the writing client goes on on host-b: {ticks} rows without a hole")
    a.end_writing()
    b.end_writing()
    rows = b.query("select count(*) from things")
    command("./lab exec host-b podman exec pg psql -c 'select count(*) from things'")
    show(rows)
    if rows != str(ROWS) or not until:
        raise DemoFailed(f"{rows} rows on host-b instead of {ROWS}")
    return (
        f"the same server process, its {rows} rows and its open session went through a reboot of"
        " host-a and a move to host-b, by kubectl apply."
    )


def demo_reboot() -> str:
    """PostgreSQL goes through a reboot into a newer kernel; return what was proven."""
    step("A virtual machine with systemd, crun and two kernels, its agent a systemd unit")
    command("./lab up host-v")
    lifecycle.up(["host-v"])
    host, database = VirtualHost("host-v"), Database("host-v")
    names = ("pg-v-live-1", "pg-v-live-2", "pg-v-before-reboot")
    kubectl("delete", "--ignore-not-found", *(f"cckpt/{name}" for name in names))
    kubectl("delete", "--ignore-not-found", "crst/pg-v-after-reboot")
    if host.kernel != "old":
        host.reboot("old")
    database.prepare()
    kernel = host.exec("uname", "-r").stdout.strip()

    step(f"PostgreSQL on Linux {kernel}, with {ROWS:,} rows, an open session and a writing client")
    database.start()
    before = database.state()
    show(before)
    database.begin_writing()

    step("Archive it twice while it works, and export it once by hand")
    for name in names[:2]:
        apply_object(_checkpoint(name, leaveRunning=True, archive={}), f"cckpt/{name}")
        _show_pause(name)
    # Podman before 5.6 leaves a part of each export behind, and would roll the files back to it at
    # every later restore in place.
    argv = ("container", "checkpoint", "--leave-running", "--tcp-established",
            "--export=/var/tmp/by-hand.tar", "pg")  # fmt: skip
    command(f"podman {' '.join(argv)}")
    show(database.podman(*argv))

    step("Save it in place, and reboot into the newer kernel")
    apply_object(_checkpoint(names[2]), f"cckpt/{names[2]}")
    command("./lab reboot host-v --kernel new")
    host.reboot("new")
    newer = host.exec("uname", "-r").stdout.strip()
    show(f"Linux {newer}")
    if newer == kernel:
        raise DemoFailed(f"host-v still runs {kernel}")

    step("Bring it back")
    apply_object(_restore("pg-v-after-reboot", names[2]), "crst/pg-v-after-reboot")
    expect_same(database.state(), before)
    show(f"the writing client goes on: {database.ticks()} rows without a hole")
    database.end_writing()
    return (
        f"the same server process, its {ROWS} rows and its open session, begun on Linux {kernel},"
        f" go on on Linux {newer}."
    )


def _archive_twice(samples: str) -> None:
    for number in (1, 2):
        apply_sample(samples.format(number + 2, number), f"cckpt/pg-live-{number}")
        _show_pause(f"pg-live-{number}")


def _show_pause(name: str) -> None:
    paused = int(status(f"cckpt/{name}", "statistics.pausedMicroseconds")) / 1e6
    show(f"paused for {paused:.2f} s; archive {status(f'cckpt/{name}', 'archive.digest')}")


def _checkpoint(name: str, **options: Any) -> dict[str, Any]:
    return _object(
        "ContainerCheckpoint",
        name,
        {"containerRef": {"name": "pg"}, "tcpEstablished": True, **options},
    )


def _restore(name: str, checkpoint: str) -> dict[str, Any]:
    source = {"checkpointRef": {"name": checkpoint}}
    return _object("ContainerRestore", name, {"source": source, "tcpEstablished": True})


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "podman-checkpoint.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": "host-v", **spec},
    }


if __name__ == "__main__":
    sys.exit(main())
