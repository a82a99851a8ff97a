"""Sizes as Kubernetes writes them (``resource.Quantity``), as exact whole bytes.

The API server admits a quantity as a string or an integer; what reads it needs a number of bytes.
Arithmetic is exact, never in floating point: ``1.1G`` is 1,100,000,000 bytes.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

QUANTITY_PATTERN: Final = (
    r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
)
"""``resource.Quantity`` without a sign, as in the CRDs: a size is never negative."""

MAX_LENGTH: Final = 64
MAX_BYTES: Final = 2**63 - 1

_DECIMAL: Final = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def parse_quantity(value: str | int) -> int:
    """Return the number of bytes that ``value`` stands for, a fraction rounded up.

    Decimal suffixes are powers of 1000 (``k``, ``M``, ``G``, ``T``, ``P``, ``E``; below one: ``m``,
    ``u``, ``n``), binary ones powers of 1024 (``Ki`` to ``Ei``); ``4e7`` is an exponent of ten.

    Raises:
        ValueError: if ``value`` is no such size, is negative or exceeds 2^63-1 bytes.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{value!r} is not a size: write a number of bytes or a string like 40M")
    text = str(value)
    match = re.fullmatch(QUANTITY_PATTERN, text, re.ASCII)
    if match is None or len(text) > MAX_LENGTH:
        raise ValueError(
            f"{text!r} is not a size: write a number of bytes with an optional suffix "
            "k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024), for example 40M"
        )
    size = Fraction(_with_leading_digit(match[1])) * _factor(match[3] or "")
    whole = -(-size.numerator // size.denominator)
    if whole > MAX_BYTES:
        raise ValueError(f"{text!r} is too large: at most 2^63-1 bytes can be asked for")
    return whole


def format_quantity(size: int) -> str:
    """Write a number of bytes as briefly as it can be said exactly: 67108864 is ``64Mi``."""
    for suffix, power in reversed(_BINARY.items()):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{suffix}"
    return str(size)


def _with_leading_digit(number: str) -> str:
    """Write ``.5`` and ``5.`` as ``Fraction`` reads them."""
    return f"0{number}".rstrip(".")


def _factor(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(1024) ** _BINARY[suffix]
    if suffix in _DECIMAL:
        return Fraction(1000) ** _DECIMAL[suffix]
    return Fraction(10) ** int(suffix[1:])


def _checked(value: str | int) -> str | int:
    parse_quantity(value)
    return value


Quantity = Annotated[
    str | int,
    BeforeValidator(_checked),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "maxLength": MAX_LENGTH,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
"""A field that holds a size as the user wrote it; :func:`parse_quantity` gives its bytes."""
