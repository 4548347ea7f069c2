"""A small VGG with random orthogonal filters: what runs when no trained weights are at hand."""

from __future__ import annotations

import numpy as np

from nst.networks.vgg import vgg_shapes
from nst.networks.weights import Weights


def random_weights(seed: int = 0) -> Weights:
    """Return weights for the network `random`: every kernel's columns are orthogonal, all biases zero.

    A kernel seen as a `(kh kw C_in, C_out)` matrix has orthonormal columns (rows, where it is wider than high), from
    the QR decomposition of a Gaussian matrix, times the gain `sqrt(2)` that ReLU calls for (He et al., 2015): so the
    activations of every layer have about the size of the layer before. Each filter of the first layer responds to
    contrast as well as to brightness. Ustyuzhaninov et al. (2016) show that random filters already carry a good deal
    of texture; trained ones carry far more.

    Parameters
    ----------
    seed
        The same seed gives the same bytes.
    """
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in vgg_shapes("random").items():
        if name.endswith(".bias"):
            arrays[name] = np.zeros(shape, np.float32)
            continue
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        square = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))[0]
        kernel = square if rows >= columns else square.T * np.sqrt(columns / rows)
        arrays[name] = np.ascontiguousarray(np.sqrt(2) * kernel, np.float32).reshape(shape)
    return Weights(arrays, "random", source=f"random orthogonal filters, seed {seed}", licence="MIT")
