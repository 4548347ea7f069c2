"""The losses of distillation: their values at known points, dtypes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from nst import kernels
from nst.errors import NstError
from nst.losses import rectified_regression_loss, regression_loss, relative_gram_loss
from tests.tolerances import assert_close


def test_regression_is_a_share_of_the_target():
    """Nothing said leaves all of the target, half of it a quarter of its square, and all of it nothing."""
    target = np.random.default_rng(0).standard_normal((20, 4))
    for share, left in ((0.0, 1.0), (0.5, 0.25), (1.0, 0.0)):
        value, gradient = regression_loss(target, share * np.eye(4), target)
        assert value == pytest.approx(left, abs=1e-15)
        assert gradient.shape == target.shape


def test_rectified_regression_asks_for_no_more_than_is_needed():
    """Where the teacher speaks the error counts on both sides, where it is silent that of what is heard alone."""
    answers, target = np.array([[3.0], [-1.0], [0.5], [-7.0]]), np.array([[2.0], [2.0], [0.0], [0.0]])
    value, gradient = rectified_regression_loss(answers, target)
    assert value == (1 + 9 + 0.25) / 8
    assert gradient.ravel().tolist() == [2 / 8 * error for error in (1, -3, 0.5, 0)]
    assert rectified_regression_loss(answers, target, whole=41.0)[0] == 10.25 / 41


@pytest.mark.parametrize("readout", [None, np.eye(3)], ids=["as they are", "read out by the identity"])
def test_gram_error_is_a_share_of_the_target(readout):
    """Features 1.1 times too large have a Gram matrix that is off by 0.21 of it; a readout of 1 changes nothing."""
    features = np.random.default_rng(1).standard_normal((30, 3))
    gram = features.T @ features / 30
    assert relative_gram_loss(1.1 * features, readout, gram)[0] == pytest.approx(0.21)
    exact = kernels.select(features.dtype).gram_sum(features) / 30
    value, gradient = relative_gram_loss(features, readout, exact)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_float32_is_as_good(dtype):
    """Both losses compute in the dtype that they are given, and agree with float64."""
    rng = np.random.default_rng(2)
    f, r, t = (rng.standard_normal(shape) for shape in ((500, 6), (6, 9), (500, 9)))
    gram = t.T @ t / 500
    for loss, third in ((regression_loss, t), (relative_gram_loss, gram)):
        exact, given = loss(f, r, third), loss(f.astype(dtype), r.astype(dtype), third.astype(dtype))
        assert given[1].dtype == dtype
        assert given[0] == pytest.approx(exact[0], rel=1e-5)
        assert_close(given[1], exact[1], length=500)


def test_shapes_that_do_not_fit_are_refused():
    """Each loss names the shapes."""
    f, r = np.ones((4, 3)), np.ones((3, 5))
    for target in (np.ones((4, 6)), np.ones((5, 5))):
        with pytest.raises(NstError, match="no prediction of"):
            regression_loss(f, r, target)
    for readout, gram in ((r, np.eye(4)), (None, np.eye(5)), (np.ones((2, 5)), np.eye(5))):
        with pytest.raises(NstError, match="no Gram matrix like"):
            relative_gram_loss(f, readout, gram)
