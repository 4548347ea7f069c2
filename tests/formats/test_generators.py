"""Files of generators: the same bytes for the same net, and nothing believed that they say."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.formats.generators import FORMAT, Generator, read_generator, write_generator
from nst.networks.generators import Design, fresh_generator, plain, state
from nst.npz import write_npz

DESIGNS = {
    "residual": Design(width=2, depth=1),
    "batch": Design(width=2, depth=1, norm="batch"),
    "styles": Design(width=2, depth=1, styles=2),
    "pyramid": Design("pyramid", width=2, depth=2),
}


def made(design: Design) -> Generator:
    names = tuple(f"style {number}" for number in range(design.styles))
    return Generator(design, names, fresh_generator(design, 0), {"step": 3})


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_what_is_written_is_read(tmp_path, design):
    """Design, names, arrays and what is told; twice the same bytes; the network is frozen."""
    found = made(design)
    for name in ("one.npz", "two.npz"):
        write_generator(tmp_path / name, found)
    again = read_generator(tmp_path / "one.npz")
    assert (again.design, again.styles, again.about) == (design, found.styles, {"step": 3})
    assert all(
        np.array_equal(array, state(again.network)[name]) for name, array in state(found.network).items()
    )
    assert again.network.parameters() == {}
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_half_the_bytes(tmp_path):
    """Float16 is read as float32, close to what it was; what it cannot hold is not written."""
    found = made(DESIGNS["residual"])
    write_generator(tmp_path / "half.npz", found, "float16")
    again = state(read_generator(tmp_path / "half.npz").network)
    for name, array in state(found.network).items():
        assert again[name].dtype == np.float32
        np.testing.assert_allclose(again[name], array, rtol=1e-3, atol=1e-6)
    found.network.nodes["out"].layer.bias[0] = 1e6
    with pytest.raises(NstError, match=r"out\.bias is not finite as float16"):
        write_generator(tmp_path / "large.npz", found, "float16")
    assert not (tmp_path / "large.npz").exists()


LIES = {
    "another design": lambda meta, arrays: meta.update(design={**meta["design"], "width": 512, "depth": 32}),
    "a field more": lambda meta, arrays: meta.update(design={**meta["design"], "more": 1}),
    "no design": lambda meta, arrays: meta.pop("design"),
    "many styles": lambda meta, arrays: meta.update(design={**meta["design"], "styles": 4096}),
    "no names": lambda meta, arrays: meta.update(styles=[]),
    "a name that is none": lambda meta, arrays: meta.update(styles=[3]),
    "about nothing": lambda meta, arrays: meta.update(about=None),
    "an array less": lambda meta, arrays: arrays.pop("conv1.weight"),
    "an array more": lambda meta, arrays: arrays.update(extra=np.zeros(3, np.float32)),
    "another shape": lambda meta, arrays: arrays.update({"out.bias": np.zeros(4, np.float32)}),
    "another dtype": lambda meta, arrays: arrays.update({"out.bias": np.zeros(3)}),
    "not finite": lambda meta, arrays: arrays.update({"out.bias": np.full(3, np.nan, np.float32)}),
    "a variance below 0": lambda meta, arrays: arrays.update(
        {"conv1/norm.running_var": np.full(2, -1, np.float32)}
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_makes_no_sense_is_refused(tmp_path, lie):
    """One line that names the file, before anything is built of it."""
    found = made(DESIGNS["batch"])
    meta = {"design": plain(found.design), "styles": list(found.styles), "about": {}}
    arrays = dict(state(found.network))
    lie(meta, arrays)
    write_npz(tmp_path / "net.npz", FORMAT, meta, arrays)
    with pytest.raises(NstError, match=r"generator .*net\.npz is damaged or no generator[^\n]*$"):
        read_generator(tmp_path / "net.npz")
