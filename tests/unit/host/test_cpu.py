"""The instructions of a CPU are told apart from what else the kernel says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from podman_checkpoint_operator.host.cpu import cpu_features

X86 = """\
processor\t: 0
model name\t: Some CPU @ 2.40GHz
flags\t\t: fpu vme sse sse4_2 constant_tsc rep_good aes avx2 avx512f hypervisor pti ibrs xsave
bugs\t\t: spectre_v1

processor\t: 1
flags\t\t: fpu
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd aes sve\n"
S390 = "vendor_id : IBM/S390\nfeatures\t: esan3 zarch vx\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86, {"sse", "sse4_2", "aes", "avx2", "avx512f", "xsave"}),
        (ARM, {"fp", "asimd", "aes", "sve"}),
        (S390, {"esan3", "zarch", "vx"}),
        ("processor : 0\n", set()),
    ],
)
def test_instructions(tmp_path: Path, text: str, expected: set[str]) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_features(tmp_path) == expected


def test_no_description_no_features(tmp_path: Path) -> None:
    assert cpu_features(tmp_path) == frozenset()


def test_this_machine_has_some() -> None:
    assert cpu_features(Path("/proc"))
