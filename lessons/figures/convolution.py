"""The figures of lesson 01."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lessons.figures.drawing import figure, panels, picture, signed
from nst.images import load, luminance, resize_to
from nst.images.bundled import landscape_path
from nst.layers import Conv2d

SLOPE = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
LETTER = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]], float)


@figure("convolution-kernels.png")
def kernels() -> Image.Image:
    """A picture, blurred, and its slopes down and across."""
    grey = luminance(resize_to(load(landscape_path()).pixels, (210, 300)))

    def through(kernel: np.ndarray) -> np.ndarray:
        reach = len(kernel) // 2
        conv = Conv2d(kernel[..., None, None], padding=reach, padding_mode="reflect")
        return conv.forward(grey[None, ..., None].astype(float))[0][0, :, :, 0]

    shown = [
        grey,
        through(np.full((9, 9), 1 / 81)),
        signed(through(SLOPE.T), 300),
        signed(through(SLOPE), 300),
    ]
    captions = [
        "the picture",
        "9x9, all 1/81: a blur",
        "3x3: brighter below (orange)",
        "3x3: brighter to the right",
    ]
    return panels([picture(pixels) for pixels in shown], captions, columns=2)


@figure("convolution-point.png")
def point() -> Image.Image:
    """A point through an F-shaped kernel, forwards and backwards."""
    conv = Conv2d(LETTER[..., None, None])
    image = np.zeros((1, 13, 12, 1))
    image[0, 6, 6] = 1
    y, saved = conv.forward(image)
    dy = np.zeros_like(y)
    dy[0, 4, 4] = 1
    dx = conv.backward(dy, saved)
    shown = [LETTER, image[0, ..., 0], y[0, ..., 0], dy[0, ..., 0], dx[0, ..., 0]]
    captions = [
        "the kernel",
        "x: one pixel",
        "y: the kernel turned",
        "dy: one output",
        "dx: the kernel upright",
    ]
    return panels([_grid(values) for values in shown], captions)


def _grid(values: np.ndarray) -> Image.Image:
    cells = np.asarray(picture(signed(values, 1.0), 13)).copy()
    cells[::13], cells[:, ::13] = 205, 205
    cells[-1], cells[:, -1] = 205, 205
    return Image.fromarray(cells)
