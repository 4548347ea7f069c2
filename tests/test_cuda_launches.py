"""Which kernels a program launches, and how often it waits for a card: noted where there is none."""

from __future__ import annotations

import pytest

from nst.kernels.cuda_choice import TILES
from nst.kernels.cuda_convolve import Variant, convolve
from nst.kernels.cuda_correlate import correlate
from nst.kernels.cuda_device import KERNELS
from nst.kernels.cuda_tiles import Tiled
from tests.cuda import launches


@pytest.mark.parametrize("size", [(33, 32), (300, 700), (768, 768), (2048, 1500)], ids=str)
def test_every_kernel_of_a_painting_is_one_whose_assembly_is_looked_at(size):
    """At a size that is none of those which the list was made with, no further kernel is launched."""
    found = launches.of_a_painting(*size)
    assert len(found) > 30 and found.keys() <= launches.every().keys()


def test_every_tile_is_among_them():
    """The list holds each tile that can be chosen, for convolutions and for sums over places."""
    tiled = [kernel for kernel in launches.every().values() if isinstance(kernel, Tiled)]
    assert {kernel.tile for kernel in tiled} == {tile for tiles in TILES.values() for tile in tiles}
    correlated = {kernel.tile.precision for kernel in tiled if kernel.name.startswith("correlate")}
    assert correlated == {"float32", "tf32", "bf16"}
    rest = {kernel for kernel in launches.every().values() if not isinstance(kernel, Tiled)}
    assert rest <= set(KERNELS.values())


def test_a_step_is_few_launches():
    """Value and gradient of VGG-19's objective: what is launched, and how often the program waits for numbers."""
    with launches.noted() as log:
        evaluate, image = launches.objective(512, 512)
        evaluate(image)  # which prepares the weights
        log.clear()
        evaluate(image)
    assert not log.up
    assert (len(log.launched), len(log.down)) == (68, 1)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_cards_without_such_tensor_cores_are_told_so(precision):
    """Compiling for an earlier card ends in a line that names the precision, and not in the compiler's words."""
    for kernel in convolve(Variant(TILES[precision][0])), correlate(TILES[precision][1], 4, 4):
        with pytest.raises(
            ValueError, match=rf"no {precision} on a card of compute capability 7\.5.*float32$"
        ):
            kernel.ptx((7, 5))
