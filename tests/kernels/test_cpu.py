"""The fast kernels against the reference: a grid of ordinary, odd and extreme shapes, and one or two threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nst import kernels
from nst.kernels import cpu, reference
from tests.tolerances import assert_close

NONE = ((0, 0), (0, 0))
ONE = ((1, 1), (1, 1))


def same(kernel: int):
    return ((kernel // 2, kernel // 2),) * 2


CONVOLUTIONS = [  # batch, image (H, W), channels in -> out, kernel, stride, padding, groups
    *[
        (1, (6, 7), c, d, (3, 3), (1, 1), ONE, 1)
        for c, d in [(1, 1), (3, 64), (7, 9), (8, 65), (63, 3), (130, 66)]
    ],
    *[(1, (12, 13), 3, 5, (k, k), (1, 1), same(k), 1) for k in (1, 2, 5, 7, 11)],
    *[(2, (11, 14), 5, 6, (3, 3), stride, ONE, 1) for stride in [(1, 2), (2, 1), (2, 2), (3, 3), (4, 5)]],
    *[(2, (9, 10), 12, 12, (3, 3), (1, 1), ONE, groups) for groups in (2, 3, 12)],
    (2, (9, 11), 8, 4, (3, 2), (2, 3), ((2, 1), (0, 3)), 4),
    (1, (2, 300), 4, 20, (3, 3), (1, 1), ONE, 1),
    (1, (300, 1), 4, 20, (3, 3), (1, 1), ONE, 1),
    (1, (3, 65), 9, 130, (3, 3), (1, 1), ONE, 1),
    (1, (1, 1), 3, 2, (3, 3), (1, 1), ONE, 1),
    (1, (1, 1), 1, 1, (1, 1), (1, 1), NONE, 1),
    (1, (4, 5), 3, 2, (4, 5), (1, 1), NONE, 1),  # one window
    (1, (23, 23), 3, 8, (11, 11), (4, 4), NONE, 1),  # AlexNet's first
    (1, (4, 4), 3, 4, (1, 1), (1, 1), ((2, 3), (4, 1)), 1),  # windows that see padding alone
    (1, (5, 5), 3, 4, (2, 2), (3, 3), ((2, 2), (2, 2)), 1),
    (1, (8, 8), 3, 4, (2, 2), (3, 3), NONE, 1),  # pixels that no window sees
    (
        1,
        (4, 4),
        40,
        4,
        (1, 1),
        (1, 1),
        ((2, 3), (4, 1)),
        1,
    ),  # the same, with enough channels for the other way
    (1, (4, 4), 40, 4, (3, 3), (1, 1), ((3, 4), (0, 5)), 1),
    (2, (7, 70), 33, 6, (5, 2), (1, 1), ((2, 2), (1, 0)), 1),
    (1, (9, 9), 66, 6, (3, 3), (2, 2), ONE, 2),
    (3, (5, 6), 4, 4, (3, 3), (1, 1), ONE, 1),
    (0, (5, 6), 40, 4, (3, 3), (1, 1), ONE, 1),
    (0, (5, 6), 4, 4, (3, 3), (1, 1), ONE, 1),
]


def convolution(case, seed=1):
    """Return x, weight, bias, dy of a case, float32, and the arguments that follow them."""
    batch, (height, width), c_in, c_out, (kh, kw), stride, padding, groups = case
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, height, width, c_in), np.float32)
    weight = rng.standard_normal((kh, kw, c_in // groups, c_out), np.float32)
    bias = rng.standard_normal(c_out, np.float32)
    rows = (height + sum(padding[0]) - kh) // stride[0] + 1
    columns = (width + sum(padding[1]) - kw) // stride[1] + 1
    dy = rng.standard_normal((batch, rows, columns, c_out), np.float32)
    return x, weight, bias, dy, (stride, padding, groups)


def wide(*arrays):
    return (array.astype(np.float64) for array in arrays)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_is_the_reference(case):
    """All three passes agree with the definition in float64, as far as a float32 sum of that length can."""
    x, weight, bias, dy, how = convolution(case)
    x64, weight64, bias64, dy64 = wide(x, weight, bias, dy)
    taps, inputs, outputs = weight.shape[0] * weight.shape[1], weight.shape[2], dy.shape[3] // case[-1]

    y = cpu.conv2d_forward(x, weight, bias, *how)
    assert_close(y, reference.conv2d_forward(x64, weight64, bias64, *how), length=taps * inputs)
    plain = cpu.conv2d_forward(x, weight, None, *how)
    assert_close(plain, reference.conv2d_forward(x64, weight64, None, *how), length=taps * inputs)

    dx = cpu.conv2d_backward_input(dy, weight, x.shape, *how)
    assert_close(dx, reference.conv2d_backward_input(dy64, weight64, x.shape, *how), length=taps * outputs)

    places = dy.shape[0] * dy.shape[1] * dy.shape[2]
    dweight = cpu.conv2d_backward_weights(dy, x, weight.shape, *how)
    expected = reference.conv2d_backward_weights(dy64, x64, weight.shape, *how)
    assert_close(dweight, expected, length=places)
    assert {array.dtype for array in (y, plain, dx, dweight)} == {np.dtype(np.float32)}


def test_a_weight_gradient_over_a_megapixel_keeps_its_digits():
    """Where all terms are equal, roundings add up: a float32 sum in one go is off by one in a hundred."""
    dy = np.full((1, 1024, 1024, 1), 0.1, np.float32)
    dweight = cpu.conv2d_backward_weights(dy, np.ones_like(dy), (1, 1, 1, 1))
    assert dweight.item() == pytest.approx(np.float32(0.1) * 2.0**20, rel=2e-5)


@pytest.mark.parametrize("change", ["strided", "read-only", "transposed"])
def test_convolution_takes_any_layout_and_leaves_it(change):
    """Views with gaps, transposed and read-only arrays give the result of a plain copy, and stay as they are."""
    x, weight, bias, dy, how = convolution(CONVOLUTIONS[7])

    def altered(array):
        if change == "strided":
            return np.repeat(array, 2, axis=-1)[..., ::2]
        if change == "transposed":
            return np.ascontiguousarray(array.T).T
        twin = array.copy()
        twin.flags.writeable = False
        return twin

    plain = (x, weight, bias, dy)
    odd = tuple(map(altered, plain))
    results = []
    for a, w, b, d in (plain, odd):
        results.append(
            (
                cpu.conv2d_forward(a, w, b, *how),
                cpu.conv2d_backward_input(d, w, x.shape, *how),
                cpu.conv2d_backward_weights(d, a, weight.shape, *how),
            )
        )
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(plain, odd, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_stays_where_it_belongs(bad):
    """NaN and infinity reach exactly the outputs, and the input gradients, whose windows hold them.

    Where several outputs share a product with zeros, in Winograd's tiles and among few outputs, they reach neighbours.
    """
    x, weight, bias, dy, how = convolution((1, (9, 9), 3, 20, (3, 3), (1, 1), ONE, 1))
    x[0, 4, 4, 1] = dy[0, 2, 7, 3] = bad
    passes = []
    with np.errstate(invalid="ignore"):
        for module in (cpu, reference):
            y = module.conv2d_forward(x, weight, bias, *how)
            passes.append((y, module.conv2d_backward_input(dy, weight, x.shape, *how)))
    for fast, slow in zip(*passes, strict=True):
        np.testing.assert_array_equal(np.isfinite(fast), np.isfinite(slow))
        assert 0 < np.isnan(fast).sum() + np.isinf(fast).sum() <= 9 * fast.shape[3]
        np.testing.assert_array_equal(np.isnan(fast), np.isnan(slow))


def test_what_is_not_finite_goes_no_further_than_its_group():
    """Of few outputs several columns are computed at once: an infinity reaches these, and none beyond."""
    x, weight, bias, _, how = convolution((1, (9, 60), 4, 3, (3, 3), (1, 1), ONE, 1))
    expected = cpu.conv2d_forward(x, weight, bias, *how)
    x[0, 4, 31, 1] = np.inf
    found = cpu.conv2d_forward(x, weight, bias, *how)
    near = np.zeros(found.shape, bool)
    near[0, 3:6, 31 - cpu.MOST : 32 + cpu.MOST] = True
    assert not np.isfinite(found[0, 3:6, 30:33]).any()
    np.testing.assert_array_equal(found[~near], expected[~near])


POOLINGS = [  # batch, image, channels, size, stride, padding, ceil mode
    (1, (6, 8), 3, (2, 2), (2, 2), NONE, False),
    (1, (7, 9), 5, (2, 2), (2, 2), NONE, False),
    (2, (7, 9), 17, (2, 2), (2, 2), NONE, True),
    (1, (11, 12), 33, (3, 3), (2, 2), NONE, True),  # AlexNet's, overlapping
    (1, (9, 8), 16, (3, 3), (1, 1), ONE, False),
    (1, (9, 8), 130, (3, 2), (2, 3), ((1, 0), (0, 1)), True),
    (3, (5, 5), 1, (5, 5), (1, 1), NONE, False),
    (1, (1, 1), 4, (1, 1), (1, 1), NONE, False),
    (1, (40, 41), 2, (17, 19), (3, 7), ((8, 8), (9, 9)), True),  # more than 256 places
    (1, (2, 300), 3, (2, 2), (2, 2), NONE, False),
    (0, (6, 6), 3, (2, 2), (2, 2), NONE, False),
    (1, (8, 8), 2, (2, 2), (3, 3), NONE, False),  # pixels that no window sees
]


def pooling(case, ties=False):
    """Return x, dy and the arguments (size, stride, padding) and (Ho, Wo) of a case, float32."""
    from nst.layers.window import window_count

    batch, (height, width), channels, size, stride, padding, ceil_mode = case
    rng = np.random.default_rng(2)
    shape = (batch, height, width, channels)
    x = rng.integers(-1, 2, shape).astype(np.float32) if ties else rng.standard_normal(shape, np.float32)
    out_hw = window_count(shape, size, stride, padding, ceil_mode=ceil_mode)
    dy = rng.standard_normal((batch, *out_hw, channels), np.float32)
    return x, dy, (size, stride, padding), out_hw


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("case", POOLINGS, ids=str)
def test_max_pooling_is_the_reference_exactly(case, ties):
    """The same maxima, the same first winner among equals, and the gradient on the same pixels, summed."""
    x, dy, how, out_hw = pooling(case, ties)
    y, argmax = cpu.max_pool_forward(x, *how, out_hw)
    expected, winners = reference.max_pool_forward(x, *how, out_hw)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)
    dx = cpu.max_pool_backward(dy, argmax, x.shape, *how)
    windows = np.prod(how[0])
    assert_close(
        dx, reference.max_pool_backward(dy.astype(np.float64), winners, x.shape, *how), length=windows
    )
    np.testing.assert_array_equal(dx == 0, reference.max_pool_backward(dy, winners, x.shape, *how) == 0)


@pytest.mark.parametrize("bad", [np.nan, -np.inf, np.inf])
@pytest.mark.parametrize("case", POOLINGS[:6], ids=str)
def test_max_pooling_of_what_is_not_a_number(case, bad):
    """A NaN is the maximum and the first one wins; infinities are ordinary numbers."""
    x, _, how, out_hw = pooling(case)
    x[np.random.default_rng(0).random(x.shape) < 0.3] = bad
    y, argmax = cpu.max_pool_forward(x, *how, out_hw)
    expected, winners = reference.max_pool_forward(x, *how, out_hw)
    np.testing.assert_array_equal(y, expected)
    decided = expected != -np.inf  # for windows that are -inf throughout see the next test
    np.testing.assert_array_equal(argmax[decided], winners[decided])


def test_a_window_of_minus_infinity_hands_its_gradient_to_a_pixel():
    """Where the image is -inf everywhere, the winner is a pixel of the image and never the padding: nothing is lost."""
    x = np.full((1, 4, 4, 3), -np.inf, np.float32)
    how = (3, 3), (2, 2), ONE
    dy = np.ones((1, 2, 2, 3), np.float32)
    _, argmax = cpu.max_pool_forward(x, *how, (2, 2))
    assert cpu.max_pool_backward(dy, argmax, x.shape, *how).sum() == dy.sum()


@pytest.mark.parametrize("count_pad", [False, True])
@pytest.mark.parametrize("case", POOLINGS, ids=str)
def test_average_pooling_is_the_reference(case, count_pad):
    """The same means, with the padding counted or not, and the same gradient shares."""
    x, dy, how, out_hw = pooling(case)
    length = int(np.prod(how[0]))
    y = cpu.avg_pool_forward(x, *how, out_hw, count_pad)
    assert_close(y, reference.avg_pool_forward(x.astype(np.float64), *how, out_hw, count_pad), length=length)
    dx = cpu.avg_pool_backward(dy, x.shape, *how, count_pad)
    expected = reference.avg_pool_backward(dy.astype(np.float64), x.shape, *how, count_pad)
    assert_close(dx, expected, length=length)
    assert y.dtype == dx.dtype == np.float32


@pytest.fixture
def threads():
    """A function that sets the number of threads; it is put back afterwards."""
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine has one core")
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


def test_the_number_of_threads_changes_no_byte(threads):
    """One thread and two give the same bytes in every pass of convolution and pooling."""
    x, weight, bias, dy, how = convolution((2, (37, 70), 19, 70, (3, 3), (1, 1), ONE, 1))
    px, pdy, window, out_hw = pooling((2, (37, 70), 35, (3, 3), (2, 2), ONE, True))
    results = []
    for count in (1, 2):
        threads(count)
        y, argmax = cpu.max_pool_forward(px, *window, out_hw)
        results.append(
            [
                cpu.conv2d_forward(x, weight, bias, *how),
                cpu.conv2d_backward_input(dy, weight, x.shape, *how),
                cpu.conv2d_backward_weights(dy, x, weight.shape, *how),
                y,
                argmax,
                cpu.max_pool_backward(pdy, argmax, px.shape, *window),
                cpu.avg_pool_forward(px, *window, out_hw, False),
                cpu.avg_pool_backward(pdy, px.shape, *window, False),
                cpu.gram_sum(px.reshape(-1, 35)),
            ]
        )
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    "places, channels", [(1, 1), (7, 3), (8, 64), (1024, 65), (1025, 5), (3000, 130), (0, 3)]
)
def test_gram_sums_are_the_reference(places, channels):
    """F'F agrees with the definition in float64, is float64, and exactly symmetric where the sums are exact."""
    features = np.random.default_rng(0).standard_normal((places, channels), np.float32)
    found = cpu.gram_sum(features)
    assert found.dtype == np.float64
    expected = reference.gram_sum(features.astype(np.float64))
    assert_close(found, expected, length=places, dtype=np.float32)
    whole = np.round(4 * features)
    np.testing.assert_array_equal(cpu.gram_sum(whole), cpu.gram_sum(whole).T)


