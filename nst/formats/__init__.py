"""Weight files: one reader per format, and the canonical file that we write.

A reader lists what a file claims to hold; `assemble` compares the claims with the table of the network and
only then lets it read. Whatever a file contains, nothing of it is executed, no other file is opened on its
behalf, and no memory is taken for sizes that the network does not have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from nst.errors import NstError
from nst.formats import (
    caffemodel,
    canonical,
    keras_h5,
    matconvnet,
    npy_dict,
    npz_file,
    safetensors_file,
    torch_pth,
)
from nst.formats.assemble import assemble
from nst.formats.canonical import write
from nst.formats.contents import Contents
from nst.formats.magic import FORMATS, identify
from nst.networks.weights import Weights

__all__ = ["FORMATS", "identify", "read", "write"]

READERS: dict[str, Callable[[Path], AbstractContextManager[Contents]]] = {
    "nst-h5": canonical.contents,
    "keras-h5": keras_h5.contents,
    "matconvnet-mat": matconvnet.contents,
    "caffemodel": caffemodel.contents,
    "torch-zip": torch_pth.zip_contents,
    "torch-legacy": torch_pth.legacy_contents,
    "npy-dict": npy_dict.contents,
    "safetensors": safetensors_file.contents,
    "npz": npz_file.contents,
}


def read(
    path: str | os.PathLike,
    network: str | None = None,
    *,
    top: bool = False,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Weights:
    """Read the weights of a network from a file in any of the known formats.

    Parameters
    ----------
    path : path
        The file; its format is recognised by content.
    network : str, optional
        A name in `nst.networks.ARCHITECTURES`; by default whichever the names of the layers fit.
    top : bool
        Also read the fully connected layers `fc6` to `fc8` where the file has them. Style transfer never needs
        them, and they are six sevenths of a full VGG.
    shapes : mapping of str to tuple, optional
        The table of arrays to compare with, like `nst.networks.vgg.vgg_shapes`, for a network of other
        widths.

    Returns
    -------
    Weights
        Arrays in the canonical layout, float32, in the order of the network. A file that stops early gives
        the first layers. What was assumed is said in `notes`.

    Raises
    ------
    NstError
        One line with the path and the cause, whatever is wrong with the file.
    """
    kind = identify(path)
    try:
        with READERS[kind](Path(path)) as contents:
            return assemble(contents, path, FORMATS[kind], network=network, top=top, shapes=shapes)
    except NstError as error:
        raise NstError(f"{path} ({FORMATS[kind]}): {error}") from error
    except Exception as error:
        # Parsers of foreign bytes (h5py, zipfile, zlib, struct, json) raise whatever they please on a damaged
        # file.
        cause = " ".join(ascii(str(error))[1:-1].split())[:120] or type(error).__name__
        raise NstError(f"{path} ({FORMATS[kind]}) is damaged, perhaps cut short: {cause}") from error
