"""What all normalisations of a picture by itself have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer

Affine = tuple["np.ndarray | None", "np.ndarray | None"]
"""Scale and shift, each (C,) for all pictures, (N, C) for each, or None for 1 and 0."""


class Saved(NamedTuple):
    """What the backward pass needs: the input and its statistics (N, 1, C)."""

    x: np.ndarray
    mu: np.ndarray
    inv_sigma: np.ndarray


class PictureNorm(Layer):
    """Each channel of each picture normalised over its pixels, then scaled and shifted.

    With s and b what `affine` says, and x_hat and dx as `InstanceNorm` derives them::

        y_tijk = s_ti x_hat_tijk + b_ti

    Attributes
    ----------
    eps : float
        Added to the variance, inside the root.
    """

    parameter_names = ("gamma", "beta")
    eps: float

    def affine(self, pictures: int) -> Affine:
        """Return scale and shift of so many pictures."""
        raise NotImplementedError

    def of_sums(self, dbeta: np.ndarray, dgamma: np.ndarray) -> dict[str, np.ndarray]:
        """Return the gradients of the parameters, given the sums (N, C) over the places of dy and of dy x_hat."""
        raise NotImplementedError

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Normalise `x` (N, H, W, C) over its pixels.

        Raises
        ------
        NstError
            With one pixel: it equals its own mean, so the output would be the shift whatever the input, and the
            gradient 0.
        """
        if x.shape[1] * x.shape[2] < 2:
            raise NstError(
                f"instance normalisation of {x.shape[1]} x {x.shape[2]} pixels would erase them, as a lone "
                "value equals its mean: give the network a larger picture"
            )
        kernel = kernels.of(x)
        mu, variance = kernel.moments(by_picture(x))
        inv_sigma = (1 / np.sqrt(variance + self.eps)).astype(x.dtype)
        for_all, for_each = _divided(self.affine(len(x)), x.dtype)
        y = kernel.normalise(by_picture(x), mu, inv_sigma, *for_all).reshape(x.shape)
        if for_each[0] is not None:
            y *= for_each[0][:, None, None]
            y += for_each[1][:, None, None]
        return y, Saved(x, mu, inv_sigma)

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: the three terms, for each picture and channel by itself."""
        return self._backward(dy, saved, sums_over_places(dy, saved))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta where those exist, summed in float64; nothing when frozen."""
        return {} if self.frozen else self._gradients(dy, sums_over_places(dy, saved))

    def both(self, dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return dx and the gradients, which want the same two sums."""
        sums = sums_over_places(dy, saved)
        return self._backward(dy, saved, sums), {} if self.frozen else self._gradients(dy, sums)

    def _backward(self, dy, saved, sums):
        (scale, _), (own_scale, _) = _divided(self.affine(len(dy)), dy.dtype)
        kernel = kernels.of(dy).normalise_backward
        dx = kernel(by_picture(dy), by_picture(saved.x), saved.mu, saved.inv_sigma, scale, sums)
        if own_scale is not None:
            dx *= own_scale[:, None]
        return dx.reshape(dy.shape)

    def _gradients(self, dy, sums):
        grads = self.of_sums(*(total[:, 0] for total in sums))
        return {name: grads[name].astype(dy.dtype) for name in self.parameters()}


def _divided(affine: Affine, dtype: np.dtype) -> tuple[Affine, Affine]:
    """Return scale and shift for all pictures, and for each; one of the two is nothing."""
    scale, shift = (None if a is None else a.astype(dtype, copy=False) for a in affine)
    if scale is not None and scale.ndim == 2:
        return (None, None), (scale, shift)
    return (scale, shift), (None, None)


def by_picture(x: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) as N groups of places, (N, H W, C)."""
    n, h, w, c = x.shape
    return x.reshape(n, h * w, c)


def sums_over_places(dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums over each picture's places of dy and of dy x_hat, float64 (N, 1, C)."""
    kernel = kernels.of(dy).normalise_sums
    return kernel(by_picture(dy), by_picture(saved.x), saved.mu, saved.inv_sigma)
