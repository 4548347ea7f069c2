"""Conditional instance normalisation: many styles in one network."""

from __future__ import annotations

import copy

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.layers.base import Layer
from nst.layers.instance_norm import InstanceNorm, Saved, by_picture, sums_over_places


class ConditionalInstanceNorm(Layer):
    r"""Instance normalisation with a scale and a shift for each style.

    Dumoulin, Shlens and Kudlur, *A Learned Representation for Artistic Style*, 2017.
    All convolutions serve all S styles; a style is 2 C numbers a layer. With x_hat as in `InstanceNorm` and w_ts
    how much picture t is to have of style s::

        y_tijk = (sum_s w_ts gamma_si) x_hat_tijk + (sum_s w_ts beta_si)

    A row of w with a single 1 is one style, and a row between two of them a style between.

    **Backward.** With g_ti = sum_s w_ts gamma_si for gamma, dx is that of `InstanceNorm`; both parameters are
    reached through g and its counterpart, linearly::

        dgamma_si = sum_t w_ts sum_jk dy_tijk x_hat_tijk         dbeta_si = sum_t w_ts sum_jk dy_tijk

    so a style that no picture has gets none.

    Parameters
    ----------
    gamma, beta : ndarray, shape (S, C)
        Scale and shift by style, trained.
    mix : ndarray, shape (S,) or (N, S)
        w: one row for all pictures, or a row for each. It is no parameter; see `mixed`.
    eps : float
        Added to the variance, inside the root.
    """

    parameter_names = ("gamma", "beta")

    def __init__(
        self, gamma: np.ndarray, beta: np.ndarray, mix: np.ndarray | None = None, *, eps: float = 1e-5
    ) -> None:
        if gamma.ndim != 2 or gamma.shape != beta.shape:
            raise ValueError(f"scales {gamma.shape} and shifts {beta.shape} are not both (styles, channels)")
        self.gamma, self.beta, self.eps = gamma, beta, float(eps)
        self.mix = self._checked(np.eye(len(gamma))[0] if mix is None else mix)

    def mixed(self, mix: np.ndarray) -> ConditionalInstanceNorm:
        """Return a layer with the same parameters (the same arrays) for another mixture of styles."""
        twin = copy.copy(self)
        twin.mix = self._checked(mix)
        return twin

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the same shape; NstError unless it is (N, H, W, C) and there is a row of `mix` for each picture."""
        if len(shape) != 4 or shape[3] != self.gamma.shape[1]:
            raise NstError(
                f"conditional instance normalisation expects (N, H, W, {self.gamma.shape[1]}), not {tuple(shape)}"
            )
        if self.mix.ndim == 2 and shape[0] not in (0, len(self.mix)):
            raise NstError(f"styles are chosen for {len(self.mix)} pictures, but there are {shape[0]}")
        return tuple(shape)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        """Normalise `x` (N, H, W, C) over its pixels, and give each picture its style.

        Raises
        ------
        NstError
            For a shape that does not suit, and with one pixel, as `InstanceNorm`.
        """
        self.output_shape(x.shape)
        x_hat, saved = InstanceNorm(None, None, eps=self.eps).forward(x)
        mix = self._rows(len(x))
        scale, shift = ((mix @ one)[:, None, None].astype(x.dtype) for one in (self.gamma, self.beta))
        x_hat *= scale
        x_hat += shift
        return x_hat, saved

    def backward(self, dy: np.ndarray, saved: Saved) -> np.ndarray:
        """Return dx: for each picture the three terms, by its own scale."""
        return self._backward(dy, saved, sums_over_places(dy, saved))

    def gradients(self, dy: np.ndarray, saved: Saved) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta (S, C), summed in float64; nothing when frozen."""
        return {} if self.frozen else self._gradients(dy, sums_over_places(dy, saved))

    def both(self, dy: np.ndarray, saved: Saved) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return dx and the gradients, which want the same two sums."""
        sums = sums_over_places(dy, saved)
        return self._backward(dy, saved, sums), {} if self.frozen else self._gradients(dy, sums)

    def _backward(self, dy, saved, sums):
        kernel = kernels.select(dy.dtype).normalise_backward
        dx = kernel(by_picture(dy), by_picture(saved.x), saved.mu, saved.inv_sigma, None, sums)
        dx *= (self._rows(len(dy)) @ self.gamma)[:, None].astype(dy.dtype)
        return dx.reshape(dy.shape)

    def _gradients(self, dy, sums):
        mix = self._rows(len(dy))
        dbeta, dgamma = ((mix.T @ total[:, 0]).astype(dy.dtype) for total in sums)
        return {"gamma": dgamma, "beta": dbeta}

    def _rows(self, pictures: int) -> np.ndarray:
        """Return w as (N, S)."""
        return (
            np.broadcast_to(self.mix, (pictures, len(self.gamma)))
            if self.mix.ndim == 1
            else self.mix[:pictures]
        )

    def _checked(self, mix: np.ndarray) -> np.ndarray:
        mix = np.asarray(mix, np.float64)
        if mix.ndim not in (1, 2) or mix.shape[-1] != len(self.gamma) or not np.isfinite(mix).all():
            raise NstError(
                f"a mixture of shape {mix.shape} does not suit {len(self.gamma)} styles, or is not finite"
            )
        return mix
