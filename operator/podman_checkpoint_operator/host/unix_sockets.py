"""UNIX sockets of a network namespace and their peers, as the kernel's socket diagnosis tells them.

``/proc/net/unix`` has no peers. CRIU must see both ends of a connection among the processes that it
dumps: one end alone cannot be brought back.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .namespaces import socket_in

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_REQUEST_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ALL_STATES: Final = 0xFFFFFFFF
_SHOW_NAME_AND_PEER: Final = 0x1 | 0x4
_NAME: Final = 0
_PEER: Final = 2
_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_MESSAGE_BYTES: Final = 16
_ANSWER_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """One socket; ``peer`` is 0 where it is not connected, ``name`` is empty where it has none."""

    inode: int
    peer: int
    name: str


def unix_sockets(proc: Path, pid: int) -> dict[int, UnixSocket]:
    """Return the sockets of the network namespace that a process is in, by inode.

    Empty where they cannot be listed: then CRIU is the one to find out.
    """
    with suppress(OSError), _diagnosis(proc / str(pid) / "ns/net") as netlink:
        return {found.inode: found for found in _dump(netlink)}
    return {}


def _diagnosis(namespace: Path) -> socket.socket:
    """Return a netlink socket in a network namespace."""
    netlink = socket_in(namespace, socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    netlink.settimeout(_ANSWER_SECONDS)
    return netlink


def _dump(netlink: socket.socket) -> Iterator[UnixSocket]:
    request = struct.pack(
        "=BBHIIIII", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _SHOW_NAME_AND_PEER, 0, 0
    )
    length = _HEADER.size + len(request)
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
    netlink.sendto(header + request, (0, 0))
    while True:
        data = netlink.recv(1 << 16)
        while len(data) >= _HEADER.size:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                return
            yield _socket(data[_HEADER.size : length])
            data = data[_aligned(length) :]


def _socket(message: bytes) -> UnixSocket:
    (inode,) = struct.unpack_from("=I", message, 4)
    attributes = dict(_attributes(message[_MESSAGE_BYTES:]))
    peer = attributes.get(_PEER, bytes(4))
    name = attributes.get(_NAME, b"")
    # An abstract name begins with a zero byte, and is written with an @ everywhere.
    text = name.replace(b"\0", b"@", 1) if name.startswith(b"\0") else name.rstrip(b"\0")
    return UnixSocket(inode, int.from_bytes(peer, sys.byteorder), os.fsdecode(text))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
