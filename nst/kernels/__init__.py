"""What makes layers fast: the same functions in several modules, one of which `select` chooses by dtype.

`reference` (NumPy) is the definition and takes any dtype. `cpu` (numba) is the fast one for float32. A layer asks
`select` with the dtype that it is given, and calls the same functions of whichever module it gets. The environment
variable `NST_KERNELS=reference` forces the definition everywhere.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

import numpy as np

from nst.kernels import reference

FORCED = os.environ.get("NST_KERNELS")
FLOAT32 = np.dtype(np.float32)


def select(dtype: np.dtype | type) -> ModuleType:
    """Return the module whose functions compute in `dtype`: `cpu` for float32, `reference` for everything else."""
    return reference if np.dtype(dtype) != FLOAT32 or FORCED == "reference" else _fast()


@cache
def _fast() -> ModuleType:
    from nst.kernels import cpu  # when it is first needed: numba takes a moment, and float64 never needs it

    return cpu
