"""What systemd would start is read from its files, as systemctl leaves them.

Not here: that systemd reads them the same way; tests/e2e/test_real_machine.py.
"""

from __future__ import annotations

from pathlib import Path

from podman_checkpoint_operator.host.systemd import is_enabled, is_masked

UNIT = "podman-restart.service"


def put(root: Path, path: str, target: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    if target:
        (root / path).symlink_to(target)
    else:
        (root / path).write_text("[Service]\n")


def test_enabled_by_a_link_that_may_dangle_here(tmp_path: Path) -> None:
    assert not is_enabled(tmp_path, UNIT)
    put(tmp_path, f"usr/lib/systemd/system/{UNIT}")
    assert not is_enabled(tmp_path, UNIT)
    link = f"etc/systemd/system/default.target.wants/{UNIT}"
    put(tmp_path, link, f"/usr/lib/systemd/system/{UNIT}")
    assert is_enabled(tmp_path, UNIT)
    assert not is_enabled(tmp_path, "other.service")


def test_masked_is_not_enabled(tmp_path: Path) -> None:
    put(tmp_path, f"etc/systemd/system/multi-user.target.requires/{UNIT}", f"../{UNIT}")
    assert is_enabled(tmp_path, UNIT)
    put(tmp_path, f"etc/systemd/system/{UNIT}", "/dev/null")
    assert is_masked(tmp_path, UNIT)
    assert not is_enabled(tmp_path, UNIT)


def test_masked_until_the_next_boot_unless_the_administrator_has_a_file(tmp_path: Path) -> None:
    put(tmp_path, f"run/systemd/system/{UNIT}", "/dev/null")
    assert is_masked(tmp_path, UNIT)
    put(tmp_path, f"etc/systemd/system/{UNIT}")
    assert not is_masked(tmp_path, UNIT)
