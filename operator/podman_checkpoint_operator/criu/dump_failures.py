"""Why CRIU refuses to dump: lines of ``dump.log``, read in the sources of CRIU 3.15 to 4.2.

The order counts where two entries match one line: the special one comes first.
"""

from __future__ import annotations

from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .entry import Entry

_CONNECTIONS_AND_FILES: Final = (
    Entry(  # files-reg.c
        name="ghost-file",
        cause=Cause.GHOST_FILE_TOO_LARGE,
        pattern=r"Can't dump ghost file (?P<path>.*) of (?P<size>\d+) size, increase limit",
        remedy=Setting(
            "spec.ghostLimit.policy: Auto and spec.ghostLimit.max of at least {size} bytes",
            otherwise="let the application close {path}",
            because="A deleted file that is still open is larger than CRIU's ghost limit.",
        ),
    ),
    Entry(  # files-reg.c
        name="link-remap",
        cause=Cause.LINK_REMAP,
        pattern=r"Can't create link remap for (?P<path>.+?)\. Use (?:--)?link-remap option",
        remedy="The application holds {path} open under a name that was removed while another "
        "hard link to it exists. Add the line `link-remap` to /etc/criu/runc.conf (runc) or "
        "{default_config} (crun) on the host, or let the application close the file.",
    ),
    Entry(  # sk-inet.c
        name="tcp-established",
        cause=Cause.TCP_ESTABLISHED,
        pattern=r"Connected TCP socket, consider using --tcp-established option",
        remedy=Setting(
            "spec.tcpEstablished: true in the checkpoint and in the restore",
            otherwise="close the connections first",
            because="The container has established TCP connections.",
        ),
    ),
    Entry(  # sk-inet.c
        name="tcp-in-flight",
        cause=Cause.TCP_IN_FLIGHT,
        pattern=r"In-flight connections? (?:\(l\) for|can be ignored)",
        remedy="A client was just connecting. Create the checkpoint again; if that happens every "
        "time, add the line `skip-in-flight` to {handed_config}: such clients then connect anew.",
        transient=True,
    ),
    Entry(  # sk-inet.c; 262 is IPPROTO_MPTCP
        name="tcp-multipath",
        cause=Cause.MULTIPATH_TCP,
        pattern=r"Unsupported proto 262 for socket|GODEBUG=multipathtcp=0",
        remedy="CRIU cannot save multipath TCP sockets. Re-create the container without them; for "
        "a Go program with the environment variable GODEBUG=multipathtcp=0.",
    ),
    Entry(  # file-lock.c
        name="file-locks",
        cause=Cause.FILE_LOCKS,
        pattern=r"Some file locks are hold by dumping tasks! ?You can try --file-locks",
        remedy=Setting(
            "spec.fileLocks: true in the checkpoint and in the restore",
            because="The container holds file locks.",
        ),
    ),
    Entry(  # sk-unix.c
        name="unix-external",
        cause=Cause.EXTERNAL_UNIX_SOCKET,
        pattern=r"External socket is used\. Consider using --ext-unix-sk"
        r"|Can't dump half of stream unix connection|unix: Dangling connection \d+"
        r"|Unix socket \d+ without peer \d+",
        remedy="The container is connected to a UNIX socket of a process outside it. End the "
        "connection, or re-create the container without the mounted socket (/dev/log, "
        "podman.sock, ...). For datagram sockets alone, the line `ext-unix-sk` in {handed_config} "
        "helps as well.",
    ),
    Entry(  # sk-unix.c
        name="unix-in-flight",
        cause=Cause.EXTERNAL_UNIX_SOCKET,
        pattern=r"In-flight connection on non-listening socket",
        remedy="A UNIX socket connection was just being made. Create the checkpoint again.",
        transient=True,
    ),
    Entry(  # sockets.c; 1:16 is SOL_SOCKET:SO_PASSCRED, refused on sockets without it since 6.16
        name="criu-socket-options",
        cause=Cause.CRIU_TOO_OLD,
        pattern=r"Can't get 1:(?:16|34) opt: Operation not supported",
        remedy="CRIU 4.2 or newer is needed on kernel 6.16 or newer: update CRIU on the host.",
    ),
    Entry(  # proc_parse.c, files-ext.c; Linux 6.7 and newer refuse to pass such a file on: EINVAL
        name="io-uring",
        cause=Cause.IO_URING,
        pattern=r"Unknown shit \d+ \(anon_inode:\[io_uring\]\)|anon_inode:\[io_uring\]"
        r"|send_fds failed \(-22\)",
        remedy="CRIU cannot save io_uring. Switch it off in the application (its own setting, or "
        "sysctl kernel.io_uring_disabled=2 on the host) and start the container anew.",
    ),
    Entry(  # files-ext.c; 195 is the NVIDIA driver
        name="gpu-device",
        cause=Cause.GPU,
        pattern=r"Can't dump file \d+ of that type \[\d+\] \(chr 195:\d+\)"
        r"|doesn't have a proper root mount.*nvidia|/nvidia/.*doesn't have a proper root mount",
        remedy="The container uses a GPU. Install CRIU's plugin for it (cuda_plugin or "
        "amdgpu_plugin) on the host, and pass the device in by CDI instead of by the NVIDIA hook.",
    ),
    Entry(  # files-ext.c, files.c
        name="file-kind",
        cause=Cause.UNSUPPORTED_FILE,
        pattern=r"Can't dump file (?P<fd>\d+) of that type \[\d+\] \((?P<kind>.*)\)",
        remedy="CRIU cannot save an open file of this kind ({kind}). Re-create the container "
        "without the device, or switch off the feature of the application that opens it.",
    ),
    Entry(  # fsnotify.c
        name="inotify",
        cause=Cause.INOTIFY,
        pattern=r"fsnotify: .*(?:Can't dump that handle|Can't find suitable path for handle"
        r"|Unable to lookup a mount by dev)",
        remedy="CRIU cannot tell which file an inotify watch is on. Add a line `irmap-scan-path "
        "DIRECTORY`, with a folder that the watched one is in (/usr/share/dbus-1 for D-Bus), to "
        "{default_config} on the host, or switch off file watching in the application.",
    ),
)

