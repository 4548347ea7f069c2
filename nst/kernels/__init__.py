"""What makes layers fast: the same functions in several modules, one of which `select` chooses by dtype.

`reference` (NumPy) is the definition and takes any dtype. `cpu` (numba) is the fast one for float32. A layer asks
`select` with the dtype that it is given, and calls the same functions of whichever module it gets. The environment
variable `NST_KERNELS=reference` forces the definition everywhere.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from types import ModuleType

import numpy as np

from nst.kernels import reference


def select(dtype: np.dtype | type) -> ModuleType:
    """Return the module whose functions compute in `dtype`: `cpu` for float32, `reference` for everything else."""
    if np.dtype(dtype) != np.float32 or os.environ.get("NST_KERNELS") == "reference":
        return reference
    return _fast()


@cache
def _fast() -> ModuleType:
    """Import the fast kernels when they are first needed: numba takes a moment, and float64 never needs it."""
    try:
        from nst.kernels import cpu
    except RuntimeError:  # numba finds no folder for its cache: a read-only installation, and no home
        from numba import config

        config.CACHE_DIR = tempfile.mkdtemp(prefix="nst-numba-")
        from nst.kernels import cpu
    return cpu
