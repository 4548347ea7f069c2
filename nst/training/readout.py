"""The linear maps through which a student's features tell its teacher's, and which are thrown away afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.linalg

from nst import kernels
from nst.errors import NstError


class Readout:
    r"""The best linear map R from w channels of a student to v of a teacher, by running least squares.

    With F and T the features of both at the same places, P in each batch, and batches t = 1, 2, ...::

        S_t = keep S_(t-1) + F^T F              Q_t = keep Q_(t-1) + F^T T
        R   = (S_t + ridge tr(S_t)/w I)^-1 Q_t

    So R is not trained but solved for: the student never waits for a map that has not followed yet.

    Some channels may be *direct*: channel j of the student stands for one chosen channel of the teacher, and R has a 1
    there and 0 else, while the other channels of the teacher are read out as above. Then the student's own Gram matrix
    is, but for errors, a part of the teacher's, and differences of style count in it as they do there.

    Parameters
    ----------
    width, targets : int
        w and v.
    direct : sequence of int
        For each channel of the student the channel of the teacher that it stands for; empty when it is free.
    keep : float
        How much of the sums is kept from batch to batch.
    ridge : float
        Keeps R small where channels of the student say the same.

    Attributes
    ----------
    matrix : ndarray of float32, shape (w, v)
    """

    def __init__(
        self, width: int, targets: int, direct: Sequence[int] = (), keep: float = 0.9, ridge: float = 1e-4
    ) -> None:
        self.direct = np.asarray(direct, np.intp)
        self.read = np.setdiff1d(np.arange(targets), self.direct)
        self.keep, self.ridge = keep, ridge
        self.squares, self.products = np.zeros((width, width)), np.zeros((width, targets))
        self.matrix = np.zeros((width, targets), np.float32)
        self.matrix[np.arange(len(self.direct)), self.direct] = 1

    def absorb(self, features: np.ndarray, target: np.ndarray) -> None:
        """Add a batch, features (P, w) and target (P, v), to the sums, and solve anew."""
        kernel = kernels.select(features.dtype)
        self.squares *= self.keep
        self.products *= self.keep
        self.squares += kernel.matrix_product(features, features, transpose_a=True)
        self.products += kernel.matrix_product(features, target, transpose_a=True)
        self._solve()

    def state(self) -> dict[str, np.ndarray]:
        """Return the sums."""
        return {"squares": self.squares, "products": self.products}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned, and solve.

        Raises
        ------
        NstError
            When the sums are not of such features.
        """
        found = state["squares"], state["products"]
        for old, new in zip((self.squares, self.products), found, strict=True):
            if new.shape != old.shape or new.dtype != old.dtype or not np.isfinite(new).all():
                raise NstError(
                    f"the saved sums of a readout are {new.dtype} {new.shape}, not {old.shape}, or not finite"
                )
        self.squares, self.products = (array.copy() for array in found)
        if self.squares.any():
            self._solve()

    def _solve(self) -> None:
        width = len(self.squares)
        level = max(float(np.trace(self.squares)), 1e-30) * self.ridge / width
        system = self.squares + level * np.eye(width)
        wanted = self.products[:, self.read]
        try:
            self.matrix[:, self.read] = scipy.linalg.solve(system, wanted, assume_a="pos")
        except (ValueError, np.linalg.LinAlgError) as error:  # as when features have grown beyond all measure
            raise NstError(f"no readout can be solved for ({error}); lower the learning rate") from error


def independent(features: np.ndarray, count: int) -> np.ndarray:
    """Return which `count` channels of (P, v) say most that the others do not: by QR with column pivoting."""
    return scipy.linalg.qr(features.astype(np.float64), mode="r", pivoting=True)[1][:count]
