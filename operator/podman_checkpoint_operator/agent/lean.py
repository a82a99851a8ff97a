"""What libraries load for uses that these programs have none of: 4 MiB of an agent's memory."""

from __future__ import annotations

import importlib
import os
import sys
import warnings


def spare_memory() -> None:
    """Have libraries leave out what is not needed; to be called before kopf is imported."""
    # aiohttp's list of signals is written in C++, too, and brings the whole C++ library with it.
    os.environ.setdefault("FROZENLIST_NO_EXTENSIONS", "1")
    if "requests" in sys.modules:
        return
    # Without it, requests takes texts for UTF-8 that name no encoding. Podman sends no others.
    sys.modules["charset_normalizer"] = None  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it misses it
        importlib.import_module("requests")
    del sys.modules["charset_normalizer"]
