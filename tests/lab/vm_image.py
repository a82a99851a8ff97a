"""The disk and the two kernels that ``host-v`` boots: Debian 13 as a user would install it.

Unlike the namespaced hosts' :mod:`.base`, nothing here makes up for missing hardware or rights:
systemd, pure cgroup v2, and crun with Podman's own defaults. What is left out costs only time, of
which software emulation has little.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import base, images, paths
from .cache import built_once, digest
from .shell import run

if TYPE_CHECKING:
    from .images import Image

KERNELS: Final = {"old": base.SUITE, "new": base.NEXT_SUITE}
"""The names of the kernels, and the Debian release that each comes from."""

PACKAGES: Final = (
    *("dbus", "kmod", "openssh-server", "systemd"),
    *("systemd-sysv", "tiny-initramfs", "udev", "xz-utils"),
)
KERNEL_PACKAGE: Final = "linux-image-amd64"
DISK_SIZE: Final = "8G"
"""As the guest sees it. The file is sparse and takes what is in it, about 900 MB."""

LOADED: Final = "postgres"
"""The container image that is there from the start: to load it, a guest takes minutes."""

ADDRESS: Final = "10.0.2.15/24"
ROUTER: Final = "10.0.2.2"
"""Both are fixed by QEMU's user network. Its router reaches all that this machine reaches."""

ARCHIVES_TAG: Final = "archives"
AGENT_TAG: Final = "agent"
"""Names of the folders that the machine shares with the guest."""

SHARED: Final = "9p trans=virtio,version=9p2000.L,msize=512000,nofail"
AGENT_FOLDER: Final = "/opt/podman-checkpoint-agent"

# Nothing but the way to the disk. Debian's usual initrd takes longer than all the rest of the boot.
INITRD: Final = """\
AUTO_MODULES=no
MICROCODE=no
INCLUDE_MODULES=virtio_pci,virtio_blk,ext4,crc32c
"""
# CRIU restores no bind mount whose source is a symlink, as Debian's default for init_path is.
CONTAINERS_CONF: Final = '[containers]\ninit_path="/usr/bin/catatonit"\n'
NETWORK: Final = f"""\
[Match]
Type=ether
Kind=!*
[Network]
Address={ADDRESS}
Gateway={ROUTER}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""

FILES_BEFORE: Final = {"etc/tiny-initramfs/tiny-initramfs.conf": INITRD}
FILES: Final = {
    "etc/containers/containers.conf": CONTAINERS_CONF,
    "etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}\n',
    "etc/fstab": (
        f"{ARCHIVES_TAG} {paths.ARCHIVES_IN_HOST} {SHARED} 0 0\n"
        f"{AGENT_TAG} {AGENT_FOLDER} {SHARED},ro,cache=loose 0 0\n"
    ),
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "",
    "etc/systemd/network/lab.network": NETWORK,
    # A power cut would take the last five minutes of every log.
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nSyncIntervalSec=1s\n",
    "etc/apt/sources.list": "",
}
FOLDERS: Final = (paths.ARCHIVES_IN_HOST, Path(AGENT_FOLDER))

ENABLED: Final = ("podman.socket", "systemd-networkd.service")
# What nobody misses in a machine without a screen, and takes a third of the time of a boot.
MASKED: Final = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
    *("getty@tty1.service", "serial-getty@ttyS0.service", "systemd-logind.service"),
    *("netavark-dhcp-proxy.service", "netavark-dhcp-proxy.socket"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount"),
    *("sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount"),
    *("sys-kernel-tracing.mount", "systemd-binfmt.service", "systemd-pstore.service"),
    *("systemd-network-generator.service", "systemd-udev-load-credentials.service"),
)
# Drivers that udev would load for what the emulated machine has, but nobody uses, and large ones.
UNUSED_MODULES: Final = (
    *("arch/x86/kvm", "drivers/ata", "drivers/gpu", "drivers/input/mouse", "drivers/media"),
    *("drivers/net/wireless", "net/wireless", "sound"),
)

# Podman wants a root that is a mount, and to see control groups.
LOAD: Final = """\
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount -t tmpfs tmpfs "$0/run"
exec chroot "$0" podman load --quiet --input "/$1"
"""


@dataclass(frozen=True)
class VmImage:
    """What a virtual machine is made from; never changed once it is there."""

    folder: Path

    @property
    def name(self) -> str:
        """Tells one image from another."""
        return self.folder.name

    @property
    def disk(self) -> Path:
        """A raw ext4 file system, for overlays."""
        return self.folder / "disk.img"

    def kernel(self, name: str) -> Path:
        """The kernel ``old`` or ``new``."""
        return self.folder / f"{name}.vmlinuz"

    def initrd(self, name: str) -> Path:
        """What the kernel of this name finds its disk with."""
        return self.folder / f"{name}.initrd"


def vm_image() -> VmImage:
    """The image, built on first use."""
    loaded = images.image(LOADED)
    key = digest(
        *(KERNELS, base.PACKAGES, base.PACKAGES_FROM_NEXT_SUITE, PACKAGES, KERNEL_PACKAGE),
        *(FILES_BEFORE, FILES, [str(folder) for folder in FOLDERS], DISK_SIZE),
        *(ENABLED, MASKED, UNUSED_MODULES, LOAD, loaded.identifier()),
    )

    def build(target: Path) -> None:
        _build(target, loaded)

    return VmImage(built_once(f"vm-{key}", build, note="the disk of host-v: about a minute"))


def _build(target: Path, loaded: Image) -> None:
    target.mkdir()
    root = target / "root"
    base.debian(root)
    for name, text in FILES_BEFORE.items():
        base.write(root / name, text)
    base.install(root, *base.PACKAGES, *PACKAGES)
    base.install(root, *base.PACKAGES_FROM_NEXT_SUITE, suite=base.NEXT_SUITE)
    for name, suite in KERNELS.items():
        base.install(root, KERNEL_PACKAGE, suite=suite)
        # The package's links lead to the kernel that was installed last.
        shutil.copy(root / "vmlinuz", target / f"{name}.vmlinuz")
        shutil.copy(root / "initrd.img", target / f"{name}.initrd")
    base.clean(root)
    _configure(root)
    _load(root, loaded)
    run("mke2fs", "-q", "-t", "ext4", "-d", root, target / "disk.img", DISK_SIZE)
    shutil.rmtree(root)


def _configure(root: Path) -> None:
    for folder in FOLDERS:
        (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        base.write(root / name, text)
    base.inside(root, "systemctl", "set-default", "multi-user.target")
    base.inside(root, "systemctl", "enable", *ENABLED)
    base.inside(root, "systemctl", "mask", *MASKED)
    for modules in (root / "usr/lib/modules").iterdir():
        for unused in UNUSED_MODULES:
            shutil.rmtree(modules / "kernel" / unused, ignore_errors=True)
        base.inside(root, "depmod", modules.name)
    shutil.rmtree(root / "boot")
    (root / "boot").mkdir()


def _load(root: Path, image: Image) -> None:
    """Load a container image into the storage of the machine that ``root`` will be."""
    archive = root / image.archive.name
    os.link(image.archive, archive)
    run("unshare", "--mount", "--", "sh", "-ec", LOAD, root, archive.name)
    archive.unlink()
