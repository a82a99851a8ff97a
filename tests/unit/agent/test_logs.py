"""A record becomes one line, with its own fields, for people or for machines."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from textwrap import dedent
from typing import Any

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
    assert line == {"severity": "warn", "logger": "agent", "message": "step", "uid": "uid-1"}


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


def test_a_json_line_is_one_line_whatever_it_holds() -> None:
    made = record("first\nsecond", evidence="a\r\nb\u2028c\x1b[31m", error=ValueError("x\ny"))
    text = JsonFormatter().format(made)
    assert len(text.splitlines()) == 1
    assert json.loads(text)["message"] == "first\nsecond"


OBJECT = {
    "apiVersion": "podman-checkpoint.dev/v1alpha1",
    "kind": "ContainerRestore",
    "namespace": "default",
    "name": "name-uid-1",
    "uid": "uid-1",
}


def lines(script: str) -> list[dict[str, Any]]:
    """Return what a program logs as JSON, all of which has to be that."""
    words = (sys.executable, "-c", f"{PROGRAM}\n{dedent(script)}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert not done.stdout
    return [json.loads(line) for line in done.stderr.splitlines()]


PROGRAM = """
import logging, sys, threading, warnings
from concurrent.futures import ThreadPoolExecutor
from podman_checkpoint_operator.agent.logs import configure
from podman_checkpoint_operator.reconcilers.subject import about, carried_along
from tests.unit.reconcilers.fakes import resource
configure(json_lines=True, level="INFO", node="host-a")
"""


def test_a_line_tells_node_operation_and_object() -> None:
    in_thread, here, afterwards = lines("""
        with about(resource(kind="ContainerRestore")):
            call = carried_along(lambda: logging.info("in a thread"))
            ThreadPoolExecutor(1).submit(call).result()
            logging.info("here")
        logging.info("afterwards")
    """)
    for line in (in_thread, here):
        assert line["object"] == OBJECT
        assert (line["node"], line["operation"]) == ("host-a", "restore")
    assert afterwards["message"] == "afterwards"
    assert afterwards["node"] == "host-a"
    assert not {"object", "operation"} & set(afterwards)


def test_a_record_of_kopfs_tells_the_object_too() -> None:
    (line,) = lines(f"""
        extra = {{"k8s_ref": {OBJECT}, "k8s_skip": True}}
        logging.getLogger("kopf.objects").warning("tried again", extra=extra)
    """)
    assert line["object"] == OBJECT
    assert line["severity"] == "warn"
    assert not [name for name in line if name.startswith("k8s")]


def test_what_python_prints_is_in_the_log() -> None:
    in_thread, warning, end = lines("""
        def fail(): raise ZeroDivisionError
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        warnings.warn("old", UserWarning)
        raise ValueError("x")
    """)
    assert "ZeroDivisionError" in in_thread["traceback"]
    assert "old" in warning["message"]
    assert "ValueError" in end["traceback"]
    assert in_thread["severity"] == end["severity"] == "fatal"


def test_a_text_line_tells_the_resource() -> None:
    line = TextFormatter().format(record(about=OBJECT, step="Freezing"))
    expected = ' step step=Freezing resource="ContainerRestore default/name-uid-1" uid=uid-1'
    assert line.endswith(expected)


def test_strange_values_do_no_harm() -> None:
    assert json.loads(JsonFormatter().format(record(path=object())))["path"]
