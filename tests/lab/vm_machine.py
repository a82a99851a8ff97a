"""A virtual machine under QEMU: power, disk and the programs that run in it.

There is no KVM: the processor is emulated, which is ten times slower but works wherever QEMU does.
QEMU and the connection into the guest live in one control group of this machine, as the processes
of a namespaced host do. It is how they are found, and killing what is in it is a power cut: what
the guest had not synced is lost, what it had is kept.
"""

from __future__ import annotations

import base64
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import agents, paths, vm_image
from .cgroups import Cgroup, host_cgroup
from .shell import run
from .vm_connection import Connection
from .waiting import WaitError, wait_until

if TYPE_CHECKING:
    from .vm_image import VmImage

MEMORY_MIB: Final = 2048
PROCESSOR: Final = "qemu64"
"""The plainest one: programs use what a better one has, and it has to be emulated.

There is only one. With two, Linux once panicked (``int3`` in the scheduler) after it had changed
its own code, which QEMU 7.2 does not emulate reliably while the other processor runs.
"""
BOOT_TIMEOUT: Final = 240
"""Seconds. A boot takes 25 on an idle machine."""

# Enters the control group before anything else, so that the caller finds the program there.
LAUNCH: Final = """\
exec >"$1" 2>&1 </dev/null
echo 0 >"$0/cgroup.procs"
shift
exec setsid --fork "$@"
"""


class VmError(RuntimeError):
    """A virtual machine does not do what it should."""


@dataclass(frozen=True)
class VirtualMachine:
    """One machine, whether it has power or not. All its files are in ``folder``."""

    name: str
    folder: Path

    @property
    def cgroup(self) -> Cgroup:
        return host_cgroup(self.name)

    @property
    def connection(self) -> Connection:
        control_socket = Path("/run") / f"{self.cgroup.path.name}.ssh"
        return Connection(self.name, self.folder, control_socket)

    # Disk

    def prepare_disk(self, image: VmImage) -> None:
        """Lay an empty writable disk over that of the image, unless it is there."""
        made_for = self.folder / "image"
        if made_for.exists() and made_for.read_text() == image.name:
            return
        if self.folder.exists():
            print(f"lab: {self.name} has a new disk image and starts empty", file=sys.stderr)
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        self.connection.prepare()
        overlay = ("-f", "qcow2", "-F", "raw", "-b", image.disk, self.folder / "disk.qcow2")
        run("qemu-img", "create", "-q", *overlay)
        made_for.write_text(image.name)

    # Power

    def is_on(self) -> bool:
        """Whether it has power. It may still be booting."""
        return self.cgroup.is_populated()

    def power_on(self, image: VmImage, kernel: str) -> None:
        """Boot from its disk and wait until programs can be run in it.

        Raises:
            VmError: if it does not come up.
        """
        self.cgroup.create()
        self._launch("qemu", *self._qemu(image, kernel, self.connection.reset()))
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until a machine that has power has booted.

        Raises:
            VmError: if it does not come up; it is switched off.
        """
        start = time.monotonic()

        def ready() -> bool:
            if not self.is_on():
                raise VmError("QEMU ended")
            # The longer it takes, the slower the guest is.
            return self.is_ready(patience=1 + (time.monotonic() - start) / 30)

        try:
            wait_until(ready, f"{self.name} to boot", timeout=BOOT_TIMEOUT)
        except (WaitError, VmError) as error:
            self.power_off()
            raise VmError(f"{self.name} does not boot: {error}\n{self._last_words()}") from error

    def power_off(self) -> None:
        """Cut the power, without any notice to the guest. Nothing when there is none."""
        self.cgroup.remove()
        self.connection.control_socket.unlink(missing_ok=True)

    def is_ready(self, *, patience: float = 5) -> bool:
        """Whether programs can be run in it; connects to it if need be.

        Args:
            patience: how long to wait for an answer, in seconds.
        """
        if not self.is_on():
            return False
        if self.connection.is_up():
            return True
        # Beside QEMU there is at most the program that keeps the connection, which takes a while to
        # set it up. It ends when the guest restarts.
        if len(self.cgroup.pids()) == 1 and self.connection.answers(patience=patience):
            self._launch("ssh", *self.connection.keeper_argv())
        return False

    def _launch(self, name: str, *argv: str) -> None:
        log = self.folder / f"{name}.log"
        run("sh", "-ec", LAUNCH, self.cgroup.path, log, *argv)

    def _last_words(self) -> str:
        logs = (self.folder / f"{name}.log" for name in ("console", "qemu", "ssh"))
        text = "".join(log.read_text(errors="replace") for log in logs if log.exists())
        return "\n".join(text.splitlines()[-25:])

    def _qemu(self, image: VmImage, kernel: str, port: int) -> list[str]:
        # Writeback honours the guest's syncs. What the guest keeps to itself goes with QEMU.
        disk = f"if=virtio,format=qcow2,cache=writeback,file={_escaped(self.folder / 'disk.qcow2')}"
        return [
            *("qemu-system-x86_64", "-name", self.name, "-no-user-config", "-nodefaults"),
            *("-accel", "tcg", "-cpu", PROCESSOR, "-m", str(MEMORY_MIB)),
            *("-kernel", str(image.kernel(kernel)), "-initrd", str(image.initrd(kernel))),
            *("-append", self._kernel_arguments(), "-drive", disk),
            *("-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"),
            *("-virtfs", _shared(vm_image.ARCHIVES_TAG, paths.ARCHIVES)),
            *("-virtfs", _shared(vm_image.AGENT_TAG, agents.FOLDER) + ",readonly=on"),
            *("-device", "virtio-rng-pci", "-display", "none", "-vga", "none"),
            *("-serial", f"file:{_escaped(self.folder / 'console.log')}"),
        ]

    def _kernel_arguments(self) -> str:
        key = base64.b64encode(self.connection.key.with_suffix(".pub").read_bytes()).decode()
        return (
            f"root=/dev/vda rw quiet panic=1 console=ttyS0 systemd.hostname={self.name}"
            # systemd puts it where the SSH server looks for root's keys.
            f" systemd.set_credential_binary=ssh.authorized_keys.root:{key}"
        )


def _shared(tag: str, folder: Path) -> str:
    """QEMU's option for a folder that the guest sees as the machine does, owners and modes too."""
    folder.mkdir(parents=True, exist_ok=True)
    options = "security_model=passthrough,multidevs=remap"
    return f"local,mount_tag={tag},path={_escaped(folder)},{options}"


def _escaped(path: Path) -> str:
    """A path as a part of one of QEMU's options, where a comma ends a value."""
    return str(path).replace(",", ",,")
