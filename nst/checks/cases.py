"""The table of cases: every layer with the settings in which it has been seen to go wrong.

A new layer joins here, and from the table it gets the gradient check, the mistakes of `nst.checks.mutations`,
and all of `tests/layers/test_table.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nst.checks.case import Built, Case, Random, apart, cases_of, plain
from nst.checks.generator_cases import GENERATOR_CASES
from nst.checks.numeric import step_for
from nst.checks.ties import check_ties
from nst.layers import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    ConvReLU,
    Dropout,
    Flatten,
    Fourier,
    GlobalAvgPool,
    InstanceNorm,
    Linear,
    LRNAcross,
    LRNWithin,
    MaxPool2d,
    Pad2d,
    Preprocess,
    ReLU,
    Sigmoid,
    Softmax,
    Unflatten,
    UpsampleNearest,
    Warp,
)


def _conv(
    shape: tuple[int, ...], kernel: tuple[int, int], out: int, bias: bool = True, **options: Any
) -> Any:
    def make(rng: Random) -> Built:
        weight = rng.standard_normal((*kernel, shape[3] // options.get("groups", 1), out))
        return Conv2d(weight, rng.standard_normal(out) if bias else None, **options), apart(rng, *shape)

    return make


def _conv_relu(
    shape: tuple[int, ...], kernel: tuple[int, int], out: int, bias: bool = True, **options: Any
) -> Any:
    fused = {key: options.pop(key) for key in ("relu", "pool") if key in options}

    def make(rng: Random) -> Built:
        while True:
            conv, x = _conv(shape, kernel, out, bias, **options)(rng)
            if all(_clear_of_kinks(conv, part) for part in (x, x[:, 1:], x[:, :, 1:], x[:, 1:, 1:])):
                return ConvReLU(conv, **fused), x

    return make


def _clear_of_kinks(conv: Conv2d, x: np.ndarray) -> bool:
    """Tell whether differences cross no kink, and whether there are 2x2 windows of both kinds, on and off.

    No output may be so near to 0, nor two of a window so near to each other, that a step in `x` changes their order.
    """
    z, _ = conv.forward(x)
    n, height, width, c = z.shape
    windows = z[:, : height // 2 * 2, : width // 2 * 2].reshape(n, height // 2, 2, width // 2, 2, c)
    pixels = np.sort(windows.transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4))
    gap = 8 * step_for(x) * np.abs(conv.weight).max()
    clear = np.abs(z).min() > gap and np.diff(pixels).min(initial=gap) >= gap
    return bool(clear and pixels[:, -1].min() < 0 < pixels[:, -1].max())


def _batch_norm(*shape: int, **options: Any) -> Any:
    def make(rng: Random) -> Built:
        gamma, beta, mean = rng.standard_normal((3, shape[-1]))
        layer = BatchNorm(gamma, beta, mean, rng.uniform(0.5, 2.0, shape[-1]), **options)
        return layer, 3.0 + 2.0 * rng.standard_normal(shape)

    return make


def _instance_norm(*shape: int, affine: tuple[bool, bool] = (True, True), **options: Any) -> Any:
    def make(rng: Random) -> Built:
        gamma, beta = (rng.standard_normal(shape[-1]) if wanted else None for wanted in affine)
        return InstanceNorm(gamma, beta, **options), 3.0 + 2.0 * rng.standard_normal(shape)

    return make


def _linear(rows: int, inputs: int, outputs: int, bias: bool = True) -> Any:
    def make(rng: Random) -> Built:
        layer = Linear(rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs) if bias else None)
        return layer, rng.standard_normal((rows, inputs))

    return make


def _dropout(rate: float, *shape: int) -> Any:
    return lambda rng: (Dropout(rate), rng.standard_normal(shape))


def _concat(*channels: int) -> Any:
    return lambda rng: (Concat(), [rng.standard_normal((2, 3, 4, c)) for c in channels])


def _picture(layer: Any) -> Any:
    return lambda rng: (layer, rng.uniform(0.0, 255.0, (2, 4, 5, 3)))


CAFFE_MEAN = (103.939, 116.779, 123.68)

CASES = [
    *cases_of(
        Conv2d,
        {
            "3x3, zero padding": _conv((2, 5, 6, 3), (3, 3), 4, padding=1),
            "no padding, no bias": _conv((2, 5, 6, 3), (3, 3), 2, bias=False),
            "1x1": _conv((2, 4, 5, 3), (1, 1), 4),
            "1x1, stride 2 skips pixels": _conv((2, 5, 6, 3), (1, 1), 3, stride=2),
            "stride 2 leaves a row over": _conv((2, 6, 7, 2), (3, 3), 3, stride=2),
            "stride 2, padding": _conv((2, 6, 7, 2), (3, 3), 3, stride=2, padding=1),
            "2x3, uneven stride": _conv((2, 5, 7, 2), (2, 3), 3, stride=(1, 2), padding=(1, 0)),
            "padding on two sides": _conv((2, 5, 6, 2), (3, 3), 3, padding=((0, 1), (2, 0))),
            "stride above the kernel": _conv((1, 8, 9, 2), (2, 2), 2, stride=3),
            "as large as the picture": _conv((2, 3, 4, 3), (3, 4), 2),
            "groups": _conv((2, 4, 5, 4), (3, 3), 6, padding=1, groups=2),
            "depthwise": _conv((2, 4, 5, 3), (3, 3), 3, padding=1, groups=3),
            "reflection padding": _conv((1, 5, 6, 2), (3, 3), 3, padding=1, padding_mode="reflect"),
            "reflection padding 2": _conv((1, 5, 6, 2), (5, 5), 2, padding=2, padding_mode="reflect"),
            "replicate padding": _conv((1, 5, 6, 2), (3, 3), 3, padding=1, padding_mode="replicate"),
            "circular padding": _conv((1, 5, 6, 2), (3, 3), 3, padding=1, padding_mode="circular"),
        },
        linear=True,
    ),
    *cases_of(
        ConvReLU,
        {
            "3x3": _conv_relu((1, 5, 6, 2), (3, 3), 3, padding=1),
            "max": _conv_relu((1, 6, 5, 2), (3, 3), 3, padding=1, pool="max"),
            "avg": _conv_relu((1, 5, 6, 2), (3, 3), 3, padding=1, pool="avg"),
            "alone, without bias": _conv_relu((2, 4, 5, 3), (3, 3), 2, bias=False, padding=1, relu=False),
            "stride 2, groups": _conv_relu((2, 6, 7, 2), (3, 3), 4, stride=2, groups=2),
            "reflection padding, max": _conv_relu(
                (1, 5, 6, 2), (3, 3), 2, padding=1, padding_mode="reflect", pool="max"
            ),
            "replicate padding": _conv_relu((1, 5, 4, 2), (3, 3), 3, padding=1, padding_mode="replicate"),
            "circular padding, max": _conv_relu(
                (1, 4, 6, 2), (3, 3), 2, padding=1, padding_mode="circular", pool="max"
            ),
            "batch, avg, uneven padding": _conv_relu((2, 5, 5, 2), (3, 2), 2, padding=(1, 0), pool="avg"),
        },
    ),
    *cases_of(ReLU, {"4 axes": plain(ReLU(), 2, 5, 6, 3), "2 axes": plain(ReLU(), 3, 7)}),
    *cases_of(
        MaxPool2d,
        {
            "2x2": plain(MaxPool2d(), 2, 4, 6, 3),
            "2x2, odd picture": plain(MaxPool2d(), 2, 5, 7, 3),
            "2x2, odd picture, ceil": plain(MaxPool2d(ceil_mode=True), 2, 5, 7, 3),
            "3x3, stride 2": plain(MaxPool2d(3, 2), 2, 7, 5, 3),
            "3x3, stride 1, padding": plain(MaxPool2d(3, 1, 1), 2, 5, 6, 3),
            "3x3, stride 2, padding, ceil": plain(MaxPool2d(3, 2, 1, ceil_mode=True), 2, 6, 7, 2),
            "2x3, uneven stride": plain(MaxPool2d((2, 3), (1, 2)), 2, 4, 7, 3),
        },
    ),
    Case("MaxPool2d", "ties", lambda rng: (MaxPool2d(3, 2), np.ones((1, 5, 7, 2))), check=check_ties),
    *cases_of(
        AvgPool2d,
        {
            "2x2": plain(AvgPool2d(), 2, 4, 6, 3),
            "2x2, odd picture": plain(AvgPool2d(), 2, 5, 7, 3),
            "2x2, odd picture, ceil": plain(AvgPool2d(ceil_mode=True), 2, 5, 7, 3),
            "3x3, stride 2": plain(AvgPool2d(3, 2), 2, 7, 5, 3),
            "3x3, stride 1, padding": plain(AvgPool2d(3, 1, 1), 2, 5, 6, 3),
            "padding counted": plain(AvgPool2d(3, 1, 1, count_include_pad=True), 2, 5, 6, 3),
            "padding counted, ceil": plain(
                AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=True), 2, 6, 7, 2
            ),
            "2x3, uneven stride": plain(AvgPool2d((2, 3), (1, 2)), 2, 4, 7, 3),
        },
        linear=True,
    ),
    *cases_of(
        BatchNorm,
        {
            "training": _batch_norm(3, 3, 4, 2),
            "training, 2 axes": _batch_norm(6, 5),
            "training, large eps": _batch_norm(3, 3, 4, 2, eps=0.5),
        },
        training=True,
    ),
    *cases_of(
        BatchNorm,
        {"inference": _batch_norm(3, 3, 4, 2), "inference, 2 axes": _batch_norm(6, 5)},
        training=False,
        linear=True,
    ),
    *cases_of(
        InstanceNorm,
        {
            "scale and shift": _instance_norm(2, 4, 5, 3),
            "plain": _instance_norm(2, 4, 5, 3, affine=(False, False)),
            "scale alone": _instance_norm(2, 3, 3, 3, affine=(True, False)),
            "large eps": _instance_norm(2, 4, 5, 3, eps=0.5),
        },
    ),
    *cases_of(
        LRNAcross,
        {
            "size 5": plain(LRNAcross(5, 0.5), 2, 2, 3, 7, scale=2.0),
            "size 4, lopsided": plain(LRNAcross(4, 0.5), 2, 2, 3, 7, scale=2.0),
            "fewer channels than the window": plain(LRNAcross(7, 0.5), 2, 3, 4, 3, scale=2.0),
            "alpha not divided": plain(LRNAcross(5, 0.3, 0.6, 2.0, divide=False), 2, 2, 3, 7, scale=2.0),
            "values in the hundreds": plain(LRNAcross(), 2, 2, 3, 7, scale=300.0),
        },
    ),
    *cases_of(
        LRNWithin,
        {
            "size 3": plain(LRNWithin(3, 0.5), 2, 5, 4, 2, scale=2.0),
            "size 4, lopsided": plain(LRNWithin(4, 0.5), 2, 6, 5, 2, scale=2.0),
            "smaller picture than the window": plain(LRNWithin(5, 0.5), 2, 3, 4, 2, scale=2.0),
            "alpha not divided": plain(LRNWithin(3, 0.3, 0.6, 2.0, divide=False), 2, 5, 4, 2, scale=2.0),
            "values in the hundreds": plain(LRNWithin(), 2, 5, 4, 2, scale=300.0),
        },
    ),
    *cases_of(
        Linear, {"with bias": _linear(4, 5, 3), "without bias": _linear(3, 4, 6, bias=False)}, linear=True
    ),
    *cases_of(
        Dropout, {"training": _dropout(0.4, 2, 3, 4, 3)}, training=np.random.default_rng(5), linear=True
    ),
    *cases_of(Dropout, {"inference": _dropout(0.4, 2, 3, 4, 3)}, training=False, linear=True),
    *cases_of(GlobalAvgPool, {"2 pictures": plain(GlobalAvgPool(), 2, 3, 4, 2)}, linear=True),
    *cases_of(Flatten, {"4 axes": plain(Flatten(), 2, 3, 4, 2)}, linear=True),
    *cases_of(Unflatten, {"3 rows, 4 columns": plain(Unflatten((3, 4, 2)), 2, 24)}, linear=True),
    *cases_of(
        Sigmoid,
        {"0 to 1": plain(Sigmoid(), 2, 3, 4, 3, scale=4.0), "colours": plain(Sigmoid(255), 3, 7)},
    ),
    *cases_of(
        Softmax,
        {
            "2 axes": plain(Softmax(), 4, 6, scale=3.0),
            "4 axes": plain(Softmax(), 2, 3, 2, 5, scale=3.0),
        },
    ),
    *cases_of(
        UpsampleNearest,
        {"2": plain(UpsampleNearest(), 2, 3, 4, 2), "3": plain(UpsampleNearest(3), 1, 2, 3, 2)},
        linear=True,
    ),
    *cases_of(
        Pad2d,
        {
            "reflect": plain(Pad2d(2), 2, 4, 5, 2),
            "reflect, uneven": plain(Pad2d(((0, 1), (3, 2))), 2, 4, 5, 2),
            "replicate": plain(Pad2d(2, "replicate"), 2, 4, 5, 2),
            "circular, uneven": plain(Pad2d(((0, 1), (3, 2)), "circular"), 2, 4, 5, 2),
            "zero": plain(Pad2d(2, "zero"), 2, 4, 5, 2),
        },
        linear=True,
    ),
    *cases_of(
        Fourier,
        {
            "waves of photographs": plain(Fourier(), 2, 5, 6, 3),
            "white, gain 2": plain(Fourier(0.0, 2.0), 1, 4, 5, 2),
        },
        linear=True,
    ),
    *cases_of(
        Warp,
        {
            "turned, zoomed, moved": plain(Warp.turned(17, 1.3, (0.7, -1.6), fill=0.5), 2, 5, 6, 3),
            "smaller, border within": plain(Warp.turned(-40, 0.6), 2, 5, 6, 2),
            "moved by whole pixels": plain(Warp.turned(shift=(2, -1)), 1, 5, 4, 3),
        },
        linear=True,
    ),
    *cases_of(Concat, {"three branches": _concat(2, 3, 1), "one branch": _concat(2)}, linear=True),
    *cases_of(
        Preprocess,
        {
            "BGR, as Caffe": _picture(Preprocess(CAFFE_MEAN, channel_order="BGR")),
            "RGB, three scales": _picture(Preprocess((120.0, 110.0, 100.0), (0.02, 0.03, 0.04))),
            "BGR, three scales": _picture(Preprocess(CAFFE_MEAN, (0.02, 0.03, 0.04), "BGR")),
            "grey": plain(Preprocess((33.3,), 0.02), 2, 4, 5, 1),
        },
        linear=True,
    ),
    *GENERATOR_CASES,
]


def find(layer: str, what: str) -> Case:
    """Return the case of `layer` called `what`."""
    return next(case for case in CASES if (case.layer, case.what) == (layer, what))
