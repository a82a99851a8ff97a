"""Certificates of the control plane: strict clients accept them; making them can be repeated."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from . import pki
from .shell import CommandFailed, run

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "192.0.2.254"


@pytest.fixture
def keys(tmp_path: Path) -> pki.Pki:
    return pki.ensure(tmp_path / "pki", address=ADDRESS)


def handshake(keys: pki.Pki, *, address: str) -> None:
    """Let a client with the strictest rules of Python meet a server with these certificates."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cafile=str(keys.authority.certificate))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    trusting.load_cert_chain(keys.admin.certificate, keys.admin.key)
    asking = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(keys.authority.certificate)
    )
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_cert_chain(keys.server.certificate, keys.server.key)
    client = trusting.wrap_bio(to_client, to_server, server_hostname=address)
    server = asking.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)


def test_server_and_client_trust_each_other(keys: pki.Pki) -> None:
    handshake(keys, address=ADDRESS)


def test_the_server_is_trusted_at_its_own_address_only(keys: pki.Pki) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(keys, address="192.0.2.1")


def test_a_leaf_is_no_authority(keys: pki.Pki) -> None:
    with pytest.raises(CommandFailed):
        run("openssl", "verify", "-CAfile", keys.server.certificate, keys.admin.certificate)


def test_the_administrator_belongs_to_the_group_of_masters(keys: pki.Pki) -> None:
    said = run("openssl", "x509", "-noout", "-subject", "-in", keys.admin.certificate).stdout

    assert "O = system:masters" in said or "O=system:masters" in said


def test_private_keys_are_private(keys: pki.Pki) -> None:
    for pair in (keys.authority, keys.server, keys.admin, keys.tokens):
        assert pair.key.stat().st_mode & 0o077 == 0
    assert keys.authority.key.parent.stat().st_mode & 0o077 == 0


def test_a_second_time_changes_nothing(keys: pki.Pki) -> None:
    folder = keys.authority.key.parent
    before = {file: file.read_bytes() for file in folder.iterdir()}

    assert pki.ensure(folder, address=ADDRESS) == keys

    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_what_an_interruption_left_out_is_made_up_for(keys: pki.Pki) -> None:
    authority = keys.authority.certificate.read_bytes()
    keys.server.certificate.unlink()

    pki.ensure(keys.server.key.parent, address=ADDRESS)

    assert keys.authority.certificate.read_bytes() == authority
    handshake(keys, address=ADDRESS)
