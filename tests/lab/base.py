"""The root file systems that namespaced hosts share: Debian with Podman, runc and CRIU.

One is of Debian 13, one of the release after it, with newer versions of all of them. Built by
debootstrap from the mirror that this machine's apt uses, and never changed afterwards: each host
lays a writable overlay over one (see :mod:`.hosts`). :mod:`.images` starts from the bare Debian 13.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .cache import built_once, digest
from .releases import NEXT, STABLE, Release
from .shell import run

if TYPE_CHECKING:
    from collections.abc import Sequence

SUITE: Final = STABLE.suite
NEXT_SUITE: Final = NEXT.suite
DEBOOTSTRAP_SCRIPT: Final = "/usr/share/debootstrap/scripts/sid"
"""It serves every suite of Debian; debootstrap knows the newest ones by no name yet."""

PACKAGES: Final = (
    *("aardvark-dns", "busybox-static", "ca-certificates", "catatonit", "conmon", "crun"),
    *("iproute2", "iptables", "netavark", "nftables", "podman", "procps", "python3", "runc"),
    *("util-linux", "zstd"),
)
PACKAGES_FROM_NEXT_SUITE: Final = ("criu", "libcriu2")
"""CRIU 4.2; the 4.1 of Debian 13 cannot dump IP sockets on Linux 6.16 or newer."""

SHIM: Final = Path(__file__).with_name("prlimit_shim.c")
CAP_SYS_RESOURCE: Final = 24

# cgroupfs: there is no systemd. pids_limit: that controller may be on cgroup v1, where the host
# does not see it. init_path: Debian's default is a symlink, and CRIU cannot restore a bind mount of
# one.
CONTAINERS_CONF: Final = """\
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="runc"
[containers]
log_driver="k8s-file"
pids_limit=0
init_path="/usr/bin/catatonit"
"""

FILES: Final = {
    "etc/containers/containers.conf": CONTAINERS_CONF,
    "etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}\n',
    # CRIU sees the machine's cgroups. With v1 hierarchies among them it would try to restore their
    # properties, and fail; runc puts the processes into their cgroup anyway.
    "etc/criu/runc.conf": "manage-cgroups=ignore\n",
    # Nothing is resolved outside the lab, and the machine's own resolver is nobody's business.
    "etc/resolv.conf": "",
    "etc/apt/sources.list": "",
}
FOLDERS: Final = ("run/podman", "var/lib/containers", "var/lib/podman-checkpoint/archives")
CRIU_WRAPPER: Final = """\
#!/bin/sh
LD_PRELOAD=/usr/local/lib/prlimit_shim.so exec /usr/sbin/criu "$@"
"""


class BaseError(RuntimeError):
    """The base cannot be built on this machine."""


def base(release: Release = STABLE) -> Path:
    """The folder of a release's root file system, built on first use (about a minute)."""
    shim = SHIM.read_text() if not _has_capability(CAP_SYS_RESOURCE) else ""
    key = digest(
        release.suite, NEXT_SUITE, PACKAGES, PACKAGES_FROM_NEXT_SUITE, FILES, FOLDERS, shim
    )

    def build(root: Path) -> None:
        debian(root, release)
        install(root, *PACKAGES, suite=release.suite)
        install(root, *PACKAGES_FROM_NEXT_SUITE, suite=NEXT_SUITE)
        clean(root)
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            write(root / name, text)
        if shim:
            library = root / "usr/local/lib/prlimit_shim.so"
            run("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, SHIM)
            write(root / "usr/local/sbin/criu", CRIU_WRAPPER, mode=0o755)

    note = f"the root file system of {release.name} hosts: about a minute"
    return built_once(f"base-{key}", build, note=note)


def debian(root: Path, release: Release = STABLE) -> None:
    """Make ``root`` a bare Debian, from the cache or by debootstrap."""
    bare = built_once(
        f"debian-{digest(release.suite, NEXT_SUITE)}",
        lambda target: _debootstrap(target, release),
        note=f"a bare Debian {release.suite}",
    )
    run("cp", "-a", bare, root)


def install(root: Path, *packages: str, suite: str = SUITE) -> None:
    """Install packages into a Debian root, without starting what is in them."""
    apt_get(root, "install", "-y", "--no-install-recommends", "-t", suite, *packages)


def apt_get(root: Path, *arguments: str) -> None:
    """Run apt-get in a Debian root."""
    options = ("-q", "-o", "Acquire::Check-Valid-Until=false")
    inside(root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments)


def inside(root: Path, *argv: str) -> None:
    """Run a program with ``root`` as its root; what it mounts or leaves running ends with it."""
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    run(*_namespaces(), "sh", "-c", script, root, *argv)


def clean(root: Path) -> None:
    """Remove what only installing needs."""
    inside(root, "apt-get", "clean")
    for folder in ("var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "usr/sbin/policy-rc.d").unlink()


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _debootstrap(root: Path, release: Release) -> None:
    mirror = _mirror()
    words = ("debootstrap", "--variant=minbase", release.suite, root, mirror, DEBOOTSTRAP_SCRIPT)
    run(*_namespaces(), *words)
    suites = dict.fromkeys((release.suite, NEXT_SUITE))
    sources = "".join(f"deb {mirror} {suite} main\n" for suite in suites)
    write(root / "etc/apt/sources.list", sources)
    if release.suite != NEXT_SUITE:
        pin = f"Package: *\nPin: release n={NEXT_SUITE}\nPin-Priority: 100\n"
        write(root / "etc/apt/preferences.d/next-suite", pin)
    write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
    apt_get(root, "update")


def _namespaces() -> Sequence[str]:
    return ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")


def _mirror() -> str:
    """The Debian mirror of this machine, as its apt knows it."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)
    wanted = f"{release[1]}|main" if release else ""
    columns = "$(RELEASE)|$(COMPONENT) $(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", columns, "Created-By: Packages").stdout
    for line in lines.splitlines():
        target, _, address = line.partition(" ")
        if target == wanted:
            return address
    raise BaseError(
        "apt on this machine knows no Debian mirror: the lab needs a Debian machine with"
        f" '{wanted.replace('|', ' ')}' in its apt sources."
    )


def _has_capability(number: int) -> bool:
    status = Path("/proc/self/status").read_text()
    effective = re.search(r"^CapEff:\s*(\w+)", status, re.M)
    return bool(effective and int(effective[1], 16) >> number & 1)
