"""NumPy's `.npz`: a zip archive of `.npy` members `conv1_1.weight.npy`, kernels `(out, in, kh, kw)` or `(kh,
kw, in, out)`.

Which of the two layouts it is follows from the shapes. Members may be compressed, so a small file can declare
a large array: each header is read first, compared with the size that the archive states for the member, and
the shape with the table of the network, before the numbers are decompressed.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator

import numpy as np

from nst.errors import NstError
from nst.formats.contents import Contents, byte_count, from_bytes, shown
from nst.npy import read_header


@contextlib.contextmanager
def contents(path: str | os.PathLike) -> Iterator[Contents]:
    """Open an `.npz` and list its arrays; `conv1_1/weight` is taken as `conv1_1.weight`."""
    found = Contents("")
    with zipfile.ZipFile(path) as archive:
        if "meta.npy" in archive.namelist():
            raise NstError(
                "it was written by nst.train, or is a checkpoint; nst.classify reads trained networks"
            )
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy").replace("/", ".")
            # bzip2 and LZMA inflate all they are given at once; NumPy writes neither.
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NstError(f"the member {shown(info.filename)} is packed as NumPy never does it")
            with archive.open(info) as stream:
                shape, fortran, dtype, start = read_header(stream)
            if dtype.hasobject or info.file_size != start + byte_count(shape, dtype):
                raise NstError(
                    f"the member {shown(info.filename)} is not as large as its shape {shown(shape)} needs"
                )

            def load(
                info=info, start=start, shape=shape, dtype=dtype, order="F" if fortran else "C"
            ) -> np.ndarray:
                with archive.open(info) as stream:
                    stream.read(start)
                    return from_bytes(stream.read(info.file_size - start), shape, dtype, order)

            found.add(name, shape, dtype, load)
        yield found
