"""A picture as a sum of waves."""

from __future__ import annotations

import numpy as np

from nst.layers.base import Layer


class Fourier(Layer):
    r"""Make a picture (N, H, W, C) of as many waves, each weighed by its wavelength.

    Along both axes, with cas(t) = cos(t) + sin(t), the coefficient z_uv belongs to one wave of u periods down and v
    across (frequencies above half the length count as negative ones)::

        y_hw = 1/sqrt(H W) sum_uv s_uv z_uv cas(2 pi (u h / H + v w / W))
        a_uv = 1 / max(f_uv, 1 / max(H, W))^decay         f_uv = sqrt((u/H)^2 + (v/W)^2), in periods a pixel
        s_uv = gain a_uv / sqrt(mean a^2)

    This is Hartley's real form of the Fourier transform. Real and imaginary part of a coefficient and of its
    conjugate at -u, -v are two numbers twice; here z_uv and z_(-u)(-v) are the two. From the complex transform F of
    the same numbers it is Re F - Im F.

    **Why.** Photographs have amplitudes that fall as 1/f. With `decay` 1, coefficients of one size make a picture of
    that kind, and a step of one size in each of them moves large shapes as readily as fine ones. Pixels in place of
    waves leave this to the gradient, which prefers the highest frequencies (Olah et al., *Feature Visualization*,
    2017). The picture can be any picture: only the distances between pictures have changed.

    **Backward.** cas(2 pi (u h / H + v w / W)) is symmetric in (u, v) and (h, w), so the matrix of the sum is its own
    transpose, and since it is orthogonal, its own inverse too::

        dz = s dy_transformed         the same transform, then the same weights

    Parameters
    ----------
    decay : float
        0 for white noise, 1 for photographs.
    gain : float
        The standard deviation of the picture that coefficients of standard deviation 1 make, whatever the size.
    """

    def __init__(self, decay: float = 1.0, gain: float = 1.0) -> None:
        self.decay, self.gain = float(decay), float(gain)

    def weights(self, height: int, width: int) -> np.ndarray:
        """Return s, of shape (1, H, W, 1), in float64."""
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
        amplitude = np.maximum(frequency, 1 / max(height, width)) ** -self.decay
        return (self.gain * amplitude / np.sqrt(np.mean(amplitude**2)))[None, :, :, None]

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, None]:
        """Return the picture of the coefficients `x` (N, H, W, C), and nothing."""
        return hartley(self.weights(*x.shape[1:3]).astype(x.dtype) * x), None

    def backward(self, dy: np.ndarray, saved: None) -> np.ndarray:
        """Return the gradient of the coefficients."""
        return self.weights(*dy.shape[1:3]).astype(dy.dtype) * hartley(dy)

    def coefficients(self, picture: np.ndarray) -> np.ndarray:
        """Return the coefficients of a picture (N, H, W, C): what `forward` makes it of."""
        return hartley(picture) / self.weights(*picture.shape[1:3]).astype(picture.dtype)


def hartley(x: np.ndarray) -> np.ndarray:
    """Return Hartley's transform of pictures (N, H, W, C) along rows and columns: orthogonal, its own inverse."""
    from scipy import fft  # which takes a moment to load, and keeps float32 as NumPy before 2.0 does not

    spectrum = fft.fft2(x, axes=(1, 2), norm="ortho")
    return spectrum.real - spectrum.imag
