"""How agent and controller keep their memory small: nothing is loaded or kept for no use."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import warnings
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8


def spare_memory() -> None:
    """Have libraries leave out what is not needed; to be called before kopf is imported."""
    # Of the heaps that glibc makes for threads, it never returns all to the kernel.
    with suppress(AttributeError):  # other C libraries have no such call
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
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


def give_back() -> None:
    """Return freed memory to the kernel.

    glibc keeps what an archive's buffers have taken, 10 MiB after a few. With a fixed
    ``M_MMAP_THRESHOLD`` it would not, and compress half as fast: each buffer is a new one then.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
