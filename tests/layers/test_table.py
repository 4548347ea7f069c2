"""What every layer of the table keeps, whatever it computes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import nst.layers
from nst import kernels
from nst.checks import check_layer
from nst.checks.cases import CASES, Case
from nst.layers import Dropout, InstanceNorm, LRNAcross, LRNWithin, Preprocess
from nst.layers.base import Layer
from tests.tolerances import ADJOINT, LAYER_LIMIT, assert_close

every_case = pytest.mark.parametrize("case", CASES, ids=str)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])

LAYOUTS = {
    "fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "negative strides": lambda a: np.ascontiguousarray(a[::-1, ..., ::-1])[::-1, ..., ::-1],
    "read-only": lambda a: _locked(a.copy()),
}


def _locked(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _each(function: Any, x: Any) -> Any:
    """Apply a function to an array, or to each of a list of arrays."""
    return [function(part) for part in x] if isinstance(x, list) else function(x)


def _parts(x: Any) -> list[np.ndarray]:
    return x if isinstance(x, list) else [x]


def _built(case: Case, dtype: type = np.float64) -> tuple[Any, Any]:
    layer, x = case.build()
    return layer.astype(dtype), _each(lambda part: part.astype(dtype), x)


def _forward(case: Case, layer: Any, x: Any) -> tuple[np.ndarray, Any]:
    """Run a copy, with a generator in the same state, so that a dropout draws the same mask each time."""
    return copy.deepcopy(layer).forward(x, **case.mode())


def _all(case: Case, layer: Any, x: Any, seed: int = 1, layout: Any = lambda a: a) -> list[np.ndarray]:
    """Return y, dx and the parameters' gradients for a random dy."""
    y, saved = _forward(case, layer, x)
    dy = layout(np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype))
    gradients = layer.gradients(dy, saved)
    return [y, *_parts(layer.backward(dy, saved)), *(gradients[name] for name in sorted(gradients))]


def _nbytes(saved: Any) -> int:
    if isinstance(saved, np.ndarray):
        return saved.nbytes
    return sum(_nbytes(part) for part in saved) if isinstance(saved, (tuple, list)) else 0


def test_every_layer_is_in_the_table() -> None:
    """A layer cannot be exported without joining the table."""
    exported = {
        name
        for name in nst.layers.__all__
        if isinstance(found := getattr(nst.layers, name), type)
        and issubclass(found, Layer)
        and found is not Layer
    }
    assert exported == {case.layer for case in CASES}


def test_names_are_unique() -> None:
    """A case is found by its layer and its setting."""
    assert len({str(case) for case in CASES}) == len(CASES)


@every_case
def test_the_mode_is_given_where_there_is_one(case: Case) -> None:
    """Cases of layers that behave differently in training say which behaviour they check."""
    assert case.build()[0].has_mode == (case.training is not None)


@every_case
@pytest.mark.parametrize("seed", [0, 1])
def test_gradient(case: Case, seed: int) -> None:
    """Backward and parameter gradients agree with differences, for random cotangents in float64."""
    report = case.report(*case.build(seed), seed)
    assert not report.faults
    assert report.worst < LAYER_LIMIT


@pytest.mark.parametrize("case", [case for case in CASES if case.linear], ids=str)
def test_adjoint(case: Case) -> None:
    """The backward pass of a linear layer is its transpose: <Ax, y> = <x, A'y>."""
    layer, x = _built(case)
    y, saved = _forward(case, layer, x)
    offset, _ = _forward(case, layer, _each(np.zeros_like, x))
    dy = np.random.default_rng(2).standard_normal(y.shape)
    ahead = np.vdot(y - offset, dy)
    back = sum(np.vdot(a, b) for a, b in zip(_parts(x), _parts(layer.backward(dy, saved)), strict=True))
    assert abs(ahead - back) <= ADJOINT * np.linalg.norm(y - offset) * np.linalg.norm(dy)


