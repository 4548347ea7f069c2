"""Folding a batch normalisation into the convolution before it, while the file is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst.errors import NstError
from nst.formats.contents import Contents, Stored, shown

EPS = 1e-3  # of every batch normalisation in torchvision's GoogLeNet
PARTS = ("weight", "bias", "running_mean", "running_var")


def folded(contents: Contents) -> Contents:
    r"""Return the contents with `x.conv` and `x.bn` made one layer `x`, as torchvision's GoogLeNet has them.

    At rest a batch normalisation is a scale and a shift of each channel, which a convolution can do by itself::

        gamma (w * x - mu) / sqrt(var + eps) + beta  =  (gamma / sigma) w * x + (beta - gamma mu / sigma)

    with sigma = sqrt(var + eps). Nothing is read yet: the arrays that are listed compute themselves when asked.
    Contents without such pairs come back as they are.
    """
    arrays = {name: one for name, one in contents.arrays.items() if not name.endswith(".num_batches_tracked")}
    for name in [name for name in arrays if name.endswith(".conv.weight")]:
        layer, kernel = name.removesuffix(".conv.weight"), arrays[name]
        norm = {part: arrays.pop(f"{layer}.bn.{part}", None) for part in PARTS}
        missing = [part for part, stored in norm.items() if stored is None]
        if missing:
            raise NstError(f"the batch normalisation of {shown(layer)} lacks its {missing[0]}")
        for part, stored in norm.items():
            if stored.shape != kernel.shape[:1] or stored.dtype.kind != "f":
                raise NstError(f"the {part} of {shown(f'{layer}.bn')} is not a number for each filter")
        del arrays[name]
        arrays |= _pair(layer, kernel, norm)
    return replace(contents, arrays=arrays)


def _pair(layer: str, kernel: Stored, norm: dict[str, Stored]) -> dict[str, Stored]:
    """Return weight and bias of the one layer; kernels are `(out, in, kh, kw)`."""

    def scale() -> np.ndarray:
        variance = norm["running_var"].load().astype(np.float64)
        if not (variance >= 0).all():
            raise NstError(f"a variance of {shown(f'{layer}.bn')} is negative")
        return norm["weight"].load() / np.sqrt(variance + EPS)

    def weight() -> np.ndarray:
        return (kernel.load() * scale()[:, None, None, None]).astype(kernel.dtype)

    def bias() -> np.ndarray:
        return (norm["bias"].load() - scale() * norm["running_mean"].load()).astype(kernel.dtype)

    return {
        f"{layer}.weight": Stored(kernel.shape, kernel.dtype, weight),
        f"{layer}.bias": Stored(kernel.shape[:1], kernel.dtype, bias),
    }
