"""The ghost limit in a host's files: what is written, what remains, and who waits for whom.

Holders are threads of one agent here. That a waiting holder does not get in is seen by the order in
which things happen, never by the clock.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.criu.configuration import ghost_limit
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.ghost import Held, Need
from tests.unit.host.holders import (
    CONTAINER,
    MIB,
    PATIENCE,
    Holder,
    a_container,
    auto,
    exactly,
    limits,
    queued,
    write,
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """``/etc/criu/runc.conf`` of the host, which does not exist yet."""
    return tmp_path / "etc/criu/runc.conf"


class TestWhatIsWritten:
    def test_nothing_where_no_limit_is_needed(self, tmp_path: Path) -> None:
        with limits(tmp_path).hold(CONTAINER, Need(limit_bytes=None)) as held:
            assert held == Held(limit_bytes=MIB)
        assert not list(tmp_path.iterdir())

    def test_a_new_file_that_everybody_can_read(self, tmp_path: Path, conf: Path) -> None:
        with limits(tmp_path).hold(CONTAINER, auto(64 * MIB)) as held:
            assert held == Held(limit_bytes=64 * MIB, config_file="/etc/criu/runc.conf")
            assert ghost_limit(conf.read_bytes()) == 64 * MIB
        assert conf.stat().st_mode & 0o777 == 0o644

    def test_mode_owner_and_foreign_lines_stay(self, tmp_path: Path, conf: Path) -> None:
        write(conf, b"tcp-close\nghost-limit 2M # mine\n")
        conf.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(conf, 1, 2)
        owner = (conf.stat().st_uid, conf.stat().st_gid)
        with limits(tmp_path).hold(CONTAINER, auto(64 * MIB)):
            assert conf.read_bytes() == b"tcp-close\nghost-limit 67108864 # mine\n"
        assert conf.stat().st_mode & 0o777 == 0o640
        assert (conf.stat().st_uid, conf.stat().st_gid) == owner

    def test_nothing_where_the_limit_is_high_enough(self, tmp_path: Path, conf: Path) -> None:
        write(conf, b"ghost-limit 64M\n")
        before = conf.stat()
        with limits(tmp_path).hold(CONTAINER, auto(4 * MIB)) as held:
            assert held == Held(limit_bytes=64 * MIB, config_file="/etc/criu/runc.conf")
        assert (conf.stat().st_ino, conf.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_nothing_where_default_conf_sets_it(self, tmp_path: Path, conf: Path) -> None:
        write(conf.with_name("default.conf"), b"ghost-limit 64M\n")
        with limits(tmp_path).hold(CONTAINER, exactly(64 * MIB)) as held:
            assert held.config_file == "/etc/criu/default.conf"
        assert not conf.exists()

    def test_behind_a_link_the_file_itself(self, tmp_path: Path, conf: Path) -> None:
        write(tmp_path / "opt/criu.conf", b"")
        conf.parent.mkdir(parents=True)
        conf.symlink_to("/opt/criu.conf")
        with limits(tmp_path).hold(CONTAINER, auto(64 * MIB)):
            pass
        assert conf.is_symlink()
        assert ghost_limit((tmp_path / "opt/criu.conf").read_bytes()) == 64 * MIB

    def test_the_file_that_the_annotation_names(self, tmp_path: Path) -> None:
        write(tmp_path / "srv/mine.conf", b"ghost-limit 2M\n")
        container = a_container(org_criu_config="/srv/mine.conf")
        with limits(tmp_path).hold(container, auto(64 * MIB)) as held:
            assert held == Held(limit_bytes=64 * MIB, config_file="/srv/mine.conf")

    def test_no_temporary_file_remains(self, tmp_path: Path, conf: Path) -> None:
        with limits(tmp_path).hold(CONTAINER, auto(64 * MIB)):
            pass
        names = {each.name for each in conf.parent.iterdir()}
        assert names == {"runc.conf", ".podman-checkpoint.lock"}


class TestWhatRemains:
    def test_auto_leaves_the_raised_limit(self, tmp_path: Path, conf: Path) -> None:
        shared = limits(tmp_path)
        with shared.hold(CONTAINER, auto(64 * MIB)):
            pass
        with shared.hold(CONTAINER, auto(8 * MIB)) as held:
            assert held.limit_bytes == 64 * MIB
        assert ghost_limit(conf.read_bytes()) == 64 * MIB

    @pytest.mark.parametrize("before", [b"", b"ghost-limit 64M # mine", b"tcp-close\n"])
    def test_fixed_puts_back_every_byte(self, tmp_path: Path, conf: Path, before: bytes) -> None:
        write(conf, before)
        with limits(tmp_path).hold(CONTAINER, exactly(4096)) as held:
            assert held.limit_bytes == 4096
            assert ghost_limit(conf.read_bytes()) == 4096
        assert conf.read_bytes() == before

    def test_fixed_removes_a_file_that_was_not_there(self, tmp_path: Path, conf: Path) -> None:
        with limits(tmp_path).hold(CONTAINER, exactly(4096)):
            assert conf.exists()
        assert not conf.exists()

    def test_fixed_leaves_what_others_wrote_meanwhile(self, tmp_path: Path, conf: Path) -> None:
        with limits(tmp_path).hold(CONTAINER, exactly(4096)):
            conf.write_bytes(b"ghost-limit 1G\n")
        assert conf.read_bytes() == b"ghost-limit 1G\n"

    def test_a_failure_within_releases_and_puts_back(self, tmp_path: Path, conf: Path) -> None:
        shared = limits(tmp_path)
        with pytest.raises(ZeroDivisionError), shared.hold(CONTAINER, exactly(4096)):
            raise ZeroDivisionError
        assert not conf.exists()
        with shared.hold(CONTAINER, exactly(8192)) as held:
            assert held.limit_bytes == 8192


class TestWhoWaits:
    def test_auto_goes_with_auto_and_only_raises(self, tmp_path: Path, conf: Path) -> None:
        shared = limits(tmp_path)
        with shared.hold(CONTAINER, auto(8 * MIB)):
            with shared.hold(CONTAINER, auto(64 * MIB)):
                assert ghost_limit(conf.read_bytes()) == 64 * MIB
            with shared.hold(CONTAINER, auto(2 * MIB)):
                assert ghost_limit(conf.read_bytes()) == 64 * MIB

    def test_fixed_goes_with_its_like(self, tmp_path: Path, conf: Path) -> None:
        shared = limits(tmp_path)
        with shared.hold(CONTAINER, exactly(4096)):
            with shared.hold(CONTAINER, exactly(4096)) as held:
                assert held.limit_bytes == 4096
            assert ghost_limit(conf.read_bytes()) == 4096
        assert not conf.exists()

    @pytest.mark.parametrize(
        ("first", "second"),
        [(auto(MIB), exactly(4096)), (exactly(4096), auto(MIB)), (exactly(4096), exactly(8192))],
    )
    def test_others_wait_until_the_first_are_gone(
        self, tmp_path: Path, first: Need, second: Need
    ) -> None:
        shared = limits(tmp_path)
        order: list[str] = []
        with shared.hold(CONTAINER, first):
            later = Holder(shared, second, order, "second")
            queued(shared, 1)
            order.append("first is over")
        later.wait()
        later.let_go()
        assert order == ["first is over", "second"]

    def test_nobody_overtakes_the_queue(self, tmp_path: Path) -> None:
        shared = limits(tmp_path)
        order: list[str] = []
        first = Holder(shared, auto(MIB), order, "auto")
        first.wait()
        fixed = Holder(shared, exactly(4096), order, "fixed")
        queued(shared, 1)
        # It would fit to the first, but it came after the one who waits for the first.
        last = Holder(shared, auto(MIB), order, "auto again")
        queued(shared, 2)
        first.let_go()
        fixed.wait()
        fixed.let_go()
        last.wait()
        last.let_go()
        assert order == ["auto", "fixed", "auto again"]

    def test_those_who_wait_come_in_the_order_of_their_arrival(self, tmp_path: Path) -> None:
        shared = limits(tmp_path)
        order: list[str] = []
        waiting = []
        with shared.hold(CONTAINER, auto(MIB)):
            for number in range(6):
                waiting.append(Holder(shared, exactly(4096 + number), order, str(number)))
                queued(shared, number + 1)
        for holder in waiting:
            holder.let_go()
        assert order == ["0", "1", "2", "3", "4", "5"]

    def test_whoever_gives_up_tells_why_and_blocks_nobody(self, tmp_path: Path) -> None:
        shared = limits(tmp_path, timeout=0.1)
        with shared.hold(CONTAINER, auto(MIB)):
            with (
                pytest.raises(OperationFailed, match="another ghost limit than 4096") as failure,
                shared.hold(CONTAINER, exactly(4096)),
            ):
                pass
            assert failure.value.cause is Cause.TIMED_OUT
            with shared.hold(CONTAINER, auto(2 * MIB)) as held:
                assert held.limit_bytes == 2 * MIB

    def test_everybody_finds_the_limit_they_asked_for(self, tmp_path: Path, conf: Path) -> None:
        shared = limits(tmp_path)
        wrong: list[tuple[Need, int | None]] = []

        def work(seed: int) -> None:
            choice = random.Random(seed)
            for _ in range(10):
                size = choice.choice([1, 2, 3]) * MIB
                need = choice.choice([auto, exactly])(size)
                with shared.hold(CONTAINER, need) as held:
                    found = ghost_limit(conf.read_bytes()) if conf.exists() else MIB
                    fits = found == size if need.exact else (found or 0) >= size
                    if not fits or held.limit_bytes < size:
                        wrong.append((need, found))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not wrong
