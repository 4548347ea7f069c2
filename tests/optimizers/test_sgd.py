"""SGD: a sequence worked out by hand, PyTorch's, resuming, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.kernels import cpu, reference
from nst.optimizers import SGD, SPARED, Groups


def one(value: float) -> dict[str, dict[str, np.ndarray]]:
    return {"fc": {"weight": np.array([value])}}


@pytest.mark.parametrize(
    "nesterov, expected",
    # gradients 1, 2, 0; rate 0.1; momentum 0.5. v = 1, 2.5, 1.25
    [(False, [-0.1, -0.35, -0.475]), (True, [-0.15, -0.475, -0.5375])],
)
def test_a_sequence_worked_out_by_hand(nesterov, expected):
    """Three steps in one dimension, with classical momentum and with Nesterov's."""
    optimizer, w = SGD(momentum=0.5, nesterov=nesterov), one(0.0)
    for gradient, value in zip((1.0, 2.0, 0.0), expected, strict=True):
        optimizer.update(w, one(gradient), 0.1)
        assert w["fc"]["weight"][0] == pytest.approx(value, abs=1e-15)


def test_weight_decay_alone_shrinks_by_rate_times_decay():
    """Without a gradient or momentum each step multiplies the parameters by 1 - rate decay."""
    w = one(8.0)
    SGD(momentum=0, nesterov=False, weight_decay=0.5).update(w, one(0.0), 0.5)
    assert w["fc"]["weight"][0] == 6.0


