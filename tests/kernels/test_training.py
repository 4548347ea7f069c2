"""The gradient of a convolution's weights, direct and by Winograd's algorithm, against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from nst.kernels import cpu_training, cpu_weights, reference
from nst.kernels.vectors import SIMD
from nst.kernels.winograd_points import F2, F4
from tests.tolerances import assert_close

pytestmark = pytest.mark.skipif(SIMD == "plain", reason="this machine's vectors are unknown")

# batch, height, width, channels in and out, padding: whole tiles and parts of them, whole vectors and parts of them,
# more tiles than one sum runs over, maps of one pixel, windows that see padding alone
WINOGRAD = [
    (2, 8, 8, 16, 64, ((1, 1), (1, 1))),
    (1, 9, 7, 16, 16, ((1, 1), (1, 1))),
    (3, 13, 14, 19, 70, ((1, 1), (1, 1))),
    (2, 12, 11, 18, 17, ((0, 0), (0, 0))),
    (1, 5, 6, 20, 130, ((2, 0), (0, 3))),
    (5, 1, 1, 17, 16, ((1, 1), (1, 1))),
    (20, 16, 16, 16, 16, ((1, 1), (1, 1))),
]


def operands(n, h, w, c_in, c_out, padding):
    """Return dy, x and the shape of the weights."""
    rng = np.random.default_rng(h * w)
    out = h + sum(padding[0]) - 2, w + sum(padding[1]) - 2
    dy = rng.standard_normal((n, *out, c_out), np.float32)
    return dy, rng.standard_normal((n, h, w, c_in), np.float32), (3, 3, c_in, c_out)


@pytest.mark.parametrize("matrices", [F2, F4], ids=["F2", "F4"])
@pytest.mark.parametrize("case", WINOGRAD, ids=str)
def test_winograds_way_is_the_definition(case, matrices):
    """For both tile sizes it agrees with the definition in float64, to a few times the rounding of a direct sum."""
    dy, x, shape = operands(*case)
    found = cpu_training._winograd(dy, x, matrices, case[-1])
    how = shape, (1, 1), case[-1]
    expected = reference.conv2d_backward_weights(dy.astype(np.float64), x.astype(np.float64), *how)
    assert found.dtype == np.float32
    assert_close(found, expected, length=4 * dy.size // shape[-1])


# the shape of x, kernel, outputs, stride, padding: panels of each width and parts of them, several blocks of outputs,
# more places in a row than one sum runs over, several parts, short rows, and windows that see padding alone
DIRECT = [
    ((2, 9, 7, 3), (3, 3), 16, (1, 1), ((1, 1), (1, 1))),
    ((1, 6, 600, 16), (3, 3), 3, (1, 1), ((0, 0), (1, 0))),
    ((1, 41, 70, 32), (3, 2), 9, (2, 3), ((1, 0), (0, 1))),
    ((3, 12, 12, 20), (5, 4), 130, (2, 1), ((2, 2), (4, 0))),
    ((2, 33, 35, 24), (1, 1), 67, (1, 1), ((0, 0), (0, 0))),
    ((2, 5, 5, 7), (1, 1), 5, (2, 2), ((0, 0), (0, 0))),
    ((4, 1, 1, 10), (3, 3), 50, (1, 1), ((1, 1), (1, 1))),
    ((70, 4, 4, 10), (4, 4), 50, (2, 2), ((1, 1), (1, 1))),
]


@pytest.mark.parametrize("case", DIRECT, ids=str)
def test_the_direct_way_is_the_definition(case):
    """Whatever the shape, it agrees with the definition in float64, to the rounding of a sum."""
    shape, kernel, c_out, stride, padding = case
    rng, weight_shape = np.random.default_rng(0), (*kernel, shape[3], c_out)
    x = rng.standard_normal(shape, np.float32)
    out = reference.conv2d_forward(x, np.zeros(weight_shape, np.float32), None, stride, padding).shape
    dy = rng.standard_normal(out, np.float32)
    found = cpu_weights.backward_weights(dy, x, weight_shape, stride, padding)
    how = weight_shape, stride, padding
    expected = reference.conv2d_backward_weights(dy.astype(np.float64), x.astype(np.float64), *how)
    assert found.dtype == np.float32
    assert_close(found, expected, length=dy.size // c_out)


def test_the_cheapest_way_is_chosen():
    """Large maps take large tiles, maps of 2 x 2 small ones, and a map of one pixel none."""
    assert cpu_training._cheapest((32, 32)) is F4
    assert cpu_training._cheapest((2, 2)) is F2
    assert cpu_training._cheapest((1, 1)) is None


@pytest.mark.parametrize("channels", [4, 32], ids=["direct", "Winograd"])
def test_a_sum_over_many_places_keeps_its_digits(channels):
    """Over a quarter of a megapixel of positive numbers the error stays that of a short sum."""
    rng = np.random.default_rng(0)
    dy, x = rng.uniform(0.5, 1, (2, 1, 512, 512, channels)).astype(np.float32)
    found = cpu_training.conv2d_backward_weights(dy, x, (3, 3, channels, channels), padding=((1, 1), (1, 1)))
    middle = np.tensordot(x[0].astype(np.float64), dy[0].astype(np.float64), axes=((0, 1),) * 2)
    np.testing.assert_allclose(found[1, 1], middle, rtol=1e-5)