@every_case
def test_float32_agrees_with_float64(case: Case) -> None:
    """In float32 a layer is as far from float64 as rounding explains."""
    layer, x = _built(case, np.float32)
    wide = layer.astype(np.float64), _each(lambda part: part.astype(np.float64), x)
    length = max(part.size for part in _parts(x))
    y, saved = _forward(case, layer, x)
    y64, saved64 = _forward(case, *wide)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    pairs = [(y, y64)]
    pairs += zip(
        _parts(layer.backward(dy, saved)),
        _parts(wide[0].backward(dy.astype(np.float64), saved64)),
        strict=True,
    )
    exact = wide[0].gradients(dy.astype(np.float64), saved64)
    pairs += [(found, exact[name]) for name, found in layer.gradients(dy, saved).items()]
    for narrow, expected in pairs:
        assert_close(narrow, expected, length=length, dtype=np.float32)


WITH_KERNELS = ("Conv2d", "ConvReLU", "TransposedConv2d", "MaxPool2d", "AvgPool2d", "FilterResponseNorm")


@pytest.mark.parametrize("case", [c for c in CASES if c.layer in WITH_KERNELS], ids=str)
def test_fast_kernels_agree_with_the_reference(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels chosen for float32 agree with the NumPy definition, forward and in both backward passes."""
    layer, x = _built(case, np.float32)
    fast = _all(case, layer, x)
    monkeypatch.setattr(kernels, "FORCED", "reference")
    for found, expected in zip(fast, _all(case, layer, x), strict=True):
        assert_close(found, expected, length=x.size)


@every_case
@both_dtypes
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(case: Case, dtype: type, layout: str) -> None:
    """Inputs and cotangents of any memory layout, or read-only, give the same result."""
    layer, x = _built(case, dtype)
    arrange = LAYOUTS[layout]
    plain = _all(case, layer, x)
    arranged = _all(case, layer, _each(arrange, x), layout=arrange)
    for found, expected in zip(arranged, plain, strict=True):
        assert_close(found, expected, length=max(part.size for part in _parts(x)))


@every_case
@both_dtypes
def test_nothing_given_is_changed(case: Case, dtype: type) -> None:
    """Neither x nor dy nor the layer's own arrays are written to, and neither are the results of forward."""
    layer, x = _built(case, dtype)
    y, saved = _forward(case, layer, x)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    given = [*_parts(x), y, dy, *layer.state().values()]
    before = [array.copy() for array in given]
    layer.backward(dy, saved)
    layer.gradients(dy, saved)
    _forward(case, layer, x)
    for array, copied in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copied)


@every_case
@both_dtypes
def test_empty_batch(case: Case, dtype: type) -> None:
    """A batch without pictures goes through, comes back, and moves no parameter."""
    layer, x = _built(case, dtype)
    empty = _each(lambda part: part[:0], x)
    full, _ = _forward(case, layer, x)
    y, saved = _forward(case, layer, empty)
    assert y.shape == (0, *full.shape[1:])
    for dx, part in zip(_parts(layer.backward(y, saved)), _parts(empty), strict=True):
        assert dx.shape == part.shape
    for name, gradient in layer.gradients(y, saved).items():
        np.testing.assert_array_equal(gradient, np.zeros_like(getattr(layer, name)))


PICTURES = [
    case
    for case in CASES
    if np.ndim(_parts(case.build()[1])[0]) == 4
    and case.layer not in ("Concat", "Add")
    and case.what != "as large as the picture"
]


@pytest.mark.parametrize("case", PICTURES, ids=str)
def test_odd_and_even_sizes(case: Case) -> None:
    """The derivative is right too when the picture has a row, a column, or both less."""
    layer, x = case.build()
    for cropped in (x[:, 1:], x[:, :, 1:], x[:, 1:, 1:]):
        assert case.report(layer, cropped).worst < LAYER_LIMIT


