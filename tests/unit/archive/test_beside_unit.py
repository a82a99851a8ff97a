"""Podman gets the archive of a Quadlet without what made it a part of its unit, and else as it is.

Not here: what systemd says to the other; tests/e2e/test_quadlets.py.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.archive.beside_unit import beside_unit
from tests.unit.archive.checkpoints import CONFIG, archive, make_sources

SPLIT = {**CONFIG, "cgroupsMode": "split", "labels": {"cgroupsMode": "split", "é": "<ü>"}}


def plain_of(config: dict[str, Any], directory: Path) -> bytes:
    sources = make_sources(directory)
    # As Podman and its JSON of Go write it.
    sources.config_dump.write_text(json.dumps(config, indent=5, ensure_ascii=False))
    return archive(sources)[0]


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def members_of(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = ((member.name, tar.extractfile(member)) for member in tar)
        return {name: file.read() for name, file in files if file is not None}


@pytest.mark.parametrize("size", [512, 700, 1 << 20, 1 << 30])
def test_a_part_of_a_units_group_becomes_a_group_of_its_own(tmp_path: Path, size: int) -> None:
    plain = plain_of(SPLIT, tmp_path)

    given = b"".join(beside_unit(pieces(plain, size), copy=False))

    assert len(given) == len(plain)
    before, after = members_of(plain), members_of(given)
    expected = {key: value for key, value in SPLIT.items() if key != "cgroupsMode"}
    assert json.loads(after.pop("config.dump")) == expected
    del before["config.dump"]
    assert after == before


@pytest.mark.parametrize("size", [700, 1 << 20])
def test_others_are_given_as_they_are(tmp_path: Path, size: int) -> None:
    plain = plain_of({**CONFIG, "cgroupsMode": "enabled"}, tmp_path)
    assert b"".join(beside_unit(pieces(plain, size), copy=False)) == plain


@pytest.mark.parametrize("mode", ["split", "enabled"])
def test_a_copy_of_another_name_has_no_label_of_the_unit(tmp_path: Path, mode: str) -> None:
    labels = {"PODMAN_SYSTEMD_UNIT": "db.service", "app": "db"}
    plain = plain_of({**CONFIG, "cgroupsMode": mode, "labels": labels}, tmp_path)

    for copy, expected in ((True, {"app": "db"}), (False, labels)):
        given = b"".join(beside_unit(pieces(plain, 1 << 20), copy=copy))
        assert len(given) == len(plain)
        assert json.loads(members_of(given)["config.dump"])["labels"] == expected
