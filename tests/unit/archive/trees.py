"""Random histories of directory trees, as Hypothesis makes and shortens them."""

from __future__ import annotations

import os
import random

from hypothesis import strategies as st

from tests.trees import ACTIONS, Names, Step

NAMES = [b"a", b"b", b"c.d", b"new\nline", b"\xffnot-utf8", b"\xc3\xa4", b"n" * 255]

FEW_PATHS: list[Names] = [
    (b"a",),
    (b"b",),
    (b"a", b"a"),
    (b"a", b"b"),
    (b"a", b"\xff"),
    (b"a", b"a", b"a"),
    (b"a", b"a", b"b"),
]
"""So few that most steps meet what earlier ones made."""

ANY_PATHS: st.SearchStrategy[Names] = st.builds(
    lambda first, rest: (first, *rest),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES), max_size=2),
)


class _Large(bytes):
    """Content that nobody wants to read in a report."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes from {self[:4].hex()}>"


CONTENTS: list[bytes] = [
    b"",
    b"x",
    b"changed",
    _Large(9000),
    _Large(random.Random(0).randbytes(70_000)),
]
OWNERS = [0, 999, 2**31] if os.geteuid() == 0 else [os.geteuid()]


def steps(
    *,
    paths: st.SearchStrategy[Names] = ANY_PATHS,
    actions: list[str] = ACTIONS,
    least: int = 0,
    most: int = 20,
) -> st.SearchStrategy[list[Step]]:
    """Lists of random steps."""
    step = st.builds(
        Step,
        action=st.sampled_from(actions),
        path=paths,
        other=paths,
        content=st.sampled_from(CONTENTS),
        mode=st.sampled_from([0o755, 0o600, 0o4755, 0o1777, 0o000]),
        owner=st.sampled_from(OWNERS),
        mtime_ns=st.sampled_from([0, 1_500_000_000_123_456_789, 10**9, 2**33 * 10**9 + 1]),
    )
    return st.lists(step, min_size=least, max_size=most)
