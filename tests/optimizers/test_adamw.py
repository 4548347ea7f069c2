"""AdamW: Adam's own steps, PyTorch's, resuming, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.optimizers import Adam, AdamW, Groups
from tests.optimizers.test_sgd import named


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_decay_it_is_adam(dtype):
    """One array moves as the picture that `Adam` moves, to the bit."""
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((8, 9)).astype(dtype), rng.standard_normal((5, 8, 9)).astype(dtype)
    w, picture = {"fc": {"weight": start.copy()}}, start
    by_name, of_picture = AdamW(), Adam(learning_rate=0.01)
    for gradient in gradients:
        by_name.update(w, {"fc": {"weight": gradient}}, 0.01)
        picture = of_picture.step(lambda x, gradient=gradient: (0.0, gradient), picture).x
    assert np.array_equal(w["fc"]["weight"], picture)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_five_steps_are_those_of_torch(dtype):
    """With decoupled decay, another rate for one layer and a rate that changes, it agrees with PyTorch's AdamW."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    ours = named(rng, dtype)
    theirs = {
        (layer, name): torch.nn.Parameter(torch.tensor(array))
        for layer, of in ours.items()
        for name, array in of.items()
    }
    optimizer = AdamW(beta2=0.99, weight_decay=0.1, groups=Groups([("fc", 0.5)]))
    groups = [{"params": [w], "lr": 0.5 if layer == "fc" else 1.0} for (layer, _), w in theirs.items()]
    oracle = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    base = [group["lr"] for group in oracle.param_groups]
    for rate in (0.1, 0.05, 0.02, 0.02, 0.01):
        gradients = named(rng, dtype)
        optimizer.update(ours, gradients, rate)
        for (layer, name), w in theirs.items():
            w.grad = torch.tensor(gradients[layer][name])
        for group, own in zip(oracle.param_groups, base, strict=True):
            group["lr"] = own * rate
        oracle.step()
    limit = 1e-5 if dtype == np.float32 else 1e-13
    for (layer, name), w in theirs.items():
        assert np.abs(ours[layer][name] - w.detach().numpy()).max() < limit


def test_resuming_gives_the_same_bytes():
    """A state that was taken out and put into a fresh optimiser leads to the same weights to the bit."""
    rng = np.random.default_rng(2)
    whole, gradients = named(rng, np.float32), [named(rng, np.float32) for _ in range(4)]
    cut = {layer: {name: array.copy() for name, array in of.items()} for layer, of in whole.items()}
    uninterrupted, first, second = AdamW(), AdamW(), AdamW()
    for gradient in gradients:
        uninterrupted.update(whole, gradient, 0.1)
    for gradient in gradients[:2]:
        first.update(cut, gradient, 0.1)
    second.load({name: array.copy() for name, array in first.state().items()})
    for gradient in gradients[2:]:
        second.update(cut, gradient, 0.1)
    for layer, of in whole.items():
        for name, array in of.items():
            assert np.array_equal(array, cut[layer][name])


def test_each_parameter_counts_its_own_steps():
    """One that joins after a thousand steps of another begins as if it were alone: by one rate, for any gradient."""
    optimizer, w = AdamW(), {"old": {"weight": np.zeros(3)}, "new": {"weight": np.zeros(3)}}
    for _ in range(1000):
        optimizer.update(w, {"old": {"weight": np.ones(3)}}, 0.1)
    optimizer.update(w, {"new": {"weight": np.array([1.0, -7.0, 1e-3])}}, 0.1)
    assert np.allclose(w["new"]["weight"], [-0.1, 0.1, -0.1], rtol=1e-4)


def test_what_does_not_fit_is_refused():
    """A gradient of another shape moves nothing; a state that lacks a mean, or is not finite, is refused."""
    optimizer, w = AdamW(), {"fc": {"weight": np.ones(3)}}
    with pytest.raises(NstError, match=r"fc.weight is \(3,\), its gradient \(4,\)"):
        optimizer.update(w, {"fc": {"weight": np.ones(4)}}, 0.1)
    assert np.array_equal(w["fc"]["weight"], np.ones(3)) and not optimizer.state()
    with pytest.raises(NstError, match="incomplete"):
        AdamW().load({"t.fc.weight": np.array(1), "m.fc.weight": np.ones(3)})
    good = {"m.fc.weight": np.ones(3), "v.fc.weight": np.ones(3), "t.fc.weight": np.array(1)}
    AdamW().load(good)
    for bad in (
        {"v.fc.weight": np.full(3, np.nan)},
        {"v.fc.weight": np.full(3, -1.0)},
        {"m.fc.weight": np.array(["a", "b", "c"])},
        {"t.fc.weight": np.array(-1)},
    ):
        with pytest.raises(NstError, match="makes no sense"):
            AdamW().load({**good, **bad})
    with pytest.raises(NstError, match="incomplete"):
        AdamW().load({**good, "t.fc.weight": np.array(np.inf)})
