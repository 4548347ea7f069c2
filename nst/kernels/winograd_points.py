"""The matrices of Winograd's convolution, made from a list of points by the Cook-Toom method.

The short correlation ``y[i] = sum over k of g[k] d[i + k]`` of m outputs with r taps needs m r multiplications as it
stands. It is the transpose of a product of two polynomials, and a product of polynomials is known from its values at
enough points: evaluate both factors there, multiply value by value, interpolate. With n = m + r - 1 points::

    y = A^T [ (G g) * (B^T d) ]             n multiplications

and for pictures, with the same on the rows and then on the columns::

    y = A^T [ (G g G^T) * (B^T d B) ] A     n^2 multiplications for m^2 outputs

F(4x4, 3x3) multiplies 36 times for 16 outputs, where 144 would be direct: 4 times fewer; F(2x2, 3x3) 16 times for 4,
2.25 times fewer. The transforms are additions and multiplications by constants; summed over many channels, they cost
little (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016).

**The points decide the rounding error.** In exact arithmetic any distinct points do. In float32, values of a polynomial
at large points are large, and interpolation takes differences of large numbers for small ones. The textbook's points
for F(4x4, 3x3), {0, +-1, +-2, infinity}, have powers up to 8 on one side and none on the other. Here they are
{0, +-sqrt(1/2), +-sqrt(2), infinity}, balanced around one: each p comes with its 1/p. That halves the error (relative
error of a layer of 64, 256, 512 channels against float64: 7.7e-7, 1.3e-6, 1.8e-6 instead of 1.5e-6, 2.6e-6, 3.8e-6;
F(2x2, 3x3): 2.6e-7, 4.9e-7, 6.9e-7), and costs nothing. Points come in pairs +-p because a pair shares its
even and its odd part: ``e + o`` and ``e - o``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Matrices(NamedTuple):
    """The three matrices of F(m x m, r x r), float64: ``y = A^T [(G g G^T) * (B^T d B)] A``, with n = m + r - 1."""

    output: np.ndarray
    """A^T, (m, n): from the n values to the m outputs."""
    weights: np.ndarray
    """G, (n, r): from the taps to n values."""
    input: np.ndarray
    """B^T, (n, n): from n pixels to n values."""

    @property
    def tile(self) -> int:
        """m, the outputs of a tile along one axis."""
        return len(self.output)

    @property
    def size(self) -> int:
        """n, the pixels that a tile reads along one axis."""
        return len(self.input)

    def multiplications(self, height: int, width: int) -> int:
        """Return the multiplications for a map of outputs, for one channel in and one out."""
        return self.size**2 * -(-height // self.tile) * -(-width // self.tile)


def cook_toom(points: list[float], taps: int = 3) -> Matrices:
    """Return the matrices for the given finite points and infinity.

    With ``M(x)`` the product of all ``x - p`` and ``M_i(x) = M(x) / (x - p_i)``: row i of B^T holds the coefficients of
    M_i, row i of G the powers of p_i divided by ``M_i(p_i)``, column i of A^T the powers of p_i. Infinity takes the
    last row or column: M itself, and the highest coefficient.
    """
    n = len(points) + 1
    m = n - taps + 1
    output, weights, values = np.zeros((m, n)), np.zeros((n, taps)), np.zeros((n, n))
    for i, p in enumerate(points):
        others = np.polynomial.polynomial.polyfromroots(points[:i] + points[i + 1 :])
        values[i, : n - 1] = others
        weights[i] = p ** np.arange(taps) / np.polynomial.polynomial.polyval(p, others)
        output[:, i] = p ** np.arange(m)
    values[n - 1] = np.polynomial.polynomial.polyfromroots(points)
    weights[n - 1, taps - 1] = output[m - 1, n - 1] = 1
    # sqrt(2)^2 is 2 only nearly; the transforms leave out a factor that is exactly 0 or 1
    return Matrices(*(np.round(matrix, 14) + 0.0 for matrix in (output, weights, values)))


F4 = cook_toom([0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)])
F2 = cook_toom([0.0, 1.0, -1.0])