def named(rng: np.random.Generator, dtype: type) -> dict[str, dict[str, np.ndarray]]:
    """Return parameters, or gradients, of two layers; one array is larger than what a kernel's task takes."""
    shapes = {"conv": {"weight": (3, 3, 40, 50), "bias": (50,)}, "fc": {"weight": (7, 5)}}
    return {
        layer: {name: rng.standard_normal(shape).astype(dtype) for name, shape in of.items()}
        for layer, of in shapes.items()
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("how", [(0.9, True, 5e-4), (0.9, False, 0.0), (0.0, False, 0.1)], ids=str)
def test_five_steps_are_those_of_torch(how, dtype):
    """Momentum of both kinds and weight decay, with a rate that changes on the way, agree with PyTorch's SGD."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    parameters = named(rng, dtype)
    theirs = {(a, b): torch.tensor(w) for a, of in parameters.items() for b, w in of.items()}
    ours, oracle = SGD(*how), torch.optim.SGD(theirs.values(), 1, how[0], 0, how[2], how[1])
    for rate in (0.1, 0.1, 0.01, 0.01, 0.5):
        gradients = named(rng, dtype)
        ours.update(parameters, gradients, rate)
        oracle.param_groups[0]["lr"] = rate
        for (layer, name), tensor in theirs.items():
            tensor.grad = torch.tensor(gradients[layer][name])
        oracle.step()
    for (layer, name), tensor in theirs.items():
        np.testing.assert_allclose(parameters[layer][name], tensor, atol=30 * np.finfo(dtype).eps)


def test_groups_are_those_of_torch():
    """A tenth of the rate for one layer, and no decay for biases, are what PyTorch's parameter groups are."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    parameters = named(rng, np.float64)
    theirs = {(a, b): torch.tensor(w) for a, of in parameters.items() for b, w in of.items()}
    groups = [
        {"params": [tensor], "lr": 0.1 if layer == "conv" else 1, "weight_decay": 0.3 * (name != "bias")}
        for (layer, name), tensor in theirs.items()
    ]
    ours = SGD(0.9, True, 0.3, Groups([("conv", 0.1)], decays=SPARED))
    oracle = torch.optim.SGD(groups, 1, 0.9, nesterov=True)
    for rate in (0.1, 0.1, 0.01):
        gradients = named(rng, np.float64)
        ours.update(parameters, gradients, rate)
        for (layer, name), tensor in theirs.items():
            tensor.grad = torch.tensor(gradients[layer][name])
        for group, (layer, _) in zip(oracle.param_groups, theirs, strict=True):
            group["lr"] = rate * (0.1 if layer == "conv" else 1)
        oracle.step()
    for (layer, name), tensor in theirs.items():
        np.testing.assert_allclose(parameters[layer][name], tensor, atol=1e-14)


def test_the_first_glob_that_matches_counts():
    """A glob may name the parameter, the layer or many layers; the order decides, and the rest has the factor 1."""
    groups = Groups([("fire9/*", 0.5), ("fire*.bias", 0.0), ("fire*", 0.1)], decays=[("conv10.bias", 0)])
    assert groups.factors("fire9/squeeze1x1.bias") == (0.5, 1)
    assert groups.factors("fire8/squeeze1x1.bias") == (0, 1)
    assert groups.factors("fire8/squeeze1x1.weight") == (0.1, 1)
    assert groups.factors("conv10.bias") == (1, 0)


def test_a_rate_for_nothing_is_refused():
    """A misspelt glob would leave a layer at full speed in silence; decays may spare what a network lacks."""
    groups = Groups([("conv*", 0.1), ("fir*", 0.1)], decays=SPARED)
    groups.check(["conv1.weight", "fire2.weight"])
    with pytest.raises(NstError, match=r"'fir\*'"):
        groups.check(["conv1.weight"])
    with pytest.raises(ValueError, match="below 0"):
        Groups([("*", -1)])


@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("nesterov", [True, False])
def test_the_fast_step_is_the_definition(nesterov, contiguous):
    """Parameters and velocity, both in place, agree with the definition in float64; a view with gaps moves too."""
    w, g, v = np.random.default_rng(1).standard_normal((3, 40_000, 2), np.float32)
    expected = [array.astype(np.float64) for array in (w, g, v)]
    if not contiguous:
        w, g, v = (np.repeat(array, 2, axis=1)[:, ::2] for array in (w, g, v))
    how = 0.1, 0.9, 0.01, nesterov
    cpu.sgd_step(w, g, v, *how)
    reference.sgd_step(*expected, *how)
    for found, right in zip((w, g, v), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6)


def test_it_moves_what_has_a_gradient_and_nothing_else():
    """A parameter without gradient keeps its bytes; gradients are not written into."""
    rng = np.random.default_rng(2)
    parameters, gradients = named(rng, np.float32), {"fc": named(rng, np.float32)["fc"]}
    before, given = parameters["conv"]["weight"].copy(), gradients["fc"]["weight"].copy()
    SGD(weight_decay=0.1).update(parameters, gradients, 0.1)
    np.testing.assert_array_equal(parameters["conv"]["weight"], before)
    np.testing.assert_array_equal(gradients["fc"]["weight"], given)


def test_a_resumed_run_gives_the_same_bytes():
    """Saved after two steps and loaded into another optimiser, it goes on to the same parameters."""
    rng = np.random.default_rng(3)
    parameters = named(rng, np.float32)
    all_gradients = [named(rng, np.float32) for _ in range(4)]
    whole = SGD()
    for gradients in all_gradients[:2]:
        whole.update(parameters, gradients, 0.1)
    copy = {layer: {name: w.copy() for name, w in of.items()} for layer, of in parameters.items()}
    resumed = SGD()
    resumed.load({name: v.copy() for name, v in whole.state().items()})
    for gradients in all_gradients[2:]:
        whole.update(parameters, gradients, 0.1)
        resumed.update(copy, gradients, 0.1)
    assert copy["conv"]["weight"].tobytes() == parameters["conv"]["weight"].tobytes()


def test_what_does_not_belong_together_is_refused_and_nothing_moves():
    """A gradient of another shape or of no parameter, and a velocity of another network, each end in one line."""
    w = {"conv": {"weight": np.zeros(3)}, "fc": {"weight": np.ones(2)}}
    optimizer = SGD()
    for wrong in ({"weight": np.zeros(3)}, {"bias": np.zeros(2)}):
        with pytest.raises(NstError, match="SGD: fc"):
            optimizer.update(w, {"conv": {"weight": np.ones(3)}, "fc": wrong}, 1)
    optimizer.load({"conv.weight": np.zeros(4)})
    with pytest.raises(NstError, match=r"its velocity \(4,\)"):
        optimizer.update(w, {"conv": {"weight": np.ones(3)}}, 1)
    assert not w["conv"]["weight"].any()


@pytest.mark.parametrize("velocity", [np.array([np.nan]), np.array([1])], ids=str)
def test_a_state_that_makes_no_sense_is_refused(velocity):
    """NaN, or whole numbers, are no velocity."""
    with pytest.raises(NstError, match=r"fc\.weight"):
        SGD().load({"fc.weight": velocity})


def test_impossible_settings_are_refused():
    """A momentum of 1 would never forget, and a negative weight decay would blow up."""
    with pytest.raises(ValueError, match="momentum"):
        SGD(momentum=1.0)
    with pytest.raises(ValueError, match="weight decay"):
        SGD(weight_decay=-1.0)
