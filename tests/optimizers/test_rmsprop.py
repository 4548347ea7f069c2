"""RMSProp: the values that CS231n publishes, PyTorch's, resuming, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.optimizers import RMSProp
from tests.optimizers.test_sgd import named, one

# CS231n's assignment 2 (Stanford), "FullyConnectedNets": the weights and their cache after one step.
WEIGHTS = [
    [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247],
    [-0.132737, -0.08078555, -0.02881884, 0.02316247, 0.07515774],
    [0.12716641, 0.17918792, 0.23122175, 0.28326742, 0.33532447],
    [0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619],
]
CACHE = [
    [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321],
    [0.67329252, 0.68859723, 0.70395734, 0.71937285, 0.73484377],
    [0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936],
    [0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926],
]


def test_the_values_are_cs231ns():
    """From given weights, gradients and running squares, to all the digits that are published."""
    w, gradient, cache = (
        np.linspace(*ends, 20).reshape(4, 5) for ends in ((-0.4, 0.6), (-0.6, 0.4), (0.6, 0.9))
    )
    optimizer = RMSProp()
    optimizer.load({"fc.weight": cache})
    optimizer.update({"fc": {"weight": w}}, {"fc": {"weight": gradient}}, 1e-2)
    np.testing.assert_allclose(w, WEIGHTS, rtol=0, atol=6e-9)
    np.testing.assert_allclose(optimizer.state()["fc.weight"], CACHE, rtol=0, atol=6e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_five_steps_are_those_of_torch(dtype):
    """With a rate that changes on the way, it agrees with PyTorch's RMSprop at its defaults."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    parameters = named(rng, dtype)
    theirs = {(a, b): torch.tensor(w) for a, of in parameters.items() for b, w in of.items()}
    ours, oracle = RMSProp(), torch.optim.RMSprop(theirs.values(), 1)
    for rate in (0.1, 0.1, 0.01, 0.01, 0.5):
        gradients = named(rng, dtype)
        ours.update(parameters, gradients, rate)
        oracle.param_groups[0]["lr"] = rate
        for (layer, name), tensor in theirs.items():
            tensor.grad = torch.tensor(gradients[layer][name])
        oracle.step()
    for (layer, name), tensor in theirs.items():
        np.testing.assert_allclose(parameters[layer][name], tensor, atol=50 * np.finfo(dtype).eps)


def test_the_first_step_does_not_depend_on_the_size_of_the_gradient():
    """It is ten rates long, 1 / sqrt(1 - 0.99), for a gradient of a million as for one of a thousandth."""
    for size in (1e6, -1e-3):
        w = one(0.0)
        RMSProp().update(w, one(size), 0.1)
        assert w["fc"]["weight"][0] == pytest.approx(-np.sign(size), rel=1e-3)


def test_resuming_gives_the_same_bytes():
    """A state that was taken out and put into a fresh optimiser leads to the same weights to the bit."""
    rng = np.random.default_rng(2)
    whole, gradients = named(rng, np.float32), [named(rng, np.float32) for _ in range(4)]
    cut = {layer: {name: array.copy() for name, array in of.items()} for layer, of in whole.items()}
    uninterrupted, first, second = RMSProp(), RMSProp(), RMSProp()
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


def test_what_does_not_fit_is_refused():
    """A gradient of another shape, or of nothing, moves nothing; squares below 0 or not finite are no state."""
    optimizer, w = RMSProp(), one(1.0)
    for strange in ({"fc": {"weight": np.ones(4)}}, {"other": {"weight": np.ones(1)}}):
        with pytest.raises(NstError, match="start afresh"):
            optimizer.update(w, strange, 0.1)
    assert w["fc"]["weight"][0] == 1 and not optimizer.state()
    for bad in (np.array([-1.0]), np.array([np.nan]), np.array(["a"])):
        with pytest.raises(NstError, match="makes no sense"):
            optimizer.load({"fc.weight": bad})
    for wrong in ({"decay": 1.0}, {"eps": 0.0}):
        with pytest.raises(ValueError, match="is not"):
            RMSProp(**wrong)
