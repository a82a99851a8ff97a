"""What of a command's output is shown: never a secret of the container, and only its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.criu.secrecy import HIDDEN
from podman_checkpoint_operator.decisions.command_output import MAX_OUTPUT, MIN_SECRET, shown

SECRET = "hunter2-hunter2"


def test_values_of_the_containers_variables_are_masked() -> None:
    output = f"connecting with {SECRET}\npassword={SECRET};".encode()

    text = shown(output, [f"DB_PASSWORD={SECRET}"])

    assert text == f"connecting with {HIDDEN}\npassword={HIDDEN};"


@pytest.mark.parametrize(
    ("environment", "output"),
    [
        (["DEBUG=true", "WORKERS=10000", "EMPTY=", "ODD"], "true 10000 ODD"),
        (["PATH=/usr/bin", "HOME=/var/lib/db", "HOSTNAME=0123456789ab"], "/var/lib/db /usr/bin"),
    ],
    ids=["short", "public"],
)
def test_what_is_no_secret_is_shown(environment: list[str], output: str) -> None:
    assert shown(output.encode(), environment) == output


def test_a_secret_that_holds_another_leaves_nothing_of_itself() -> None:
    environment = ["SHORT=hunter2", "LONG=hunter2-and-more"]

    assert shown(b"hunter2-and-more hunter2", environment) == f"{HIDDEN} {HIDDEN}"


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    key = "KEY=-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n"

    assert shown(b"line 2: MIIEvQIBADAN", [key]) == f"line 2: {HIDDEN}"


def test_what_is_called_a_password_is_masked_though_no_variable_holds_it() -> None:
    assert shown(b"read password=swordfish", []) == f"read password={HIDDEN}"


def test_the_end_of_a_long_output_is_kept() -> None:
    text = shown(b"x" * 100_000 + b"the end\n", [])

    assert len(text) == MAX_OUTPUT
    assert text.startswith("[…] xxx")
    assert text.endswith("xthe end")


def test_what_is_not_text_is_shown_as_far_as_it_can_be() -> None:
    assert shown(b"\xff\0ok\n", []) == "\N{REPLACEMENT CHARACTER}ok"


@given(
    secret=st.text(st.characters(codec="ascii", categories=["Lu", "Nd"]), min_size=MIN_SECRET),
    before=st.integers(0, 2 * MAX_OUTPUT),
    after=st.integers(0, 2 * MAX_OUTPUT),
)
def test_no_cut_shows_a_part_of_a_secret(secret: str, before: int, after: int) -> None:
    """A secret of capitals and digits, among dots, wherever the cut comes to lie."""
    output = "." * before + secret + "." * after

    text = shown(output.encode(), [f"TOKEN={secret}"])

    assert not set(text) & set(secret)
