"""Trained encoders and decoders of universal style transfer, from a folder that has their `.npz` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nst.errors import NstError
from nst.formats.exact_npz import read_exactly
from nst.networks.codecs import LEVELS, Codec, adain_codec, adain_shapes, wct_codec, wct_shapes


def read_adain(folder: Path) -> list[Codec]:
    """Return the codec of `adain_encoder.npz` and `adain_decoder.npz`.

    Raises
    ------
    NstError
        When a file is missing, damaged, or holds anything else.
    """
    names = folder / "adain_encoder.npz", folder / "adain_decoder.npz"
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
