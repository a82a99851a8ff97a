"""What the host's CPU offers to programs, from ``/proc/cpuinfo``."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

# On x86, most flags are the kernel's affair. These are instructions, which programs and their
# libraries look for once, when they start, and use from then on.
_INSTRUCTIONS: Final = re.compile(
    r"(3dnow|abm|adx|aes|amx_|avx|bmi|cldemote|clflushopt|clwb|cmov|cx16|cx8|enqcmd|f16c|fma|fsgsbase"
    r"|fxsr|gfni|hle|lahf_lm|mmx|movbe|movdir|ospke|pclmulqdq|popcnt|prefetchwt1|rdpid|rdrand|rdseed"
    r"|rtm|serialize|sha|sm3|sm4|sse|ssse|tbm|user_shstk|vaes|vpclmulqdq|waitpkg|xop|xsave)"
)


def cpu_features(proc: Path) -> frozenset[str]:
    """Return the instructions that the first processor has; empty where it cannot be told."""
    with suppress(OSError):
        for line in (proc / "cpuinfo").read_text().splitlines():
            name, _, features = line.partition(":")
            if name.strip() == "flags":
                return frozenset(filter(_INSTRUCTIONS.match, features.split()))
            if name.strip().lower() == "features":
                return frozenset(features.split())
    return frozenset()
