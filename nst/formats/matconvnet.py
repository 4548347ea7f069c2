"""MatConvNet's `imagenet-vgg-verydeep-19.mat`.

A cell array `layers` of structs with `name` and, for convolutions, `weights = {kernel, bias}` (before beta
12: `filters` and `biases`).
The mean is `normalization.averageImage` (height, width, 3) in the older generation
and `meta.normalization.averageImage`, often three numbers, in the newer. Channels are RGB, pixels 0..255.

Kernels are `(kh, kw, in, out)`. Whether their first two axes are height and width or the other way round has
been disputed for years without an answer from the authors; they are read as they stand here, and `nst.weights
verify` decides by the filters' response to horizontal and vertical gratings. Dense layers are convolutions as
large as their input, `(7, 7, 512, 4096)`.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.contents import CAFFE_RGB, OXFORD, Contents, Preprocessing
from nst.formats.mat5 import CELL, STRUCT, Matrix, variables


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open a MatConvNet model and list its arrays as `conv1_1.weight`."""
    found = Contents("HWIO", CAFFE_RGB)
    named: dict[str, Matrix] = {}
    for name, value in variables(path, ("layers", "normalization", "meta")):
        if name in named:
            raise NstError(f"the variable {name!r} is there twice")
        named[name] = value
    if "layers" not in named or named["layers"].kind != CELL:
        raise NstError("it has no cell array 'layers': it is not a MatConvNet model")
    for layer in named["layers"].cells:
        _add_layer(found, layer)
    mean = _mean(named)
    if mean is None:
        found.notes.append("the file states no mean; the usual one of VGG is used")
    else:
        found.preprocessing = Preprocessing("RGB", mean, (1.0, 1.0, 1.0), OXFORD)
    yield found


def _add_layer(found: Contents, layer: Matrix) -> None:
    if layer.kind != STRUCT or len(layer.fields) != 1:
        raise NstError("a member of 'layers' is not one struct")
    fields = layer.fields[0]
    weights = fields["weights"].cells if "weights" in fields else []
    if "filters" in fields and "biases" in fields:
        weights = [fields["filters"], fields["biases"]]
    name = fields["name"].text() if "name" in fields else ""
    if not weights:
        return
    if len(weights) != 2:
        raise NstError("a layer has other arrays than a kernel and a bias")
    kernel, bias = weights
    shape = kernel.shape + (1,) * (4 - len(kernel.shape))  # MATLAB drops trailing axes of size one
    if name.startswith("fc"):
        shape = (math.prod(shape[:3]), shape[3])
    found.add(f"{name}.weight", shape, kernel.dtype, lambda: np.reshape(kernel.array(), shape))
    length = (math.prod(bias.shape),)
    found.add(f"{name}.bias", length, bias.dtype, lambda: np.reshape(bias.array(), length))


def _mean(named: dict[str, Matrix]) -> tuple[float, float, float] | None:
    """Return the mean of each channel, or None where the file has none; a mean picture is averaged."""
    normalization = named.get("normalization")
    if "meta" in named and named["meta"].fields:
        normalization = named["meta"].fields[0].get("normalization")
    if normalization is None or not normalization.fields:
        return None
    image = normalization.fields[0].get("averageImage")
    if image is None or not math.prod(image.shape):
        return None
    if math.prod(image.shape) == 3:
        mean = image.array().reshape(3)
    elif len(image.shape) == 3 and image.shape[2] == 3 and math.prod(image.shape[:2]) <= 1 << 20:
        mean = image.array().mean(axis=(0, 1), dtype=np.float64)
    else:
        raise NstError(f"its mean has the shape {image.shape}, neither a colour nor a picture")
    if not np.isfinite(mean).all():
        raise NstError("its mean is not finite")
    return tuple(float(value) for value in mean)
