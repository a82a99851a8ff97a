"""What the commands have in common that read a file: how they open it and say what is wrong."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OUTPUTS: Final = ("text", "json")
REFUSED: Final = 2
"""Exit status: the command line is wrong, or what it names cannot be read."""


def add_reader(
    commands: Any,
    name: str,
    call: Callable[[str, str], int],
    *,
    summary: str,
    description: str,
    metavar: str,
    file_help: str,
) -> None:
    """Add a command that reads one file and prints text or JSON.

    Args:
        commands: of a parser.
        name: of the command.
        call: is given the file and the kind of output, and returns the exit status, or raises
            :class:`CannotRead`.
        summary: for the list of commands.
        description: for the command's own help, printed as it is.
        metavar: what the help calls the file.
        file_help: what the file is.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar=metavar, help=f"{file_help}; - reads the input")
    parser.add_argument(
        "-o", "--output", choices=OUTPUTS, default="text", help="default: %(default)s"
    )
    parser.set_defaults(call=lambda arguments: _reading(call, arguments.file, arguments.output))


class CannotRead(Exception):
    """A file is not what a command needs; the message says so to the user."""

    status = REFUSED
    """What the command exits with."""


def refuse(message: str, status: int = REFUSED) -> int:
    """Tell what is wrong and return the exit status."""
    print(f"podman-checkpoint-agent: {message}", file=sys.stderr)
    return status


def _reading(call: Callable[[str, str], int], file: str, output: str) -> int:
    try:
        return call(file, output)
    except CannotRead as error:
        return refuse(str(error), error.status)


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Open a regular file, a pipe, or the standard input for ``-``.

    Raises:
        CannotRead: there is no such thing.
    """
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        # A folder can be opened, and a FIFO only when somebody writes to it.
        if stat.S_ISDIR(os.stat(file).st_mode):
            raise CannotRead(f"{file} is a directory")
        stream = open(file, "rb")  # noqa: SIM115 - errors of the block are not ours
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CannotRead(f"cannot read {file}: {why}") from error
    with stream:
        yield stream


def printable(text: str) -> str:
    """Return a line with nothing in it that a terminal would obey; names can hold anything."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
