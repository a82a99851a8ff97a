"""Why CRIU cannot restore: lines of ``restore.log``, read in the sources of CRIU 3.15 to 4.2.

The order counts where two entries match one line: the special one comes first.
"""

from __future__ import annotations

from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .entry import Entry

WITHOUT_CGROUP_WATCHES: Final = (
    "Create the container anew without such watches; with systemd in it, by podman run"
    " --env=MEMORY_PRESSURE_WATCH=/dev/null and by the lines DefaultMemoryAccounting=no and"
    " DefaultMemoryPressureWatch=off under [Manager] in a file of its /etc/systemd/system.conf.d"
)
"""systemd has none where it neither accounts for memory nor waits for the pressure on it."""

_CONNECTIONS_AND_FILES: Final = (
    Entry(  # sk-inet.c
        name="tcp-in-image",
        cause=Cause.TCP_ESTABLISHED,
        pattern=r"Connected TCP socket in image",
        remedy=Setting(
            "spec.tcpEstablished: true, or spec.tcpClose: true to drop them (Podman 5.7 or newer)",
            because="The checkpoint holds established TCP connections.",
        ),
    ),
    Entry(  # image.c
        name="tcp-close-in-image",
        cause=Cause.TCP_ESTABLISHED,
        pattern=r"Need to set the --tcp-close options",
        remedy=Setting(
            "spec.tcpClose: true (Podman 5.7 or newer)",
            otherwise="add the line `tcp-close` to {handed_config}",
            because="The checkpoint was taken with `tcp-close`.",
        ),
    ),
    Entry(  # image.c
        name="uprobes-in-image",
        cause=Cause.UNSUPPORTED_PROCESS,
        pattern=r"Dumped with --allow-uprobes\. Need to set it on restore",
        remedy="The checkpoint was taken with `allow-uprobes`. Add that line to {default_config} "
        "on this host too.",
    ),
    Entry(  # sk-unix.c
        name="unix-in-image",
        cause=Cause.EXTERNAL_UNIX_SOCKET,
        pattern=r"External socket found in image",
        remedy="The checkpoint holds a connection to a UNIX socket outside the container. Make "
        "sure that the socket's server runs on this host, and add the line `ext-unix-sk` to "
        "{handed_config}.",
    ),
    Entry(  # mount-v2.c; the path is below a temporary folder of CRIU's
        name="mount-symlink",
        cause=Cause.SYMLINKED_MOUNT_SOURCE,
        pattern=r"Can't remount .* with MS_PRIVATE: Invalid argument"
        r"|Failed to move_mount from (?P<path>.+) to .*: Invalid argument",
        remedy="A volume's source on the host is a symbolic link ({path}), or it is the "
        "container's init (--init) and the host's catatonit is one. CRIU cannot mount it. Put the "
        "real path where the link is; for --init set init_path in containers.conf to the real "
        "file.",
    ),
    Entry(  # mount.c, mount-v2.c
        name="mount-mapping",
        cause=Cause.MOUNT_SOURCE_MISSING,
        pattern=r"No mapping for \d+:(?P<path>.+) mountpoint"
        r"|Can't mount at (?P<target>.+): No such file or directory",
        remedy="The container has a mount whose source does not exist on this host "
        "({path}{target}). Create or copy it, then restore again.",
    ),
    Entry(  # files-reg.c
        name="file-changed",
        cause=Cause.FILE_CHANGED,
        pattern=r"File (?P<path>.+) has bad (?P<what>size|mode|build-ID)",
        remedy="{path} is not as it was at the checkpoint (its {what} differs). The image and the "
        "data in volumes and bind mounts must be those of the checkpoint: use the same image ID, "
        "and copy the data as it was then. Do not restore an older checkpoint over newer data.",
    ),
    Entry(  # files-reg.c
        name="file-missing",
        cause=Cause.FILE_CHANGED,
        pattern=r"Can't open file (?P<path>.+) on restore",
        remedy="The container had {path} open, and it cannot be opened now. Copy the data of bind "
        "mounts to this host, and make sure that the image is the same.",
    ),
)

