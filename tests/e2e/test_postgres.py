"""The main job, on the sample manifests: PostgreSQL survives a reboot and moves to another host.

With 10,000 rows, and a client session that stays open and holds a temporary table, which no dump
of the database could bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import sample
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

ENTRYPOINT = "--entrypoint=postgres-with-session"
LIVE_ARCHIVES = 3
ROWS = 10_000
FILL = f"""
CREATE TABLE things AS
  SELECT n AS id, md5(n::text) AS owner FROM generate_series(1, {ROWS}) AS n;
CREATE TEMPORARY TABLE basket (item text);
INSERT INTO basket VALUES ('only in this session');
"""
STATE = """
SELECT count(*), md5(string_agg(id || owner, ',' ORDER BY id)) FROM things;
SELECT 'postmaster', pg_postmaster_start_time();
SELECT 'session', pg_backend_pid(), item FROM basket;
"""


def test_reboot_two_live_archives_and_a_move(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("postgres")
    database = bench.run(
        host_a,
        image="postgres",
        options=(ENTRYPOINT, "--publish=15432:5432"),
    )
    in_session(database, FILL)
    before = in_session(database, STATE)
    rows, postmaster, session = before
    assert rows.startswith(f"{ROWS}|")
    assert postmaster.startswith("postmaster|")
    assert session.endswith("|only in this session")

    status = apply(bench, database, "01-checkpoint-before-reboot").wait_ready()
    assert status["hooks"] == [{"name": "preCheckpoint", "exitCode": 0, "output": ""}]
    assert database.state == "exited"
    host_a.reboot(None)
    status = apply(bench, database, "02-restore-after-reboot").wait_ready()
    assert status["verification"] == {"exitCode": 0, "output": str(ROWS)}
    assert in_session(database, STATE) == before

    apply(bench, database, "03-live-archive-1").wait_ready()
    in_session(database, "INSERT INTO basket VALUES ('between the archives');")
    grown = in_session(database, STATE)
    apply(bench, database, "04-live-archive-2").wait_ready()
    assert in_session(database, STATE) == grown != before

    host_a.exec("podman", "stop", "--time=0", database.name)
    status = apply(bench, database, "05-restore-on-another-host").wait_ready()
    assert status["verification"] == {"exitCode": 0, "output": str(ROWS)}
    moved = database.on(host_b)
    assert in_session(moved, STATE) == grown
    # Another client, and what is on disk agrees with what was in memory.
    query(moved, "CHECKPOINT")
    query(moved, "VACUUM FULL things")
    assert query(moved, "SELECT count(*) FROM things") == str(ROWS)


def test_while_a_client_writes_all_the_time(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("postgres")
    database = bench.run(host_a, image="postgres", options=(ENTRYPOINT,))
    in_session(database, "CREATE TABLE counter (n serial PRIMARY KEY);")
    send(database, "INSERT INTO counter DEFAULT VALUES \\watch 0.001\n")
    moved = database.on(host_b)

    for turn in range(LIVE_ARCHIVES):
        saved = bench.checkpoint(database, f"live-{turn}", leaveRunning=True, archive={})
        saved.wait_ready()
        bench.restore(host_b, saved, f"back-{turn}").wait_ready()

        require_written_on(moved)
        assert query(moved, "SELECT count(*) = max(n) AND min(n) = 1 FROM counter") == "t"
        moved.remove()


def require_written_on(database: Container) -> None:
    before = count(database)
    assert before > 0
    wait_until(lambda: count(database) > before, "the client to write on")


def count(database: Container) -> int:
    return int(query(database, "SELECT count(*) FROM counter"))


def query(database: Container, statement: str) -> str:
    """Run SQL in a session of its own."""
    psql = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command")
    return database.exec(*psql, statement).stdout.strip()


def apply(bench: Bench, database: Container, name: str) -> Object:
    """Apply a sample, about this container."""
    return bench.apply(sample(f"postgresql/{name}.yaml", container=database.name))


def in_session(database: Container, statements: str) -> list[str]:
    """Run SQL in the session that is part of the container, and return what it answered."""
    wait_until(lambda: "session.in" in database.exec("ls", "/tmp").stdout, "the session")
    out = "/tmp/session.out"
    database.exec("sh", "-c", f": >>{out}")
    known = len(database.read(out))
    end = f"END-{known}"
    send(database, f"{statements}\n\\echo {end}\n")
    wait_until(lambda: f"{end}\n" in database.read(out), "the session to answer", timeout=60)
    answer = database.read(out)[known:]
    assert "ERROR" not in answer
    return [line for line in answer.splitlines() if "|" in line]


def send(database: Container, text: str) -> None:
    """Type into the session that is part of the container."""
    database.exec("sh", "-c", 'printf "%s" "$0" >/tmp/session.in', text)
