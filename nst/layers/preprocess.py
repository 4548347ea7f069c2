"""From pixels to what a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst import kernels
from nst.layers.base import Layer


class Preprocess(Layer):
    """Turn pixels, 0 to 255, into the numbers that a network expects: its first layer.

    With `order` the position in the picture of each of the network's channels, (0, 1, 2) or, for BGR, (2, 1, 0)::

        y[..., c] = (x[..., order[c]] - mean[c]) scale[c]

    `mean` and `scale` are in the order of the *network's* channels. Keras' and Caffe's VGG take BGR, the mean
    (103.939, 116.779, 123.68) and the scale 1; torchvision's take RGB, the mean 255 (0.485, 0.456, 0.406) and
    the scale 1 / (255 (0.229, 0.224, 0.225)). A grey picture has one channel, and a mean of one number.

    Backward. The mean is a constant and drops out; what remains is a permutation times a diagonal::

        dx[..., order[c]] = dy[..., c] scale[c]

    Reversing channels undoes itself, so the same slicing reads both ways. That the mean drops out does
    not make it harmless: it moves every activation, and a swapped order still gives a plausible picture.
    `saved` is None.

    Parameters
    ----------
    mean : sequence of numbers
        One for each channel.
    scale : one number, or as many
    channel_order : {"RGB", "BGR"}
        "BGR" reverses three channels; for any other number of them it has no meaning.
    """

    pointwise = True

    def __init__(
        self, mean: Sequence[float], scale: float | Sequence[float] = 1.0, channel_order: str = "RGB"
    ) -> None:
        if channel_order not in ("RGB", "BGR"):
            raise ValueError(f"channel order {channel_order!r} is neither RGB nor BGR")
        if np.ndim(mean) != 1 or not len(mean) or (channel_order == "BGR" and len(mean) != 3):
            raise ValueError(f"a mean of shape {np.shape(mean)} has not one number for each channel")
        # Kept in float64 and rounded at use, so that they do not depend on what the layer was cast to before.
        self.mean = np.array(mean, np.float64)
        self.scale = np.array(np.broadcast_to(scale, self.mean.shape), np.float64)
        self.channel_order = channel_order
        self.reverse = channel_order == "BGR"

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return y (N, H, W, C), and nothing. `x` must be of a floating dtype: integers would wrap around."""
        channels = len(self.mean)
        if x.shape[-1] != channels or not np.issubdtype(x.dtype, np.inexact):
            what = "RGB" if channels == 3 else "pictures"
            raise ValueError(f"expected floating-point {what} (N, H, W, {channels}), not {x.dtype} {x.shape}")
        return kernels.of(x).preprocess_forward(x, self.mean, self.scale, self.reverse), None

    def backward(self, dy: np.ndarray, saved: None) -> np.ndarray:
        """Return dx (N, H, W, C), of the picture."""
        return kernels.of(dy).preprocess_backward(dy, self.scale, self.reverse)
