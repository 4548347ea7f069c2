"""Reading NumPy's arrays: as NumPy reads them, and nothing that a header only claims."""

from __future__ import annotations

import io

import numpy as np
import pytest

from nst.errors import NstError
from nst.npy import PIECE, read_array


def stored(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4)),
        np.asarray(7),
        np.zeros((0, 3), np.float32),
        np.array(["a", "bcd"]),
        np.arange(PIECE // 4 + 5, dtype=np.float32),
    ],
)
def test_what_numpy_wrote_is_read(array):
    """Values, shape, dtype and order come back, also of empty and of long arrays, ready to be written into."""
    data = stored(array)
    found = read_array(io.BytesIO(data + b"more"), len(data))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.shape == array.shape and found.flags.writeable
    assert found.flags.f_contiguous == array.flags.f_contiguous


@pytest.mark.parametrize("length", [-1, 1])
def test_a_length_that_is_not_the_headers_is_refused(length):
    """Neither fewer bytes nor more than the header claims."""
    data = stored(np.arange(5))
    with pytest.raises(NstError, match=r"claims int64 \(5,\), but it holds"):
        read_array(io.BytesIO(data), len(data) + length)


def test_a_stream_that_ends_early_is_refused():
    """What is missing is not made up."""
    data = stored(np.arange(5))
    with pytest.raises(NstError, match="end too early"):
        read_array(io.BytesIO(data[:-1]), len(data))