_PROCESSES: Final = (
    Entry(  # namespaces.c
        name="nested-namespace",
        cause=Cause.NESTED_NAMESPACE,
        pattern=r"Can't dump nested (?P<kind>\w+) namespace for \d+",
        remedy="A process in the container made a {kind} namespace of its own (a container in the "
        "container, a sandbox, a systemd service), which CRIU cannot save. Switch that off.",
    ),
    Entry(  # cr-dump.c
        name="session-leader-outside",
        cause=Cause.EXEC_SESSION,
        pattern=r"A session leader of .* is outside of its pid namespace",
        remedy="A process was started into the container from outside. End `podman exec` sessions "
        "and create the checkpoint again.",
        transient=True,
    ),
    Entry(  # seize.c, infect.c
        name="process-traced",
        cause=Cause.UNSUPPORTED_PROCESS,
        pattern=r"Unseizable non-zombie (?P<pid>\d+) found"
        r"|zombie (?P<other>\d+) \(comm .*\) found while seizing",
        remedy="CRIU cannot take hold of process {pid}{other} (as the host counts). A debugger or "
        "tracer (gdb, strace) has it, or it came into the container from outside (nsenter). End "
        "that, and create the checkpoint again.",
    ),
    Entry(  # seize.c
        name="zombie",
        cause=Cause.UNSUPPORTED_PROCESS,
        pattern=r"Zombies with threads are not supported|Zombie thread not supported"
        r"|Individually stopped threads not supported|Zombie with children",
        remedy="A process of the container is half dead or half stopped, which CRIU cannot save. "
        "Usually this passes: create the checkpoint again. Otherwise restart that process.",
        transient=True,
    ),
    Entry(  # proc_parse.c
        name="uprobes",
        cause=Cause.UNSUPPORTED_PROCESS,
        pattern=r"PID (?P<pid>\d+) has uprobes vma",
        remedy="A tracer (perf, bpftrace) has probes in the container's processes. Stop it and "
        "create the checkpoint again, or add the line `allow-uprobes` to {default_config} on the "
        "host.",
    ),
    Entry(  # tty.c
        name="terminal",
        cause=Cause.TERMINAL,
        pattern=r"Found slave peer index \d+ without correspond master peer|Found dangling tty"
        r"|Unable to find a master for /|Only one slave external peer is allowed",
        remedy="The container uses a terminal whose other end is outside it. End `podman exec "
        "-it` and `podman attach` sessions; if that does not help, re-create the container "
        "without -t.",
    ),
    Entry(  # cr-dump.c, kerndat.c
        name="rseq-dump",
        cause=Cause.KERNEL_LACKS_FEATURE,
        pattern=r"has rseq but kernel lacks get_rseq_conf feature",
        remedy="The kernel is too old for programs that use restartable sequences (glibc 2.35 or "
        "newer). Boot kernel 5.13 or newer, or set GLIBC_TUNABLES=glibc.pthread.rseq=0 in the "
        "container.",
    ),
    Entry(  # config.c
        name="memory-tracking",
        cause=Cause.PRE_COPY_UNSUPPORTED,
        pattern=r"Tracking memory is not available",
        remedy=Setting(
            "spec.preCopy: false",
            rather="if that is not set, remove `track-mem` from the files in /etc/criu on the host",
            because="The kernel cannot track changed memory (CONFIG_MEM_SOFT_DIRTY).",
        ),
    ),
    Entry(  # seize.c, cr-dump.c
        name="freeze-timeout",
        cause=Cause.CANNOT_FREEZE,
        pattern=r"Unable to freeze cgroup|Timeout reached\. Try to interrupt",
        remedy="A process of the container did not stop within CRIU's time limit (10 seconds), "
        "mostly since it waits for a slow disk or a network file system. Create the checkpoint "
        "again; if it happens every time, add the line `timeout 120` to {default_config} on the "
        "host.",
        transient=True,
    ),
)

