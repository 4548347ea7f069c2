"""Conditional instance normalisation: many styles in one network."""

from __future__ import annotations

import copy

import numpy as np

from nst.errors import NstError
from nst.layers.picture_norm import Affine, PictureNorm, Saved


class ConditionalInstanceNorm(PictureNorm):
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
        return super().forward(x)

    def affine(self, pictures: int) -> Affine:
        """Return the mixture's gamma and beta: (C,), or (N, C) where there is a row of `mix` for each picture."""
        mix = self.mix if self.mix.ndim == 1 else self.mix[:pictures]
        return mix @ self.gamma, mix @ self.beta

    def of_sums(self, dbeta: np.ndarray, dgamma: np.ndarray) -> dict[str, np.ndarray]:
        """Return dgamma and dbeta (S, C): each style has its share of each picture's sums."""
        mix = np.broadcast_to(
            self.mix if self.mix.ndim == 1 else self.mix[: len(dgamma)], (len(dgamma), len(self.gamma))
        )
        return {"gamma": mix.T @ dgamma, "beta": mix.T @ dbeta}

    def _checked(self, mix: np.ndarray) -> np.ndarray:
        mix = np.asarray(mix, np.float64)
        if mix.ndim not in (1, 2) or mix.shape[-1] != len(self.gamma) or not np.isfinite(mix).all():
            raise NstError(
                f"a mixture of shape {mix.shape} does not suit {len(self.gamma)} styles, or is not finite"
            )
        return mix
