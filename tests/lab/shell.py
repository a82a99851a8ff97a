"""Running programs: one place, so that a failure always shows the command and what it said."""

from __future__ import annotations

import subprocess
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class CommandFailed(RuntimeError):
    """A program ended with an error; the message holds its output."""

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        # A word may be a whole program.
        command = " ".join(f"{word[:200]}…" if len(word) > 200 else word for word in argv)
        super().__init__(f"{command}: exit status {code}\n{output.strip()}")
        self.code = code
        self.output = output


def run(
    *argv: str | Path,
    check: bool = True,
    stdin: str | bytes | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed, as text.

    Raises:
        CommandFailed: if ``check`` and the exit status is not zero.
    """
    words = [str(word) for word in argv]
    data = stdin.encode() if isinstance(stdin, str) else stdin
    text, file = (data, None) if isinstance(data, bytes) else (None, data or subprocess.DEVNULL)
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        words,
        capture_output=True,
        input=text,
        stdin=file,
        env=env,
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    result = subprocess.CompletedProcess(
        words,
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )
    if check and result.returncode:
        raise CommandFailed(words, result.returncode, result.stdout + result.stderr)
    return result
