"""A record becomes one line, with its own fields, for people or for machines."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from podman_checkpoint_operator.agent.logs import JsonFormatter, TextFormatter


def record(message: str = "step", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("agent", logging.WARNING, __file__, 1, message, (), None)
    vars(made).update(fields)
    return made


def test_a_json_line_has_the_fields_and_nothing_of_kopfs_luggage() -> None:
    made = record(uid="uid-1", k8s_skip=True, settings=object())
    line = json.loads(JsonFormatter().format(made))
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"severity": "warning", "logger": "agent", "message": "step", "uid": "uid-1"}


def test_a_text_line_has_the_fields_behind_the_message() -> None:
    line = TextFormatter().format(record(uid="uid-1"))
    assert line.endswith(" WARNING step uid=uid-1")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    made = record()
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        made.exc_info = sys.exc_info()
    assert "ZeroDivisionError" in formatter.format(made)


def test_strange_values_do_no_harm() -> None:
    assert json.loads(JsonFormatter().format(record(path=object())))["path"]
