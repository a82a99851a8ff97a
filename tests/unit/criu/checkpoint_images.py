"""CRIU's images of a small container: a shell, and a server with a connection."""

from __future__ import annotations

from typing import Final

from podman_checkpoint_operator.criu import images
from tests.unit.criu.encoder import Value, image, message

SECRET: Final = "correct-horse"
LOCALHOST: Final = 0x0100007F


def _core(comm: str, uid: int) -> bytes:
    credentials = message({1: 0, 3: uid})
    return image(images.CORE, message({1: 1, 3: message({6: comm}), 5: message({10: credentials})}))


def _space(executable: int) -> bytes:
    area = message({1: 0x1000, 2: 0x5000})
    return image(images.MM, message({1: 1, 12: executable, 14: [area, area]}))


def _pages(*counts: int) -> bytes:
    runs = [message({1: 0x1000, 2: count, 4: 4}) for count in counts]
    in_parent = message({1: 0x9000, 2: 99, 3: 1})
    lazy = message({1: 0x9000, 5: 99, 4: 2})
    return image(images.PAGEMAP, message({1: 1}), *runs, in_parent, lazy)


def _inet(number: int, state: int, remote_port: int) -> bytes:
    socket: dict[int, Value] = {1: number, 3: 2, 4: 1, 5: 6, 6: state, 7: 7777, 11: [LOCALHOST]}
    if remote_port:
        socket |= {8: remote_port, 12: [LOCALHOST]}
    return message({1: 4, 2: number, 4: message(socket)})


FILES: Final = (
    message({1: 1, 2: 1, 3: message({6: "/bin/busybox"})}),
    message({1: 1, 2: 2, 3: message({6: b"tmp/\xff\x1b[31m"})}),
    message({1: 2, 2: 3, 18: message({1: 3, 2: 4711})}),
    _inet(4, 1, 41010),
    _inet(5, 10, 0),
    message({1: 5, 2: 6, 16: message({3: 1, 4: 7, 11: b"\0abstract"})}),
    message({1: 7, 2: 7}),
    message({1: 99, 2: 8}),
)


def _descriptors(*files: tuple[int, int]) -> bytes:
    entries = [message({1: file, 3: kind, 4: fd}) for fd, (file, kind) in enumerate(files)]
    return image(images.FDINFO, *entries)


IMAGES: Final = {
    "inventory.img": b"inventory",
    "pstree.img": image(
        images.PSTREE,
        message({1: 1, 2: 0, 5: [1, 9]}),
        message({1: 8, 2: 1, 5: [8]}),
        message({1: 5, 2: 8, 5: [5]}),
    ),
    "core-1.img": _core("sh", 0),
    "core-8.img": _core("server", 999),
    # A thread has no name and no table of its own.
    "core-9.img": image(images.CORE, message({1: 1, 5: message({})})),
    "ids-1.img": image(images.IDS, message({1: 1, 2: 2})),
    "ids-8.img": image(images.IDS, message({1: 2, 2: 3})),
    "fdinfo-2.img": _descriptors((2, 1), (3, 2), (77, 11)),
    "fdinfo-3.img": _descriptors((4, 4), (5, 4), (6, 5), (7, 7)),
    "files.img": image(images.FILES, *FILES),
    "mm-1.img": _space(1),
    "mm-8.img": _space(1),
    "pagemap-1.img": _pages(2, 3),
    "mountpoints-13.img": image(
        images.MOUNTS,
        message({1: 17, 7: "/", 8: "overlay"}),
        message({1: 0, 7: "/data", 8: "/dev/vda", 9: f"password={SECRET}", 13: 1}),
    ),
    "filelocks.img": image(images.FILE_LOCKS, message({1: 1}), message({1: 2})),
    "ghost-file-1.img": bytes(100),
    "pages-1.img": SECRET.encode() * 1000,
}
"""Content by name."""