_HOST: Final = (
    Entry(  # files-reg.c
        name="mount-overmounted",
        cause=Cause.UNSUPPORTED_MOUNT,
        pattern=r"Open files on overmounted mounts are not supported yet",
        remedy="The application holds a file open that lies below a later mount. Re-create the "
        "container with mounts that do not cover one another.",
    ),
    Entry(  # mount.c
        name="mount-shared",
        cause=Cause.UNSUPPORTED_MOUNT,
        pattern=r"has unreachable sharing\. Try --enable-external-masters",
        remedy="A mount of the container shares its events with the host. Re-create the container "
        "with private propagation (-v SOURCE:DESTINATION:private), or add the line "
        "`enable-external-masters` to {default_config} on the host.",
    ),
    Entry(  # mount.c
        name="mount-unknown",
        cause=Cause.UNSUPPORTED_MOUNT,
        pattern=r"(?P<mount>\d+:\S+) doesn't have a proper root mount"
        r"|FS mnt (?P<path>\S+) dev .* unsupported id",
        remedy="Something was mounted in the container after it was made, or by a hook "
        "({mount}{path}). Unmount it, or re-create the container with it as a volume (-v).",
    ),
    Entry(  # netfilter.c, net.c
        name="network-lock",
        cause=Cause.NETWORK_LOCK,
        pattern=r"Iptables configuration failed|Locking (?:network|connection) failed"
        r"|CRIU was built without libnftables support",
        remedy="CRIU could not hold back the container's network packets. Install iptables or "
        "nftables on the host (and load its kernel modules); which of them CRIU uses is set by a "
        "line `network-lock nftables` or `network-lock iptables` in {default_config}.",
    ),
)

DUMP_FAILURES: Final = _CONNECTIONS_AND_FILES + _PROCESSES + _HOST