_TARGET: Final = (
    Entry(  # fsnotify.c
        name="cgroup-watch",
        cause=Cause.CGROUP_WATCH,
        pattern=r"fsnotify: Unable to open (?P<path>/sys/fs/cgroup/\S+): No such file",
        remedy=f"A process watched {{path}}, which is not there yet when CRIU sets up the watch. "
        f"This checkpoint cannot be restored. {WITHOUT_CGROUP_WATCHES}.",
    ),
    Entry(  # cr-restore.c
        name="pid-in-use",
        cause=Cause.PID_IN_USE,
        pattern=r"Can't fork for (?P<pid>\d+): File exists"
        r"|Pid \d+ do not match expected (?P<want>\d+)"
        r"|This process tree can only be restored in a new pid namespace",
        remedy="A process ID that the container needs ({pid}{want}) is taken. This happens with "
        "--pid=host or a PID namespace shared in a pod: re-create the container without it, or "
        "end the other process.",
    ),
    Entry(  # arch/x86/cpu.c, arch/*/cpu.c
        name="cpu-features",
        cause=Cause.CPU_MISMATCH,
        pattern=r"FPU feature required by image is not supported|CPU xsave size mismatch"
        r"|CPU xfeatures has unsupported bits|CPU instruction capabilities do not match"
        r"|CPU Feature \S+ not supported on host",
        remedy="This host's CPU lacks features of the host where the checkpoint was taken. "
        "Restore on a host with the same or a newer CPU model.",
    ),
    Entry(  # cr-restore.c
        name="architecture",
        cause=Cause.ARCHITECTURE_MISMATCH,
        pattern=r"Core march mismatch",
        remedy="The checkpoint is of another CPU architecture. Restore on a host of that "
        "architecture.",
    ),
    Entry(  # image.c
        name="images-version",
        cause=Cause.IMAGE_VERSION,
        pattern=r"Not supported images version|Too old image|[Mm]agic doesn't match for",
        remedy="This CRIU cannot read the checkpoint's images. Use the CRIU version that took the "
        "checkpoint, or a newer one, on this host.",
    ),
    Entry(  # image.c, protobuf.c
        name="image-damaged",
        cause=Cause.CHECKPOINT_DAMAGED,
        pattern=r"Img trimmed \d+/\d+|Read \d+ bytes while \d+ expected from"
        r"|Unexpected EOF on |Failed unpacking object",
        remedy="CRIU's images of this checkpoint are cut off or damaged. Restore from another "
        "checkpoint, or from a good copy of this one.",
    ),
    Entry(  # image.c
        name="plugin-missing",
        cause=Cause.GPU,
        pattern=r"Missing required plugin: (?P<plugin>\S+)",
        remedy="The checkpoint needs CRIU's plugin {plugin}. Install it on this host.",
    ),
    Entry(  # cr-restore.c
        name="rseq-restore",
        cause=Cause.KERNEL_LACKS_FEATURE,
        pattern=r"rseq: can't restore as kernel doesn't support it",
        remedy="The container uses restartable sequences, which this kernel lacks. Boot a kernel "
        "as new as that of the checkpoint.",
    ),
    Entry(  # pie/restorer.c, lsm.c
        name="security-module",
        cause=Cause.SECURITY_MODULE,
        pattern=r"can't write lsm profile|mismatched lsm types and lsm profile specified"
        r"|(?P<module>selinux|apparmor) LSM specified but \w+ not supported by kernel",
        remedy="The hosts' security modules differ, or the profile of the container is not loaded "
        "here. Enable the same module (SELinux, AppArmor) with the same profile "
        "(container-selinux) as on the host of the checkpoint.",
    ),
    Entry(  # files of a container in a user namespace
        name="user-namespace-images",
        cause=Cause.USER_NAMESPACE,
        pattern=r"Unable to open \S+\.img: Permission denied",
        remedy="The restored processes may not read the checkpoint, as with a container in a user "
        "namespace (--uidmap, --userns), which Podman cannot restore. Re-create it without one.",
    ),
    Entry(  # net.c, netfilter.c
        name="network-lock-restore",
        cause=Cause.NETWORK_LOCK,
        pattern=r"Iptables configuration failed|Locking (?:network|connection) failed"
        r"|CRIU was built without libnftables support",
        remedy="CRIU could not hold back the container's network packets. Install iptables or "
        "nftables on the host (and load its kernel modules).",
    ),
    Entry(  # cgroup.c
        name="cgroup-restore",
        cause=Cause.CGROUP,
        pattern=r"cg: .*(?:Failed writing|Can't move)|cgroupd: Can't move",
        remedy="The container's cgroup cannot be set up as it was. Use the same cgroup version "
        "and cgroup manager on both hosts, and give this host the CPUs that the container is "
        "bound to (cpuset).",
    ),
    Entry(  # tty.c
        name="terminal-in-image",
        cause=Cause.TERMINAL,
        pattern=r"tty: (?:Found|Unable to find a master|Only one slave)",
        remedy="The checkpoint holds a terminal whose other end was outside the container. Take a "
        "new checkpoint without `podman exec -it` and `podman attach` sessions.",
    ),
    Entry(  # mount.c
        name="mount-in-image",
        cause=Cause.UNSUPPORTED_MOUNT,
        pattern=r"doesn't have a proper root mount|has unreachable sharing",
        remedy="The container has a mount that CRIU cannot restore. Re-create the container with "
        "it as a volume (-v), or add the line `enable-external-masters` to {default_config}.",
    ),
)

RESTORE_FAILURES: Final = _CONNECTIONS_AND_FILES + _TARGET
