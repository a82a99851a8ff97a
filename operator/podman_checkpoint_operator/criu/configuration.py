"""CRIU's configuration files: which one counts on a host, and how one option in it is changed.

CRIU reads ``/etc/criu/default.conf``, then takes what the runtime tells it, then reads the file
that the runtime hands over, if any; the later value wins (``criu/config.c``, ``cr-service.c``). No
runtime tells a ghost limit, so it is in force from either file, and the file handed over wins.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = "/etc/criu"
DEFAULT_CONF: Final = f"{FOLDER}/default.conf"
RUNC_CONF: Final = f"{FOLDER}/runc.conf"
CRUN_CONF: Final = f"{FOLDER}/crun.conf"

STANDARD_FILES: Final = (DEFAULT_CONF, RUNC_CONF, CRUN_CONF)

ANNOTATION: Final = "org.criu.config"
"""A container's annotation that replaces the file that its runtime hands over; empty for none."""

DEFAULT_GHOST_LIMIT: Final = 1024 * 1024
"""Bytes; ``DEFAULT_GHOST_LIMIT`` in CRIU's ``cr_options.h``."""

_CRUN_WITH_CONFIG: Final = (1, 26)
_CRIU_WITH_CONFIG: Final = (4, 2)

_OPTION: Final = b"ghost-limit"
_SPACE: Final = b" \t\v\f\r"
_MARK: Final = b"# Set by podman-checkpoint-agent for the checkpoints of this host's containers.\n"
_SHIFTS: Final = ((b"K", 10), (b"M", 20), (b"G", 30))


@dataclass(frozen=True)
class GhostLimitFiles:
    """The files that decide about the ghost limit of one container's checkpoint.

    Attributes:
        write: where the limit must be set to be in force. More than one where it is not known for
            sure which of them CRIU reads.
        read: what CRIU reads, in order; a later file's value wins.
    """

    write: tuple[str, ...]
    read: tuple[str, ...]

    def in_force(self, contents: Mapping[str, bytes]) -> int:
        """Return the limit in bytes that CRIU will use; the lowest where that is not sure.

        Args:
            contents: the files that exist, by path.
        """
        source = self.source(contents)
        limit = None if source is None else ghost_limit(contents[source])
        return DEFAULT_GHOST_LIMIT if limit is None else limit

    def source(self, contents: Mapping[str, bytes]) -> str | None:
        """Return the file whose limit CRIU will use; None if CRIU's default is in force."""
        limits = {path: ghost_limit(contents.get(path, b"")) for path in self.read}
        found = {path: limit for path, limit in limits.items() if limit is not None}
        if len(self.write) > 1:
            return min(found, key=lambda path: found[path], default=None)
        return next(reversed(found), None)


def ghost_limit_files(
    *,
    runtime: str,
    runtime_version: str,
    criu_version: str,
    annotation: str | None,
    contents: Mapping[str, bytes],
) -> GhostLimitFiles:
    """Return which files decide about the ghost limit on a host.

    A file named by an annotation is only written if it sets a ghost limit already: nobody else's
    file is made or added to. If it sets none, that of ``default.conf`` is in force.

    Args:
        runtime: name or path of the OCI runtime.
        runtime_version: as Podman reports it (``crun version 1.21 ...``).
        criu_version: such as ``4.2.1``; empty if unknown.
        annotation: the container's :data:`ANNOTATION`, None if it has none.
        contents: by path, the existing files of :data:`STANDARD_FILES`, and the annotation's.
    """
    if annotation == "":
        return GhostLimitFiles(write=(DEFAULT_CONF,), read=(DEFAULT_CONF,))
    hands_over = _hands_over(runtime, runtime_version, criu_version)
    if hands_over is None:
        return _doubtful(contents, annotation)
    if not hands_over:
        return GhostLimitFiles(write=(DEFAULT_CONF,), read=(DEFAULT_CONF,))
    if annotation is not None:
        has_limit = ghost_limit(contents.get(annotation, b"")) is not None
        written = annotation if has_limit else DEFAULT_CONF
        return GhostLimitFiles(write=(written,), read=(DEFAULT_CONF, annotation))
    handed = CRUN_CONF if _is_crun(runtime) and CRUN_CONF in contents else RUNC_CONF
    return GhostLimitFiles(write=(handed,), read=(DEFAULT_CONF, handed))


