"""Weights as every reader returns them and every network takes them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Weights:
    """The arrays of a network together with what its input must look like.

    Attributes
    ----------
    arrays : dict of str to ndarray
        `conv1_1.weight` is `(kh, kw, C_in, C_out)`, `fc6.weight` is `(in, out)` with the inputs in the order of a
        flattened `(H, W, C)` array, `.bias` is `(C_out,)`.
    network : str
        The architecture, such as `vgg19`.
    channel_order : str
        `"BGR"` or `"RGB"`: the order of the network's three input channels.
    mean, scale : tuple of three float
        What is subtracted from pixels in 0..255 and what the difference is multiplied by, in the network's order.
    source, sha256, licence : str
        Where the numbers come from, the hash of that file, and on what terms they may be used.
    """

    arrays: dict[str, np.ndarray]
    network: str
    channel_order: str = "BGR"
    mean: tuple[float, float, float] = (103.939, 116.779, 123.68)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    source: str = ""
    sha256: str = ""
    licence: str = ""
    notes: list[str] = field(default_factory=list)
