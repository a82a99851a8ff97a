"""Which of CRIU's configuration files counts, and changing the ghost limit in one.

The limits expected of each spelling are those that CRIU 4.2.1 took when it was given that file and
a ghost file; where None is expected, it took its default or refused the file.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.criu.configuration import (
    CRUN_CONF,
    DEFAULT_CONF,
    DEFAULT_GHOST_LIMIT,
    RUNC_CONF,
    GhostLimitFiles,
    ghost_limit,
    ghost_limit_files,
    version,
    with_ghost_limit,
)

MIB = 1024 * 1024
NEW_CRUN = "crun version 1.28\ncommit: 0a0b\n+SYSTEMD +SELINUX +CRIU"
OLD_CRUN = "crun version 1.21\ncommit: 0a0b\n+SYSTEMD +SELINUX +CRIU"
MINE = "/etc/criu/mine.conf"


def files(
    runtime: str = "runc",
    runtime_version: str = "runc version 1.1.15+ds1",
    criu: str = "4.2.1",
    annotation: str | None = None,
    **contents: bytes,
) -> GhostLimitFiles:
    """Decide for a host; a keyword such as ``runc=b"..."`` is the content of ``runc.conf``."""
    return ghost_limit_files(
        runtime=runtime,
        runtime_version=runtime_version,
        criu_version=criu,
        annotation=annotation,
        contents={f"/etc/criu/{name}.conf": content for name, content in contents.items()},
    )


class TestWhichFile:
    @pytest.mark.parametrize("runtime", ["runc", "/usr/sbin/runc"])
    def test_runc_reads_its_own(self, runtime: str) -> None:
        assert files(runtime).write == (RUNC_CONF,)

    def test_runc_does_not_read_that_of_crun(self) -> None:
        assert files(crun=b"ghost-limit 4M").write == (RUNC_CONF,)

    def test_old_crun_reads_none_of_its_own(self) -> None:
        assert files("crun", OLD_CRUN, runc=b"ghost-limit 4M").write == (DEFAULT_CONF,)

    def test_new_crun_with_old_criu_reads_none_of_its_own(self) -> None:
        assert files("crun", NEW_CRUN, "4.1.1", crun=b"").write == (DEFAULT_CONF,)

    def test_new_crun_reads_its_own_if_there_is_one(self) -> None:
        assert files("crun", NEW_CRUN, crun=b"", runc=b"").write == (CRUN_CONF,)

    def test_new_crun_reads_that_of_runc_otherwise(self) -> None:
        assert files("crun", NEW_CRUN).write == (RUNC_CONF,)

    def test_the_first_versions_that_hand_a_file_over(self) -> None:
        assert files("crun", "crun version 1.26", "4.2").write == (RUNC_CONF,)
        assert files("crun", "crun version 1.25.1", "4.2").write == (DEFAULT_CONF,)

    @pytest.mark.parametrize(
        ("runtime", "runtime_version", "criu"),
        [("crun", "", ""), ("crun", NEW_CRUN, ""), ("crun", "", "4.2"), ("youki", "0.5.1", "4.2")],
    )
    def test_in_doubt_it_is_set_wherever_it_could_count(
        self, runtime: str, runtime_version: str, criu: str
    ) -> None:
        doubtful = files(runtime, runtime_version, criu, runc=b"ghost-limit 4M", crun=b"tcp-close")
        assert doubtful.write == (DEFAULT_CONF, RUNC_CONF)

    def test_old_criu_leaves_no_doubt_about_crun(self) -> None:
        assert files("crun", "", "4.1").write == (DEFAULT_CONF,)


class TestAnnotation:
    def test_empty_means_no_further_file(self) -> None:
        assert files(annotation="", runc=b"ghost-limit 4M").write == (DEFAULT_CONF,)

    def test_with_a_limit_of_its_own_wins(self) -> None:
        assert files(annotation=MINE, mine=b"ghost-limit 4M").write == (MINE,)

    @pytest.mark.parametrize("mine", [b"", b"tcp-close\n"])
    def test_without_one_is_left_alone(self, mine: bytes) -> None:
        named = files(annotation=MINE, mine=mine)
        assert named.write == (DEFAULT_CONF,)
        assert named.in_force({DEFAULT_CONF: b"ghost-limit 8M", RUNC_CONF: b"ghost-limit 1"}) == (
            8 * MIB
        )

    def test_is_ignored_by_old_crun(self) -> None:
        ignored = files("crun", OLD_CRUN, annotation=MINE, mine=b"ghost-limit 4M")
        assert ignored.write == (DEFAULT_CONF,)


class TestInForce:
    def test_is_criu_s_default_without_files(self) -> None:
        assert files().in_force({}) == DEFAULT_GHOST_LIMIT
        assert files().source({}) is None

    def test_comes_from_default_conf_where_the_other_file_says_nothing(self) -> None:
        contents = {DEFAULT_CONF: b"ghost-limit 4M", RUNC_CONF: b"tcp-close\n"}
        assert files().in_force(contents) == 4 * MIB
        assert files().source(contents) == DEFAULT_CONF

    def test_comes_from_the_file_handed_over_even_if_it_is_lower(self) -> None:
        contents = {DEFAULT_CONF: b"ghost-limit 4M", RUNC_CONF: b"ghost-limit 2M"}
        assert files().in_force(contents) == 2 * MIB
        assert files().source(contents) == RUNC_CONF

    def test_is_the_lowest_in_doubt(self) -> None:
        contents = {DEFAULT_CONF: b"ghost-limit 4M", RUNC_CONF: b"ghost-limit 2M"}
        doubtful = files("crun", "", "", runc=contents[RUNC_CONF])
        assert doubtful.in_force(contents) == 2 * MIB


SPELLINGS = [
    (b"ghost-limit 20971520\n", 20 * MIB),
    (b"ghost-limit 40M\n", 40 * MIB),
    (b"ghost-limit=40M\n", 40 * MIB),
    (b"ghost-limit 40K", 40 * 1024),
    (b"ghost-limit 2G\n", 2048 * MIB),
    (b"ghost-limit 40m\n", 40),
    (b"ghost-limit 40MiB\n", 40 * MIB),
    (b"ghost-limit\t40M\n", 40 * MIB),
    (b"  \tghost-limit    40M   \n", 40 * MIB),
    (b'ghost-limit "40M"\n', 40 * MIB),
    (b'ghost-limit "40M#x"\n', 40 * MIB),
    (b"ghost-limit 40M # for SQL\n", 40 * MIB),
    (b"ghost-limit=2M\t#G\n", 2 * MIB),
    (b"ghost-limit 40#Many\n", 40),
    (b"ghost-limit=40#M\n", 40 * MIB),
    (b"ghost-limit 40M\r\n", 40 * MIB),
    (b"ghost-limit many\n", 0),
    (b"ghost-limit 4M\nghost-limit 2M\n", 2 * MIB),
    (b"# ghost-limit 4M\n", None),
    (b"#ghost-limit 4M\n", None),
    (b"ghost-limits 4M\n", None),
    (b"ghost-limit\n", None),
    (b"ghost-limit # 4M\n", None),
    (b"--ghost-limit 4M\n", None),
    (b"tcp-close\rghost-limit 4M\n", None),
    (b"", None),
]


@pytest.mark.parametrize(("content", "limit"), SPELLINGS)
def test_the_limit_is_read_as_criu_does(content: bytes, limit: int | None) -> None:
    assert ghost_limit(content) == limit


class TestEditing:
    def test_replaces_the_value_where_it_stands(self) -> None:
        before = b"# mine\nghost-limit 4M # for SQL\n\ntcp-close\n"
        assert with_ghost_limit(before, 64) == b"# mine\nghost-limit 64 # for SQL\n\ntcp-close\n"

    def test_replaces_the_one_of_several_that_counts(self) -> None:
        before = b"ghost-limit 4M\nghost-limit=2M\n"
        assert with_ghost_limit(before, 64) == b"ghost-limit 4M\nghost-limit=64\n"

    def test_keeps_a_comment_from_becoming_part_of_the_value(self) -> None:
        assert with_ghost_limit(b"ghost-limit=4M#Most\n", 64) == b"ghost-limit=64 #Most\n"

    def test_adds_a_line_that_says_who_did(self) -> None:
        comment, line = with_ghost_limit(b"", 64).splitlines()
        assert b"podman-checkpoint-agent" in comment
        assert line == b"ghost-limit 64"

    def test_ends_an_unended_last_line_before_it_adds(self) -> None:
        assert with_ghost_limit(b"tcp-close", 64).startswith(b"tcp-close\n#")

    @pytest.mark.parametrize(("content", "_"), SPELLINGS)
    def test_any_spelling_can_be_changed(self, content: bytes, _: int | None) -> None:
        assert ghost_limit(with_ghost_limit(content, 123456)) == 123456


LINES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([content for content, _ in SPELLINGS]),
    st.builds(
        b"".join,
        st.lists(st.sampled_from([b"ghost-limit", b"=", b" ", b"\t", b'"', b"#", b"4M", b"\r"])),
    ),
)
CONTENTS = st.lists(LINES).map(b"\n".join)


@given(CONTENTS, st.integers(0, 2**63 - 1))
def test_what_is_set_is_what_is_read(content: bytes, limit: int) -> None:
    assert ghost_limit(with_ghost_limit(content, limit)) == limit


@given(CONTENTS, st.integers(0, 2**63 - 1))
def test_every_foreign_line_stays(content: bytes, limit: int) -> None:
    before, after = content.split(b"\n"), with_ghost_limit(content, limit).split(b"\n")
    if ghost_limit(content) is None:
        assert after[: len(before) - 1] == before[:-1]
        assert after[len(before) - 1] in (before[-1], b"") or before[-1] == b""
    else:
        assert len(after) == len(before)
        assert sum(old != new for old, new in zip(before, after, strict=True)) <= 1


@given(CONTENTS, st.integers(0, 2**63 - 1))
def test_setting_twice_changes_nothing_more(content: bytes, limit: int) -> None:
    once = with_ghost_limit(content, limit)
    assert with_ghost_limit(once, limit) == once


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("6.18.44-amd64", (6, 18, 44)),
        ("6.12.43+deb13-amd64", (6, 12, 43)),
        ("5.8.0-dev", (5, 8, 0)),
        ("4.2", (4, 2)),
        ("4.2.rc1", (4, 2)),
        ("6.18-rc3.1", (6, 18)),
        (NEW_CRUN, (1, 28)),
        ("Version: 4.2\nGitID: x", (4, 2)),
        ("", ()),
        ("unknown", ()),
        ("²", ()),
    ],
)
def test_the_first_numbers_of_a_text_are_its_version(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    st.sampled_from(["", "-rc1", "+ds1.2", "~beta", "-fc-v657", ".x"]),
)
def test_any_numbers_come_back_whatever_follows_them(numbers: list[int], suffix: str) -> None:
    assert version(".".join(map(str, numbers)) + suffix) == tuple(numbers)


@given(st.text(max_size=30))
def test_no_text_is_too_strange_for_a_version(text: str) -> None:
    assert all(number >= 0 for number in version(text))


def test_an_older_version_is_less_also_with_more_digits() -> None:
    assert version("5.10.0") > version("5.9.9")
    assert version("") < version("0.1")