def _hands_over(runtime: str, runtime_version: str, criu_version: str) -> bool | None:
    """Return whether the runtime hands a file to CRIU, None if its versions do not tell."""
    if PurePosixPath(runtime).name.startswith("runc"):
        return True
    if not _is_crun(runtime):
        return None
    crun, criu = version(runtime_version), version(criu_version)
    known = (crun and crun < _CRUN_WITH_CONFIG) or (criu and criu < _CRIU_WITH_CONFIG)
    if known:
        return False
    return True if crun and criu else None


def _is_crun(runtime: str) -> bool:
    return PurePosixPath(runtime).name.startswith("crun")


def _doubtful(contents: Mapping[str, bytes], annotation: str | None) -> GhostLimitFiles:
    """Set the limit wherever it could be read: in ``default.conf``, and where that is overruled."""
    candidates = [annotation] if annotation else [RUNC_CONF, CRUN_CONF]
    overruling = [path for path in candidates if ghost_limit(contents.get(path, b"")) is not None]
    files = (DEFAULT_CONF, *overruling)
    return GhostLimitFiles(write=files, read=files)


def version(text: str) -> tuple[int, ...]:
    """Return the first version in a text: ``crun version 1.21`` is (1, 21), "" is ()."""
    match = re.search(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def ghost_limit(content: bytes) -> int | None:
    """Return the ghost limit that a configuration file sets, in bytes; None if it sets none."""
    limit = None
    for line in _lines(content):
        if span := _value(line):
            limit = _size(line[slice(*span)])
    return limit


def with_ghost_limit(content: bytes, limit: int) -> bytes:
    """Return a configuration file with another ghost limit, every other byte as it was.

    The value that counts, the last one, is replaced where it stands. If there is none, it is added
    at the end, below a comment that says who added it.
    """
    lines = _lines(content)
    for number in reversed(range(len(lines))):
        line = lines[number]
        if span := _value(line):
            start, end = span
            # In `ghost-limit=4M#comment` CRIU takes all for the value.
            _, hash_sign, comment = line[start:end].partition(b"#")
            tail = b" #" + comment if hash_sign else b""
            lines[number] = line[:start] + b"%d" % limit + tail + line[end:]
            return b"".join(lines)
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return content + _MARK + b"%s %d\n" % (_OPTION, limit)


def without_own_ghost_limit(content: bytes) -> bytes:
    """Return a configuration file without the lines that :func:`with_ghost_limit` has added."""
    lines = _lines(content)
    for number in range(len(lines) - 1):
        if lines[number] == _MARK and _value(lines[number + 1]):
            return b"".join(lines[:number] + lines[number + 2 :])
    return content


def _lines(content: bytes) -> list[bytes]:
    """Split at line feeds only, as CRIU does; ``splitlines`` splits at carriage returns too."""
    return io.BytesIO(content).readlines()


def _value(line: bytes) -> tuple[int, int] | None:
    """Return where the value of a line lies that sets the ghost limit, as ``parse_statement`` does.

    CRIU splits a line at its first blank; only if it has none, at its first tab.
    """
    line = line.rstrip(b"\n")
    start = len(line) - len(line.lstrip(_SPACE))
    cut = line.find(b" ", start)
    if cut < 0:
        cut = line.find(b"\t", start)
    token_end = cut if cut >= 0 else len(line)
    token = line[start:token_end]
    if token.startswith(_OPTION + b"="):
        return start + len(_OPTION) + 1, token_end
    if token != _OPTION or cut < 0:
        return None
    begin = len(line) - len(line[cut:].lstrip(_SPACE))
    quoted = re.compile(rb'"([^"\\#]*)[^"\\]*"').match(line, begin)
    plain = re.compile(rb'[^\s#"]+').match(line, begin)
    found = quoted or plain
    return found and found.span(1 if quoted else 0)


def _size(value: bytes) -> int:
    """Return the bytes of a size as CRIU's ``parse_size`` does: only upper-case suffixes count."""
    match = re.match(rb"[\s]*([+-]?\d+)", value)
    number = int(match[1]) if match else 0
    shift = next((bits for letter, bits in _SHIFTS if letter in value), 0)
    return (number << shift) % 2**64
