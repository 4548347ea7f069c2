"""The layout of a run: within the budget that was given, and as little slower as can be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nst.engine import StyleTransfer, fit, parse_memory, resident
from nst.engine.budget import settled_process
from nst.errors import NstError
from nst.networks import Network, Weights, fused, vgg
from nst.networks.vgg import vgg_shapes

STYLES = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
TRANSFER = StyleTransfer({"relu4_2": 1.0}, dict.fromkeys(STYLES, 1.0), 5.0, 100.0, 1e-3)
PROCESS = 300 << 20
LARGE = (1, 4096, 4096, 3)


@pytest.fixture(scope="module")
def network() -> Network:
    """VGG-19, whose weights take no memory: only its shapes matter here."""
    arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in vgg_shapes("vgg19").items()}
    return fused(vgg(Weights(arrays, "vgg19")), TRANSFER.taps)


@pytest.fixture
def laid_out(network):
    """`laid_out(shape, memory, ...)`: the layout for one style of 1000x800."""

    def fit_it(shape, memory, **options):
        memory = memory if memory is None else parse_memory(memory)
        return fit(network, TRANSFER, shape, [(1, 800, 1000, 3)], memory=memory, process=PROCESS, **options)

    return fit_it


def test_what_fits_is_not_cut(laid_out):
    """A picture that fits is taken whole; the parts add up and stay within the budget."""
    layout = laid_out((1, 512, 512, 3), "3GB")
    assert not layout.tiled and layout.styles == (None,) and layout.work == 1.0 and not layout.notes
    assert layout.total == sum(layout.parts.values()) <= 3e9


@pytest.mark.parametrize(
    "optimizer, memory", [("adam", "2GB"), ("adam", "3GB"), ("lbfgs", "4GB"), ("lbfgs", "9GB")]
)
def test_tiles_fit_the_budget(laid_out, optimizer, memory):
    """4096x4096 pixels run in 2 GB: in tiles that are within the budget, and less than three times the work."""
    layout = laid_out(LARGE, memory, optimizer=optimizer)
    assert layout.tiled and layout.total <= parse_memory(memory)
    assert 1.5 < layout.work < 3
    assert str(layout.content.counts[0]) in layout.describe()


def test_more_memory_is_less_work(laid_out):
    """Larger tiles have less halo; a style that does not fit is cut too."""
    layouts = [laid_out(LARGE, memory, optimizer="adam") for memory in ("1.8GB", "2GB", "3GB", "6GB", "40GB")]
    work = [layout.work for layout in layouts]
    assert work == sorted(work, reverse=True) and work[-1] == 1.0
    assert layouts[0].styles[0] is not None and layouts[-1].styles[0] is None


def test_history_gives_way_before_tiles_get_tiny(laid_out):
    """L-BFGS keeps fewer pairs, never less than 3, and says so; a shorter history than 3 is left alone."""
    layout = laid_out(LARGE, "4GB", history=10)
    assert 3 <= layout.history < 10 and f"keeps {layout.history} pairs" in layout.notes[0]
    assert laid_out(LARGE, "9GB", history=10).history == 10
    assert laid_out(LARGE, "4GB", history=2).history == 2


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_amount_that_an_error_names_is_enough(laid_out, optimizer):
    """Too little memory is an error with the least that would do, and that does; with L-BFGS it recommends Adam."""
    with pytest.raises(NstError, match="4096x4096") as caught:
        laid_out(LARGE, "1GB", optimizer=optimizer)
    words = str(caught.value).split("--memory ")
    assert laid_out(LARGE, words[2].split()[0].rstrip(","), optimizer=optimizer).tiled
    assert ("--optimizer adam" in str(caught.value)) == (optimizer == "lbfgs")


def test_the_machine_is_the_limit_without_a_budget(laid_out, monkeypatch):
    """A run that would take more than is free says how much, and the --memory that makes it possible."""
    monkeypatch.setattr("nst.engine.budget.available_memory", lambda: 4 * 10**9)
    assert not laid_out((1, 256, 256, 3), None).tiled
    with pytest.raises(
        NstError, match=r"at once takes about .*GB, and 4GB are free: give --memory \S+GB to paint"
    ):
        laid_out(LARGE, None, optimizer="adam")
    with pytest.raises(NstError, match="even in tiles"):
        laid_out((1, 16384, 16384, 3), None)


def test_without_room_on_disk_nothing_is_put_there(laid_out, monkeypatch):
    """Content features that fit neither into memory nor onto the disk are computed anew each time."""
    assert laid_out(LARGE, "2GB", optimizer="adam").keep == "file"
    full = dataclasses.make_dataclass("Usage", ["free"])(1 << 20)
    monkeypatch.setattr("nst.engine.budget.shutil.disk_usage", lambda folder: full)
    layout = laid_out(LARGE, "2GB", optimizer="adam")
    assert layout.keep == "nothing" and layout.work > 2.5


def test_the_process_is_measured_with_its_kernels(small):
    """Without a figure for the process, a small walk loads what it will have, and that is counted."""
    transfer = StyleTransfer({"relu2_1": 1.0}, {"relu1_1": 1.0}, 1.0, 1.0)
    layout = fit(small, transfer, (1, 64, 64, 3), [(1, 64, 64, 3)])
    assert layout.parts["process"] == pytest.approx(resident(), rel=0.2)


def test_the_process_settles_at_each_size(small, monkeypatch):
    """Maps of different sizes have filters of their own; what is large is walked once, cut short."""
    walked, forward = [], small.forward
    monkeypatch.setattr(
        small, "forward", lambda image, taps: walked.append(image.shape) or forward(image, taps)
    )
    settled_process(small, ["relu2_1"], (1, 32, 20, 3), (1, 64, 40, 3), (1, 512, 400, 3), (1, 1024, 800, 3))
    assert walked == [(1, 32, 20, 3), (1, 64, 40, 3), (1, 128, 128, 3)]
