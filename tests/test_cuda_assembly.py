"""The assembly of the convolutions for a card, which takes a compiler but no card."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda, which compiles without a card, is not installed")

from nst.kernels.cuda_choice import NARROW, TILES
from nst.kernels.cuda_convolve import Variant, convolve
from nst.kernels.cuda_correlate import correlate

WIDE, MIDDLE, SMALL = TILES["float32"]
KERNELS = {
    "forward": convolve(Variant(WIDE, writes="relu", bias=True)),
    "forward from a picture": convolve(Variant(MIDDLE, 1, writes="avg", bias=True)),
    "forward with pooling": convolve(Variant(SMALL, writes="max", bias=True)),
    "backward": convolve(Variant(WIDE, reads="relu", add=True)),
    "backward to a picture": convolve(Variant(NARROW, 4, 1, reads="relu")),
    "backward with pooling and a stride": convolve(Variant(SMALL, reads="avg", scattered=True)),
    "weights": correlate(WIDE, 4, 4),
    "weights of a picture": correlate(SMALL, 1, 4),
}
TENSOR = {
    "forward in tf32": convolve(Variant(TILES["tf32"][0], writes="max", bias=True)),
    "weights in tf32": correlate(TILES["tf32"][1], 4, 4),
    "backward in bf16": convolve(Variant(TILES["bf16"][0], reads="relu")),
    "weights in bf16": correlate(TILES["bf16"][0], 4, 4),
}
CARDS = [(name, card) for name in KERNELS for card in ((7, 5), (8, 0), (9, 0))]
CARDS += [
    (name, card) for name in TENSOR for card in ((8, 0), (9, 0))
]  # earlier ones have no such instruction


@cache
def assembly(name: str, card: tuple[int, int]) -> str:
    """Return what the compiler makes of a kernel for a card."""
    return {**KERNELS, **TENSOR}[name].ptx(card)


@pytest.mark.parametrize("name, card", CARDS, ids=str)
def test_sums_stay_in_registers_and_in_float32(name, card):
    """No float64, no array that went to memory, fused multiplications, four numbers at once where that was meant."""
    text = assembly(name, card)
    assert f"sm_{card[0]}{card[1]}" in text
    assert not re.findall(r".*\.f64.*|.*\.local.*", text)
    assert len(re.findall(r"\.shared .*\.b8", text)) == 1  # alone, it begins where vectors may
    assert "ld.shared.v4" in text
    instruction = "mma.sync.aligned" if name in TENSOR else "fma.rn.f32"
    assert text.count(instruction) >= 16


@pytest.mark.skipif(not shutil.which("ptxas"), reason="there is no ptxas")
@pytest.mark.parametrize("name, card", [one for one in CARDS if one[1] == (9, 0)], ids=str)
def test_registers_are_enough(name, card, tmp_path):
    """A thread of any kernel finds room for all its numbers: none is put aside in memory."""
    (tmp_path / "kernel.ptx").write_text(assembly(name, card))
    command = ["ptxas", f"-arch=sm_{card[0]}{card[1]}", "-v", "-o", "/dev/null", str(tmp_path / "kernel.ptx")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "0 bytes spill stores" in ended.stderr, ended.stderr
