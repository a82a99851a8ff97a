"""Files and sockets in CRIU's ``files.img``, described for people.

Numbers and names are those of ``images/*.proto`` in CRIU's sources and of the kernel.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .protobuf import Message

_REGULAR, _PIPE, _INET, _UNIX = 1, 2, 4, 5
_TYPES: Final = {
    _REGULAR: "file",
    _PIPE: "pipe",
    3: "fifo",
    _INET: "inet",
    _UNIX: "unix",
    6: "eventfd",
    7: "epoll",
    8: "inotify",
    9: "signalfd",
    10: "packet",
    11: "tty",
    12: "fanotify",
    13: "netlink",
    14: "namespace",
    15: "tun",
    16: "external",
    17: "timerfd",
    18: "memfd",
    19: "bpf",
    20: "pidfd",
}
_STATES: Final = {
    1: "established",
    2: "syn-sent",
    3: "syn-received",
    4: "fin-wait-1",
    5: "fin-wait-2",
    6: "time-wait",
    7: "close",
    8: "close-wait",
    9: "last-ack",
    10: "listen",
    11: "closing",
}
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp", 136: "udplite"}
_UNIX_TYPES: Final = {1: "unix", 2: "unix-datagram", 5: "unix-seqpacket"}
ESTABLISHED: Final = "established"


@dataclass(frozen=True, kw_only=True)
class Socket:
    """An Internet or UNIX socket; addresses are empty where there are none."""

    protocol: str
    state: str
    local: str
    remote: str


@dataclass(frozen=True, kw_only=True)
class OpenFile:
    """What a file descriptor refers to."""

    type: str
    path: str
    """Or a description; empty for what has none."""
    socket: Socket | None = None


def type_name(number: int) -> str:
    """Return the name of one of CRIU's ``fd_types``."""
    return _TYPES.get(number, f"type {number}")


def describe(entry: Message) -> OpenFile:
    """Describe one entry of ``files.img``."""
    kind = entry.integer(1)
    path, found = "", None
    if kind == _REGULAR:
        path = _absolute(entry.message(3).text(6))
    elif kind == _INET:
        found = _inet(entry.message(4))
        path = " -> ".join(filter(None, (found.local, found.remote)))
    elif kind == _UNIX:
        found = _unix(entry.message(16))
        path = found.local
    elif kind == _PIPE:
        path = f"pipe:{entry.message(18).integer(2)}"
    return OpenFile(type=type_name(kind), path=path, socket=found)


def _absolute(name: str) -> str:
    """Return a path as processes see it; CRIU leaves out the first slash in some versions."""
    return "/" + name.removeprefix("./").lstrip("/") if name != "." else "/"


def _inet(entry: Message) -> Socket:
    number = entry.integer(5)
    state = _STATES.get(entry.integer(6), str(entry.integer(6)))
    return Socket(
        protocol=_PROTOCOLS.get(number, str(number)),
        state=state,
        local=_address(entry.integers(11), entry.integer(7)),
        remote=_address(entry.integers(12), entry.integer(8)) if entry.integer(8) else "",
    )


def _address(words: tuple[int, ...], port: int) -> str:
    """Return ``1.2.3.4:80`` or ``[::1]:80``; CRIU has addresses as words in network order."""
    data = b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in words)
    if len(data) not in (4, 16):
        return ""
    address = ipaddress.ip_address(data)
    if isinstance(address, ipaddress.IPv6Address):
        # As other tools show a connection that came by IPv4.
        shown = address.ipv4_mapped or address
        return f"[{shown}]:{port}" if shown is address else f"{shown}:{port}"
    return f"{address}:{port}"


def _unix(entry: Message) -> Socket:
    name = entry.raw(11)
    shown = name.rstrip(b"\0").decode("utf-8", "backslashreplace")
    if name.startswith(b"\0"):
        shown = "@" + shown[1:]
    return Socket(
        protocol=_UNIX_TYPES.get(entry.integer(3), "unix"),
        state=_STATES.get(entry.integer(4), str(entry.integer(4))),
        local=shown,
        remote="",
    )