def test_repeating_changes_no_byte():
    """The same arguments give the same bytes as often as they are given."""
    x, weight, bias, _, how = convolution((1, (20, 33), 9, 65, (3, 3), (1, 1), ONE, 1))
    first, *others = (cpu.conv2d_forward(x, weight, bias, *how).tobytes() for _ in range(4))
    assert all(other == first for other in others)


def test_the_kernels_are_chosen_by_dtype(monkeypatch):
    """float32 goes to the fast ones, everything else to the reference; NST_KERNELS=reference sends all there."""
    assert kernels.select(np.float32) is cpu
    assert all(kernels.select(dtype) is reference for dtype in (np.float64, np.float16, np.complex64))
    monkeypatch.setattr(kernels, "FORCED", "reference")
    assert kernels.select(np.float32) is reference


def test_both_modules_have_the_same_functions():
    """Each function of the fast module exists in the reference with the same arguments in the same order."""
    import inspect

    for name in cpu.__all__:
        fast, slow = (inspect.signature(getattr(module, name)).parameters for module in (cpu, reference))
        assert list(fast) == list(slow), name


def test_a_network_of_reference_kernels_gives_the_same_numbers(small, monkeypatch):
    """A whole forward and backward pass agrees between the two modules to float32's precision."""
    rng = np.random.default_rng(4)
    image = rng.uniform(0, 255, (1, 19, 22, 3)).astype(np.float32)
    outcomes = []
    for choice in ("", "reference"):
        monkeypatch.setattr(kernels, "FORCED", choice)
        features, tape = small.forward(image, ["relu1_2", "relu3_1"])
        cotangents = np.random.default_rng(9)
        gradients = {tap: cotangents.standard_normal(f.shape, np.float32) for tap, f in features.items()}
        dx = small.backward(gradients, tape)
        outcomes.append([*features.values(), dx])
    for fast, slow in zip(*outcomes, strict=True):
        assert np.linalg.norm(fast - slow) < 1e-5 * np.linalg.norm(slow)


def test_kernels_run_where_nothing_can_be_cached(tmp_path):
    """In a read-only installation of a user without a home the kernels are there, and no folder is left behind."""
    package = tmp_path / "nst"
    (package / "kernels" / "__pycache__").parent.mkdir(parents=True)
    source = Path(cpu.__file__).parent
    for file in source.glob("*.py"):
        shutil.copy(file, package / "kernels")
    (package / "__init__.py").touch()
    (
        package / "kernels" / "__pycache__"
    ).touch()  # a file where the folder should be: even root cannot write there
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "XDG_", "PYTHON"))}
    environment |= {"HOME": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(tmp_path)}
    code = "import numpy, nst.kernels as k; print(k.select(numpy.float32).max_pool_forward.__module__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("nst.kernels.cpu_pooling\n", "")
    assert list(tmp_path.iterdir()) == [package]
