"""PostgreSQL in a container, with rows, a session that stays open, and a client that writes."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass
from typing import Final

from tests.lab import inventory
from tests.lab.shell import CommandFailed

from .narration import DemoFailed, command, show, wait_until

ROWS: Final = 10_000
IMAGE: Final = "localhost/lab/postgres:1"
_STATE: Final = (
    "select 'server started ' || to_char(pg_postmaster_start_time(), 'HH24:MI:SS.US')"
    " || ', ' || count(*) || ' rows, md5 ' || md5(string_agg(id || name, ',' order by id))"
    " from things"
)
_WRITE: Final = (
    "do $x$ begin for i in 1..100000000 loop insert into ticks values (i); commit; end loop; end"
    " $x$"
)

_marks = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """The container ``pg`` of one host."""

    host_name: str

    def prepare(self) -> None:
        """Remove what an earlier demo left, and load the image."""
        self.podman("rm", "--force", "--time=0", "--ignore", "pg")
        inventory.host(self.host_name).load_image("postgres")

    def start(self) -> None:
        """Start it, insert the rows, and open the session with a temporary table."""
        argv = ["run", "--detach", "--name=pg", "--publish=5432:5432",
                "--entrypoint=postgres-with-session", IMAGE]  # fmt: skip
        command(f"./lab exec {self.host_name} podman {shlex.join(argv)}")
        self.podman(*argv)
        wait_until(lambda: self._answers("select 1"), "PostgreSQL to start")
        self.query(
            "create table things (id int primary key, name text);"
            f" insert into things select i, 'thing ' || i from generate_series(1, {ROWS}) i;"
            " create table ticks (id int primary key)"
        )
        self.in_session("create temporary table mine as select 42 as answer;")

    def begin_writing(self) -> None:
        """Let a client of the container's own insert without a pause from now on.

        Not ``podman exec``: such a session is no part of a checkpoint.
        """
        self.in_session(f"\\! psql --quiet --command={shlex.quote(_WRITE)} >/dev/null 2>&1 &")
        wait_until(lambda: self.ticks() > 0, "the first row of the writing client")

    def end_writing(self) -> None:
        """End that client."""
        self.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'do %'")

    def state(self) -> str:
        """Return what must stay the same: the server's start, its rows, the session's own table."""
        session = self.in_session("select 'answer ' || answer from mine;")
        return f"{self.query(_STATE)}\nsession {session}"

    def ticks(self) -> int:
        """Return how many rows the writing client has inserted, having seen that none is missing.

        Raises:
            DemoFailed: there is a hole.
        """
        count, largest = self.query("select count(*), coalesce(max(id), 0) from ticks").split("|")
        if count != largest:
            raise DemoFailed(f"{count} rows up to {largest}: some were lost")
        return int(count)

    def query(self, sql: str) -> str:
        """Return what a query in a client of its own answers."""
        return self.podman("exec", "pg", "psql", "-XAtqc", sql)

    def in_session(self, sql: str) -> str:
        """Return what the session that stays open answers."""
        mark = f"mark {next(_marks)}"
        text = f"{sql}\nselect '{mark}';\n"
        self.podman("exec", "pg", "sh", "-c", f"printf %s {shlex.quote(text)} >/tmp/session.in")
        wait_until(lambda: mark in self._session_output(), "the session to answer")
        answers = self._session_output().split(mark)[0].splitlines()
        return answers[-1] if answers else ""

    def podman(self, *argv: str) -> str:
        """Run Podman's command line on the host."""
        return inventory.host(self.host_name).exec("podman", *argv).stdout.strip()

    def _session_output(self) -> str:
        return self.podman("exec", "pg", "cat", "/tmp/session.out")

    def _answers(self, sql: str) -> bool:
        try:
            return bool(self.query(sql))
        except CommandFailed:
            return False


def expect_same(now: str, before: str) -> None:
    """See that a database is what it was.

    Raises:
        DemoFailed: it is not.
    """
    show(now)
    if now != before:
        raise DemoFailed(f"before:\n{before}\nnow:\n{now}")
    show("the same as before")


def exported_and_imported(source: Database, target: Database) -> bool:
    """Move a copy with Podman's own live export; return whether it could be restored."""
    file = "/var/lib/podman-checkpoint/archives/by-podman.tar"
    source.podman(
        "container", "checkpoint", "--leave-running", "--tcp-established", f"--export={file}", "pg"
    )
    try:
        target.podman("container", "restore", "--tcp-established", f"--import={file}")
    except CommandFailed:
        return False
    finally:
        target.podman("rm", "--force", "--time=0", "--ignore", "pg")
        inventory.host(source.host_name).exec("rm", "-f", file)
    return True
