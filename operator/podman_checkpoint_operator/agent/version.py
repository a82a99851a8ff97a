"""Which release of the product this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """Return the installed package's version."""
    try:
        return version("podman-checkpoint-operator")
    except PackageNotFoundError:
        return "unknown"
