"""Configuration files are replaced whole, with the mode they had, through links of the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podman_checkpoint_operator.host import config_files

RUNC_CONF = Path("/etc/criu/runc.conf")


def test_a_new_file_can_be_read_by_everybody(tmp_path: Path) -> None:
    config_files.replace(tmp_path, RUNC_CONF, b"ghost-limit 1\n")
    file = tmp_path / "etc/criu/runc.conf"
    assert file.stat().st_mode & 0o777 == 0o644
    assert config_files.read(tmp_path, RUNC_CONF) == b"ghost-limit 1\n"
    assert os.listdir(file.parent) == ["runc.conf"]


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    config_files.replace(tmp_path, RUNC_CONF, b"old")
    (tmp_path / "etc/criu/runc.conf").chmod(0o640)
    config_files.replace(tmp_path, RUNC_CONF, b"new")
    assert (tmp_path / "etc/criu/runc.conf").stat().st_mode & 0o777 == 0o640


def test_an_absolute_link_starts_at_the_root_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "etc/criu").mkdir(parents=True)
    (tmp_path / "etc/criu/runc.conf").symlink_to("/srv/shared.conf")
    (tmp_path / "srv").mkdir()
    config_files.replace(tmp_path, RUNC_CONF, b"new")
    assert (tmp_path / "srv/shared.conf").read_bytes() == b"new"
    assert (tmp_path / "etc/criu/runc.conf").is_symlink()


def test_links_in_a_circle_are_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many symbolic links"):
        config_files.read(tmp_path, Path("/a"))


def test_what_is_not_there_reads_as_none_and_is_removed_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "etc/criu").mkdir(parents=True)
    assert config_files.read(tmp_path, RUNC_CONF) is None
    config_files.remove(tmp_path, RUNC_CONF)
