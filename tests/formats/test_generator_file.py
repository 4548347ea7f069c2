"""Files of generators: what is written is read back to the bit, and nothing else is believed."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.formats.generator_file import FORMAT, TrainedGenerator, read_generator, write_generator
from nst.networks.adversarial import fresh, generator
from nst.npz import write_npz

SIZES = {"noise": 3, "width": 4}


@pytest.fixture
def trained() -> TrainedGenerator:
    network = generator("patch", SIZES, fresh(np.random.default_rng(0)))
    return TrainedGenerator("patch", SIZES, network, {"of": "gravel.png"})


def arrays(trained: TrainedGenerator) -> dict[str, np.ndarray]:
    nodes = trained.network.nodes.values()
    return {f"{node.name}.{name}": array for node in nodes for name, array in node.layer.state().items()}


def test_it_comes_back_to_the_bit(trained, tmp_path):
    """Arrays, running statistics among them, sizes and what it tells; twice the same bytes."""
    write_generator(tmp_path / "one.npz", trained)
    found = read_generator(tmp_path / "one.npz")
    assert (found.name, found.sizes, found.about) == ("patch", SIZES, {"of": "gravel.png"})
    ours, theirs = arrays(trained), arrays(found)
    assert ours.keys() == theirs.keys() and "conv1/norm.running_var" in ours
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    write_generator(tmp_path / "two.npz", found)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize(
    "change, cause",
    [
        (lambda meta, arrays: arrays.pop("conv5.weight"), "it lacks 'conv5.weight'"),
        (lambda meta, arrays: arrays.update(more=np.ones(3, np.float32)), "'more' belongs to no layer"),
        (lambda meta, arrays: arrays.update({"conv5.bias": np.ones(4, np.float32)}), "conv5.bias is float32"),
        (lambda meta, arrays: arrays.update({"conv5.bias": np.ones(3)}), "conv5.bias is float64"),
        (
            lambda meta, arrays: arrays.update({"conv5.bias": np.full(3, np.nan, np.float32)}),
            "or not finite",
        ),
        (
            lambda meta, arrays: arrays.update({"conv1/norm.running_var": np.full(16, -1, np.float32)}),
            "has a variance below 0",
        ),
        (lambda meta, arrays: meta.update(generator="dense"), "not the sizes of a generator 'dense'"),
        (lambda meta, arrays: meta.update(sizes={"noise": 3, "width": 10**9}), "not the sizes"),
        (lambda meta, arrays: meta.update(sizes=[3, 4]), "is no generator"),
        (lambda meta, arrays: meta.update(about="gravel"), "makes no sense"),
        (lambda meta, arrays: meta.pop("sizes"), "it lacks 'sizes'"),
    ],
)
def test_anything_else_is_refused(change, cause, trained, tmp_path):
    """Each in one line with the path and the cause."""
    meta, held = {"generator": "patch", "sizes": dict(SIZES), "about": {}}, arrays(trained)
    change(meta, held)
    write_npz(tmp_path / "bad.npz", FORMAT, meta, held)
    with pytest.raises(NstError, match=r"bad\.npz") as caught:
        read_generator(tmp_path / "bad.npz")
    assert cause in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path):
    """A trained classifier, or a checkpoint, is no generator."""
    write_npz(tmp_path / "other.npz", "nst trained network 1", {}, {})
    with pytest.raises(NstError, match="its format is not"):
        read_generator(tmp_path / "other.npz")
