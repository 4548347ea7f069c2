"""The assembly of the convolutions for a card, which takes a compiler but no card."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda, which compiles without a card, is not installed")

from nst.kernels.cuda_tiles import TENSOR_CORES, Tiled
from tests.cuda.assembly import CARDS
from tests.cuda.launches import every

KERNELS = {name: kernel for name, kernel in sorted(every().items()) if isinstance(kernel, Tiled)}


def on_tensor_cores(name: str) -> bool:
    """Tell whether a kernel multiplies there."""
    return KERNELS[name].tile.precision != "float32"


def pairs() -> list[tuple[str, tuple[int, int]]]:
    """Return each kernel with each card that can run it."""
    return [
        (name, card)
        for name in KERNELS
        for card in CARDS
        if card >= TENSOR_CORES or not on_tensor_cores(name)
    ]


def turns() -> list[tuple[str, tuple[int, int]]]:
    """Return each kernel with a card: one after the other has its turn, since they differ little in registers."""
    cards = {name: [card for one, card in pairs() if one == name] for name in KERNELS}
    return [(name, own[i % len(own)]) for i, (name, own) in enumerate(cards.items())]


@cache
def assembly(name: str, card: tuple[int, int]) -> str:
    """Return what the compiler makes of a kernel for a card."""
    return KERNELS[name].ptx(card)


@pytest.mark.parametrize("name, card", pairs(), ids=str)
def test_sums_stay_in_registers_and_in_float32(name, card):
    """No float64, no array that went to memory, fused multiplications, four numbers at once where that was meant."""
    text = assembly(name, card)
    assert f"sm_{card[0]}{card[1]}" in text
    assert not re.findall(r".*\.f64.*|.*\.local.*", text)
    assert len(re.findall(r"\.shared .*\.b8", text)) == 1  # alone, it begins where vectors may
    assert "ld.shared.v4" in text
    stores = set(re.findall(r"st\.shared\.[a-z0-9]+\s+\[(%rd\d+)", text))
    # Addresses differ by constants, but for those of a 64x64 tile whose channels come one by one: each has its own.
    assert len(stores) <= (9 if "64x64 float32" in name and "by 4 and 1" in name else 3)
    instruction = "mma.sync.aligned" if on_tensor_cores(name) else "fma.rn.f32"
    assert text.count(instruction) >= 16


@pytest.mark.skipif(not shutil.which("ptxas"), reason="there is no ptxas")
@pytest.mark.parametrize("name, card", turns(), ids=str)
def test_registers_are_enough(name, card, tmp_path):
    """A thread finds room for all its numbers: none is put aside in memory, but two of bf16's smallest tile at most,
    where it reads a gradient through a pooling.
    """
    (tmp_path / "kernel.ptx").write_text(assembly(name, card))
    command = ["ptxas", f"-arch=sm_{card[0]}{card[1]}", "-v", "-o", "/dev/null", str(tmp_path / "kernel.ptx")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    spilled = max(map(int, re.findall(r"(\d+) bytes spill stores", ended.stderr)))
    assert spilled <= (16 if re.search("64x64 bf16, (max|avg) to", name) else 0), ended.stderr
