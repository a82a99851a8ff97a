"""Keys and certificates of the control plane, made with the ``openssl`` command.

One authority signs the API server's certificate and the administrator's, whose group
(``system:masters``) may do everything. Most agents have tokens instead, see :mod:`.credentials`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .shell import run

if TYPE_CHECKING:
    from pathlib import Path

_DAYS: Final = "3650"
_EC_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
_AUTHORITY: Final = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
_LEAF: Final = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, as PEM files."""

    key: Path
    certificate: Path


@dataclass(frozen=True)
class Pki:
    """Everything that the API server and its administrator need to trust each other."""

    authority: KeyPair
    server: KeyPair
    admin: KeyPair
    authorizer: KeyPair
    tokens: KeyPair
    """Signs the tokens of service accounts. Only the public key of its certificate matters."""


def ensure(folder: Path, *, address: str, authorizer: str = "127.0.0.1") -> Pki:
    """Make what is missing in ``folder``.

    Args:
        folder: where keys and certificates are.
        address: the IP address that clients of the API server connect to.
        authorizer: the one that the API server asks about agents.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _issue(folder, "authority", "/CN=podman-checkpoint-lab", _AUTHORITY)
    names = f"subjectAltName=IP:{address},DNS:kubernetes.default.svc"
    return Pki(
        authority=authority,
        server=_issue(
            *(folder, "server", "/CN=kube-apiserver"),
            (*_LEAF, "extendedKeyUsage=serverAuth", names),
            issuer=authority,
        ),
        admin=_issue(
            *(folder, "admin", "/O=system:masters/CN=admin"),
            (*_LEAF, "extendedKeyUsage=clientAuth"),
            issuer=authority,
        ),
        authorizer=_issue(
            *(folder, "authorizer", "/CN=podman-checkpoint-controller"),
            (*_LEAF, "extendedKeyUsage=serverAuth", f"subjectAltName=IP:{authorizer}"),
            issuer=authority,
        ),
        tokens=_issue(folder, "tokens", "/CN=service-accounts", _LEAF),
    )


def agent(folder: Path, host: str) -> KeyPair:
    """Make the client certificate of a host's agent, signed by the authority in ``folder``."""
    authority = KeyPair(key=folder / "authority.key", certificate=folder / "authority.crt")
    return _issue(
        *(folder, f"agent-{host}", f"/O=podman-checkpoint:agents/CN=podman-checkpoint:host:{host}"),
        (*_LEAF, "extendedKeyUsage=clientAuth"),
        issuer=authority,
    )


def _issue(
    folder: Path,
    name: str,
    subject: str,
    extensions: tuple[str, ...],
    *,
    issuer: KeyPair | None = None,
) -> KeyPair:
    pair = KeyPair(key=folder / f"{name}.key", certificate=folder / f"{name}.crt")
    if pair.certificate.exists():
        return pair
    options: list[str | Path] = []
    for extension in extensions:
        options += ["-addext", extension]
    if issuer:
        options += ["-CA", issuer.certificate, "-CAkey", issuer.key]
    partial = folder / f"{name}.new"
    run(
        *("openssl", "req", "-x509", "-days", _DAYS, "-subj", subject, *_EC_KEY, *options),
        *("-keyout", pair.key, "-out", partial),
    )
    # The certificate comes last: where it is, its key is complete too.
    partial.rename(pair.certificate)
    return pair
