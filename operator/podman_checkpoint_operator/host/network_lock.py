"""CRIU's lock of a network namespace: rules that drop all packets, from the dump to the restore.

They keep connections alive that nobody answers meanwhile. A container's own network goes with it;
one that it shares stays, and is shut for the others in it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .programs import run_on_host

# What CRIU itself does in the end: criu/net.c, iptables_network_unlock_internal().
_UNLOCK: Final = "*filter\n:CRIU - [0:0]\n-D INPUT -j CRIU\n-D OUTPUT -j CRIU\nCOMMIT\n"
_TABLE: Final = re.compile(r"^table (inet CRIU[-0-9]*)$", re.MULTILINE)


def unlock(root: Path, pid: int) -> None:
    """Let packets pass in a process's network namespace, whichever way CRIU has locked it.

    Args:
        root: where the host's file system is.
        pid: of any process in that namespace.
    """
    enter = ("nsenter", f"--net=/proc/{pid}/ns/net")
    for program in ("iptables-restore", "ip6tables-restore"):
        run_on_host(root, *enter, program, "--noflush", stdin=_UNLOCK)
    for table in _TABLE.findall(run_on_host(root, *enter, "nft", "list", "tables") or ""):
        run_on_host(root, *enter, "nft", "delete", "table", *table.split())
