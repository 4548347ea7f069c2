"""Trained nets of fast style transfer, as conversions of TensorFlow's checkpoints hold them.

48 arrays `Variable`, `Variable_1` ... `Variable_47`: for each of the 16 convolutions its kernel (h, w, in, out), that
of a transposed one (h, w, out, in), then the shift and the scale of the instance normalisation behind it.
"""

from __future__ import annotations

import os

from nst.formats.exact_npz import read_exactly
from nst.networks.fast_style import fast_style, fast_style_shapes
from nst.networks.network import Network


def read_fast_style(path: str | os.PathLike) -> Network:
    """Read a trained net; see `nst.networks.fast_style.fast_style` for what it does.

    Raises
    ------
    NstError
        When the file is missing, damaged, or holds anything else.
    """
    own = fast_style_shapes()
    numbered = {name: f"Variable_{number}" if number else "Variable" for number, name in enumerate(own)}
    table = {numbered[name]: shape for name, shape in own.items()}
    arrays = read_exactly(path, table, "trained net of fast style transfer")
    return fast_style({name: arrays[numbered[name]] for name in own})
