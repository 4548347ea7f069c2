"""Trained encoders and decoders of universal style transfer: slim's, or others' from a folder of `.npz` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nst import formats
from nst.errors import NstError
from nst.formats.exact_npz import read_exactly
from nst.formats.known import BUNDLED, bundled
from nst.networks import slim_codecs
from nst.networks.codecs import LEVELS, Codec, adain_codec, adain_shapes, wct_codec, wct_shapes
from nst.networks.weights import Weights

NAMES = {
    "adain": ("adain_encoder.npz", "adain_decoder.npz"),
    "wct": tuple(f"distilled_vgg19_{part}coder{LEVELS[0]}.npz" for part in ("en", "de")),
}
"""By which files of VGG-19's a folder that has them is known, for each method."""


def bundled_slim() -> tuple[Weights, Path]:
    """Return the weights of slim that come with the program, and their file.

    Raises
    ------
    NstError
        When they are not there.
    """
    path = _bundled(BUNDLED)
    return formats.read(path, BUNDLED), path


def read_slim(path: Path | None = None, levels: Sequence[int] = slim_codecs.LEVELS) -> list[Codec]:
    """Return slim's codecs, with the decoders that come with the program or others that `nst.train decoder` wrote.

    Raises
    ------
    NstError
        When a file is missing or damaged, was trained for another encoder, or lacks a level.
    """
    slim, _ = bundled_slim()
    path = path or _bundled(slim_codecs.DECODERS)
    found = formats.read(path, slim_codecs.DECODERS)
    if found.sha256 != slim.sha256:
        raise NstError(f"{path} was trained for another slim than the one that comes with nst; train it anew")
    if not all(np.isfinite(array).all() for array in found.arrays.values()):
        raise NstError(f"{path} holds numbers that are not finite; train it anew")
    encoder, codecs = slim_codecs.slim_encoder(slim), []
    for level in levels:
        if not slim_codecs.decoder_shapes(level).keys() <= found.arrays.keys():
            raise NstError(f"{path} has no decoder of level {level}; finish its training with --resume")
        decoder = slim_codecs.slim_decoder(level, found.arrays)
        codecs.append(slim_codecs.slim_codec(level, encoder, decoder))
    return codecs


def _bundled(name: str) -> Path:
    path = bundled(f"{name}.h5")
    if path is None:
        raise NstError(f"{name}.h5, which comes with nst, is not here; install nst again")
    return path


def read_adain(folder: Path) -> list[Codec]:
    """Return the codec of `adain_encoder.npz` and `adain_decoder.npz`.

    Raises
    ------
    NstError
        When a file is missing, damaged, or holds anything else.
    """
    names = tuple(folder / name for name in NAMES["adain"])
    return [adain_codec(*_both(names, adain_shapes()))]


def read_wct(folder: Path, levels: Sequence[int] = LEVELS) -> list[Codec]:
    """Return the codecs of `distilled_vgg19_encoder5.npz`, `distilled_vgg19_decoder5.npz` and so on, by level.

    Raises
    ------
    NstError
        When a file is missing, damaged, or holds anything else.
    """
    codecs = []
    for level in levels:
        names = (folder / f"distilled_vgg19_{part}coder{level}.npz" for part in ("en", "de"))
        codecs.append(wct_codec(level, *_both(tuple(names), wct_shapes(level))))
    return codecs


def _both(paths: tuple[Path, ...], shapes: tuple[dict, dict]) -> list[dict[str, np.ndarray]]:
    for path in paths:
        if not path.exists():
            raise NstError(f"{path} is missing; name the folder of the encoders and decoders with --weights")
    read = [read_exactly(path, table, path.stem) for path, table in zip(paths, shapes, strict=True)]
    return [{name: _in_our_order(array) for name, array in arrays.items()} for arrays in read]


def _in_our_order(array: np.ndarray) -> np.ndarray:
    """Return a kernel (out, in, kh, kw) as (kh, kw, in, out); biases as they are."""
    return np.ascontiguousarray(array.transpose(2, 3, 1, 0)) if array.ndim == 4 else array
