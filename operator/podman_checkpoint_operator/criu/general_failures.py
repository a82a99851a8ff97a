"""Failures of the host that can end any step of CRIU, of the runtime or of Podman."""

from __future__ import annotations

from typing import Final

from ..api.reasons import Cause
from .entry import Entry

EXHAUSTED: Final = (
    Entry(
        name="no-space",
        cause=Cause.NO_SPACE,
        pattern=r"(?i:no space left on device|disk quota exceeded)",
        remedy="A file system of the host is full. Free space where Podman keeps its containers "
        "(/var/lib/containers/storage) and in /var/tmp, or use a larger disk.",
    ),
    Entry(
        name="no-memory",
        cause=Cause.NO_MEMORY,
        pattern=r"(?i:cannot allocate memory|out of memory)",
        remedy="The host has not enough memory for this. End other programs, or use a larger host.",
        transient=True,
    ),
    Entry(  # kerndat.c
        name="criu-capabilities",
        cause=Cause.CRIU_TOO_OLD,
        pattern=r"Kernel reports more capabilities than this CRIU supports",
        remedy="CRIU is too old for this host's kernel: update CRIU on the host.",
    ),
    Entry(  # config.c
        name="criu-configuration",
        cause=Cause.CRIU_CONFIG_INVALID,
        pattern=r"Unsupported configuration file format"
        r"|criu: (?:unrecognized option|option '\S+' requires an argument)",
        remedy="A file in /etc/criu on the host has a line that CRIU cannot read. Write one "
        "option per line, without `--`, as `option` or `option value`.",
    ),
)
"""As telling as the entries of one phase."""

LAST_RESORT: Final = (
    Entry(
        name="permission-denied",
        cause=Cause.PERMISSION_DENIED,
        pattern=r"(?i:permission denied|operation not permitted)",
        remedy="The host forbids what CRIU needs. Look for denials of SELinux or AppArmor "
        "(`journalctl -k`, `ausearch -m avc`), and make sure that Podman runs as root on the host "
        "itself and not in a container that lacks capabilities.",
    ),
)
"""True of so many lines that everything else is tried first."""
