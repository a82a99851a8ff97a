"""Which release of Debian a host runs, and that a host which runs another one starts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import inventory
from tests.lab.releases import NEXT, NEXT_HOST, STABLE, VARIABLE, ReleaseError, release_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.inventory import Host


@pytest.fixture
def host_m() -> Iterator[Host]:
    host = inventory.host("host-m")
    yield host
    host.destroy()


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert release_of("host-a") is STABLE
    assert release_of(NEXT_HOST) is NEXT
    monkeypatch.setenv(VARIABLE, "next")
    assert release_of("host-a") is NEXT
    monkeypatch.setenv(VARIABLE, "bookworm")
    with pytest.raises(ReleaseError, match="set it to stable or next"):
        release_of("host-a")


@pytest.mark.lab
def test_a_host_of_another_release_starts_anew(
    host_m: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suite() -> str:
        return host_m.exec("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").stdout.strip()

    monkeypatch.setenv(VARIABLE, STABLE.name)
    host_m.up()
    assert suite() == STABLE.suite
    monkeypatch.setenv(VARIABLE, NEXT.name)
    host_m.up()
    assert suite() == NEXT.suite