@every_case
def test_shape_is_foretold(case: Case) -> None:
    """`output_shape` tells the shape of the output from that of the input."""
    layer, x = _built(case)
    y, _ = _forward(case, layer, x)
    assert layer.output_shape(_each(np.shape, x)) == y.shape


@every_case
@both_dtypes
def test_same_bytes_twice(case: Case, dtype: type) -> None:
    """The same call gives the same bytes, with several threads too."""
    layer, x = _built(case, dtype)
    for first, second in zip(_all(case, layer, x), _all(case, layer, x), strict=True):
        assert first.tobytes() == second.tobytes()


@every_case
@both_dtypes
def test_two_forwards_then_one_backward(case: Case, dtype: type) -> None:
    """The layer hides no state: another forward pass in between changes nothing."""
    layer, x = _built(case, dtype)
    expected = _all(case, layer, x)
    mode = case.mode()
    y, saved = layer.forward(x, **mode)
    layer.forward(_each(lambda part: part[::-1] + part.dtype.type(1), x), **mode)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    gradients = layer.gradients(dy, saved)
    found = [y, *_parts(layer.backward(dy, saved)), *(gradients[name] for name in sorted(gradients))]
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@every_case
@both_dtypes
def test_dtype_is_kept(case: Case, dtype: type) -> None:
    """Forward and backward return the dtype that they are given, even if the layer holds another."""
    layer, x = _built(case, dtype)
    other = layer.astype(np.float64 if dtype is np.float32 else np.float32)
    for held in (layer, other):
        assert {array.dtype for array in _all(case, held, x)} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "layer",
    [
        LRNAcross(5, *np.array([1e-4, 0.75, 2.0])),
        LRNWithin(3, *np.array([1e-4, 0.75, 2.0])),
        Dropout(np.float64(0.5)),
        InstanceNorm(None, None, eps=np.float64(1e-3)),
        Preprocess(np.zeros(3), np.float64(2.0)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_numbers_out_of_a_file_keep_the_dtype(layer: Layer) -> None:
    """Options given as NumPy's float64 scalars, as files hold them, leave float32 as it is."""
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 3)).astype(np.float32)
    y, saved = layer.forward(x, *[np.random.default_rng(0)] * layer.has_mode)
    assert y.dtype == layer.backward(y, saved).dtype == np.float32


@every_case
def test_frozen(case: Case) -> None:
    """A frozen layer has no gradients, saves no more than before, and pulls back the same."""
    layer, x = _built(case)
    y, saved = _forward(case, layer, x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    frozen = copy.deepcopy(layer)
    frozen.frozen = True
    y_frozen, saved_frozen = _forward(case, frozen, x)
    np.testing.assert_array_equal(y_frozen, y)
    assert frozen.gradients(dy, saved_frozen) == {}
    assert _nbytes(saved_frozen) <= _nbytes(saved)
    for found, expected in zip(
        _parts(frozen.backward(dy, saved_frozen)), _parts(layer.backward(dy, saved)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


SAVE_FOR_WEIGHTS = ("Conv2d", "TransposedConv2d", "Linear")


@pytest.mark.parametrize("case", [case for case in CASES if case.layer in SAVE_FOR_WEIGHTS], ids=str)
def test_frozen_linear_layers_save_no_array(case: Case) -> None:
    """The input is kept for the weights' gradient alone, so a frozen network does not keep it."""
    layer, x = _built(case)
    layer.frozen = True
    assert _nbytes(_forward(case, layer, x)[1]) == 0


def test_a_layer_out_of_order_is_noticed() -> None:
    """The table's check is not vacuous: an identity whose backward doubles fails it."""

    class Doubled(Layer):
        def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
            return x.copy(), None

        def backward(self, dy: np.ndarray, saved: None) -> np.ndarray:
            return 2 * dy

    assert check_layer(Doubled(), np.ones((2, 3))).worst > LAYER_LIMIT
