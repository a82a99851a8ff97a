"""What resources of a drain are called: the same for one run of a container, another for the next.

Not here: what they ask for, which tests of the reconciler see.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.common import DNS_SUBDOMAIN
from podman_checkpoint_operator.decisions.drain.objects import checkpoint_name, host_label, made
from tests.unit.samples import CONTAINER, STARTED

if TYPE_CHECKING:
    from podman_checkpoint_operator.decisions.facts import Container


def name(container: Container = CONTAINER, *, host: str = "host-a", boot: str = "boot") -> str:
    return checkpoint_name(host, boot, container)


def test_the_name_tells_the_container() -> None:
    assert re.fullmatch("drain-db-[0-9a-f]{10}", name())
    assert name() == name()


@pytest.mark.parametrize(
    "other",
    [
        name(host="host-b"),
        name(boot="next"),
        name(replace(CONTAINER, id="f" * 64)),
        name(replace(CONTAINER, started_at=STARTED + timedelta(microseconds=1))),
        # A restore leaves the start as it was.
        name(replace(CONTAINER, finished_at=STARTED)),
    ],
    ids=["host", "boot", "container", "start", "restore"],
)
def test_another_run_has_another_name(other: str) -> None:
    assert other != name()


@given(st.from_regex("[a-zA-Z0-9][a-zA-Z0-9_.-]*", fullmatch=True))
def test_every_name_of_a_container_gives_the_name_of_an_object(container: str) -> None:
    made_of_it = name(replace(CONTAINER, name=container))
    assert re.fullmatch(DNS_SUBDOMAIN, made_of_it)
    assert len(made_of_it) <= 63


def test_a_label_is_the_name_of_the_host_where_that_is_short_enough() -> None:
    assert host_label("host-a.example.org") == "host-a.example.org"
    long = [f"{'a' * 80}.{each}" for each in ("one", "two")]
    assert len({host_label(each) for each in long}) == 2
    assert all(re.fullmatch("[a-z0-9-]{63}", host_label(each)) for each in long)


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
def test_a_resource_that_says_nothing_yet_is_under_way(status: dict[str, object] | None) -> None:
    assert made({"metadata": {}, "spec": {}, "status": status}).under_way
