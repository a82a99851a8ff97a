"""What Podman and its runtime say of a host that cannot do what was asked, or of an archive.

The rest of what they say is in :mod:`.podman_failures`, with where it was looked up.
"""

from __future__ import annotations

from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .entry import Entry

HOST_FAILURES: Final = (
    Entry(
        name="runtime-without-criu",
        cause=Cause.RUNTIME_WITHOUT_CRIU,
        pattern=r"configured runtime does not support checkpoint/restore|could not load `?libcriu"
        r"|compiled without CRIU|does not support pod restore",
        remedy="The host's OCI runtime cannot checkpoint. Install runc, or a crun whose `crun "
        "--version` lists +CRIU together with libcriu, and CRIU itself.",
    ),
    Entry(
        name="runtime-option",
        cause=Cause.UNSUPPORTED_OPTION,
        pattern=r"flag provided but not defined: -+(?P<flag>[\w-]+)"
        r"|(checkpoint|restore): unrecognized option '(?P<option>[^']+)'",
        remedy=Setting(
            "no field in the spec that asks for it",
            rather="update runc or crun",
            because="The container's OCI runtime is older than this Podman, and does not know the "
            "option {flag}{option}.",
        ),
    ),
    Entry(
        name="runtime-mismatch",
        cause=Cause.RUNTIME_MISMATCH,
        pattern=r"was created with runtime '(?P<was>[^']+)' and cannot be restored with runtime "
        r"'(?P<now>[^']+)'",
        remedy="The checkpoint was taken with {was}, and this host's Podman uses {now}. Set "
        "runtime in the section engine of containers.conf on this host to {was}.",
    ),
    Entry(
        name="criu-too-old",
        cause=Cause.CRIU_TOO_OLD,
        pattern=r"checkpoint/restore requires at least CRIU \d+|libcriu is too old"
        r"|CRIU version \d+ must be \d+ or higher|RPC config files supported in CRIU >=",
        remedy="CRIU on this host is too old. Update it to 4.2 or newer.",
    ),
    Entry(
        name="criu-missing",
        cause=Cause.RUNTIME_WITHOUT_CRIU,
        pattern=r"failed to check for criu version|CRIU version check failed|CRIU init failed",
        remedy="CRIU does not run on this host. Install it (package criu), and try `criu check` "
        "there.",
    ),
    Entry(
        name="memory-tracking-runtime",
        cause=Cause.PRE_COPY_UNSUPPORTED,
        pattern=r"does not support memory tracking|memory tracking not supported",
        remedy=Setting(
            "spec.preCopy: false",
            because="The kernel or CRIU of this host cannot track changed memory "
            "(CONFIG_MEM_SOFT_DIRTY).",
        ),
    ),
    Entry(
        name="feature-missing",
        cause=Cause.KERNEL_LACKS_FEATURE,
        pattern=r"criu is missing features",
        remedy="The kernel or CRIU of this host lacks a feature that was asked for: run `criu "
        "check --all` there.",
    ),
    Entry(
        name="rootless",
        cause=Cause.ROOTLESS,
        pattern=r"(?:checkpointing|restoring)(?: a container)? requires root"
        r"|operation requires root privileges",
        remedy="Rootless containers cannot be checkpointed. Run the container with the system's "
        "Podman, as root, and let the agent use /run/podman/podman.sock.",
    ),
    Entry(
        name="user-namespace",
        cause=Cause.USER_NAMESPACE,
        pattern=r"failed to bind mount ns at (?P<path>\S+)",
        remedy="Podman cannot restore a container with a user namespace (--uidmap, --userns). "
        "Re-create it without one.",
    ),
    Entry(
        name="cgroup-manager",
        cause=Cause.CGROUP,
        pattern=r"did not receive systemd slice as cgroup parent when using systemd",
        remedy="The hosts use different cgroup managers. Set cgroup_manager in containers.conf to "
        "the same value (systemd or cgroupfs) on both.",
    ),
    Entry(
        name="restore-timeout",
        cause=Cause.TIMED_OUT,
        pattern=r"container creation timeout",
        remedy="Podman gives a restore 240 seconds, and this was not enough. Use a faster disk, "
        "or a host with more free memory and less load.",
        transient=True,
    ),
    Entry(
        name="archive-truncated",
        cause=Cause.ARCHIVE_TRUNCATED,
        pattern=r"unpacking of checkpoint archive .* failed: unexpected EOF"
        r"|open /\S*/(?:spec|config)\.dump: no such file or directory",
        remedy="The archive is incomplete. Use another copy, or take a new checkpoint.",
    ),
    Entry(
        name="archive-corrupt",
        cause=Cause.ARCHIVE_CORRUPT,
        pattern=r"unpacking of checkpoint archive .* failed: (?!.*no space left)",
        remedy="The archive is damaged or is no checkpoint archive. Use another copy, or take a "
        "new checkpoint.",
    ),
)
