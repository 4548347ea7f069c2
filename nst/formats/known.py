"""The weight files that the world passes around, by name, size and hash, and the folders where ours lie."""

from __future__ import annotations

import hashlib
import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path

import nst
from nst.errors import NstError, nearest

CAFFE_MEAN = (103.939, 116.779, 123.68)
TORCH_MEAN = (123.675, 116.28, 103.53)
TORCH_SCALE = (1 / 58.395, 1 / 57.12, 1 / 57.375)

_OXFORD = "CC BY 4.0, K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford"
_TORCH = "BSD-3-Clause (torchvision)"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class KnownFile:
    """One published weight file and all that is known about it beforehand.

    Attributes
    ----------
    name, network, format : str
        The file's own name, the architecture, and the reader's identifier of the format.
    url : str
        Where its author publishes it; empty where no address is known to work.
    bytes : int
        Its size; 0 where that was never published.
    md5, sha256 : str
        Lower-case hexadecimal digits; `sha256` may be a prefix, as in torch's file names. Empty: not known.
    licence : str
        The terms as its source states them.
    channel_order, mean, scale
        What the network expects of its input, as in `nst.networks.weights.Weights`.
    trained_by : str
        `"Oxford"` for the numbers of the paper, whatever the container; `"torchvision"` for its own training.
    """

    name: str
    network: str
    format: str
    url: str = ""
    bytes: int = 0
    md5: str = ""
    sha256: str = ""
    licence: str = _OXFORD
    channel_order: str = "BGR"
    mean: tuple[float, float, float] = CAFFE_MEAN
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    trained_by: str = "Oxford"

    def mismatch(self, path: str | os.PathLike) -> str:
        """Return what about the file at `path` differs from this entry, or an empty string."""
        size = os.stat(path).st_size
        if self.bytes and size != self.bytes:
            return f"it has {size:,} bytes and not {self.bytes:,}"
        md5, sha256 = digests(path)
        if self.md5 and md5 != self.md5:
            return f"its md5 is {md5} and not {self.md5}"
        if self.sha256 and not sha256.startswith(self.sha256):
            return f"its sha256 is {sha256} and not {self.sha256}"
        return ""


def _torchvision(name: str, network: str, sha256: str, size: int = 0, **differs: object) -> KnownFile:
    fields: dict = {"format": "torch-zip", "url": f"https://download.pytorch.org/models/{name}"}
    fields |= {"channel_order": "RGB", "mean": TORCH_MEAN, "scale": TORCH_SCALE}
    fields |= {"licence": _TORCH, "trained_by": "torchvision"}
    return KnownFile(name, network, bytes=size, sha256=sha256, **{**fields, **differs})


def _keras(network: str, top: bool, size: int, md5: str) -> KnownFile:
    name = f"{network}_weights_tf_dim_ordering_tf_kernels{'' if top else '_notop'}.h5"
    return KnownFile(name, network, "keras-h5", f"{_KERAS}{network}/{name}", size, md5)


KNOWN: tuple[KnownFile, ...] = (
    _keras("vgg19", False, 80_134_624, "253f8cb515780f3b799900260a226db6"),
    _keras("vgg19", True, 574_710_816, "cbe5617147190e668d6c5d5026f83318"),
    _keras("vgg16", False, 58_889_256, "6d6bbae143d832006294945121d1f1fc"),
    _keras("vgg16", True, 553_467_096, "64373286793e3c8b2b4e3219cbf3544b"),
    KnownFile(
        "VGG_ILSVRC_19_layers.caffemodel",
        "vgg19",
        "caffemodel",
        "https://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_19_layers.caffemodel",
        574_671_192,
        "b5c644beabd7cf06bdd9065cfd674c97",
    ),
    KnownFile(
        "vgg19-d01eb7cb.pth",
        "vgg19",
        "torch-legacy",
        "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth",
        sha256="d01eb7cb",
    ),
    KnownFile(
        "vgg16-00b39a1b.pth",
        "vgg16",
        "torch-legacy",
        "https://web.eecs.umich.edu/~justincj/models/vgg16-00b39a1b.pth",
        sha256="00b39a1b",
    ),
    _torchvision("vgg19-dcbb9e9d.pth", "vgg19", "dcbb9e9d", 574_673_361),
    _torchvision("vgg16-397923af.pth", "vgg16", "397923af"),
    _torchvision(
        "vgg16_features-amdegroot-88682ab5.pth",
        "vgg16",
        "88682ab5",
        mean=(123.0, 117.0, 104.0),
        scale=(1.0, 1.0, 1.0),
        trained_by="Oxford",
    ),
    _torchvision(
        "model.safetensors",
        "vgg19",
        "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
        format="safetensors",
        url="https://huggingface.co/timm/vgg19.tv_in1k/resolve/main/model.safetensors",
    ),
    _torchvision(
        "model.safetensors",
        "vgg16",
        "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
        format="safetensors",
        url="https://huggingface.co/timm/vgg16.tv_in1k/resolve/main/model.safetensors",
    ),
    _torchvision("alexnet-owt-7be5be79.pth", "alexnet-torchvision", "7be5be79"),
    _torchvision("alexnet-owt-4df8aa71.pth", "alexnet-torchvision", "4df8aa71", format="torch-legacy"),
    _torchvision("squeezenet1_1-b8a52dc0.pth", "squeezenet", "b8a52dc0"),
    _torchvision("squeezenet1_1-f364aa15.pth", "squeezenet", "f364aa15", format="torch-legacy"),
    _torchvision(
        "googlenet-1378be20.pth",
        "googlenet-torchvision",
        "1378be20",
        mean=(127.5,) * 3,
        scale=(1 / 127.5,) * 3,
    ),
    KnownFile(
        "alexnet_conv1_to_conv5.npz",
        "alexnet",
        "npz",
        sha256="c26124456fd1cd0b3ed6de17aec4eeabba744c8f8ec091b4ee929cc171ff3588",
        licence="MIT",
        channel_order="RGB",
        mean=(122.68, 116.67, 104.01),
        scale=(1 / 57.375,) * 3,
        trained_by="its author, pruned and rounded to 8 bits",
    ),
    KnownFile(
        "imagenet-vgg-verydeep-19.mat",
        "vgg19",
        "matconvnet-mat",
        "https://www.vlfeat.org/matconvnet/models/beta16/imagenet-vgg-verydeep-19.mat",
        md5="8ee3263992981a1d26e73b3ca028a123",
        channel_order="RGB",
        mean=CAFFE_MEAN[::-1],
    ),
    KnownFile(
        "imagenet-vgg-verydeep-19.mat",
        "vgg19",
        "matconvnet-mat",
        "https://www.vlfeat.org/matconvnet/models/imagenet-vgg-verydeep-19.mat",
        md5="106118b7cf60435e6d8e04f6a6dc3657",
        channel_order="RGB",
        mean=CAFFE_MEAN[::-1],
    ),
    KnownFile(
        "vgg19.npy",
        "vgg19",
        "npy-dict",
        "",
        574_670_860,
        sha256="230f8aac6679445545743fa5ea3839f963677a38e008846f13364e6caa594f60",
    ),
)


def official(network: str) -> KnownFile:
    """Return the file that `python -m nst.weights get` fetches: Keras', without the classifier."""
    offered = {file.network: file for file in KNOWN if file.name.endswith("_notop.h5")}
    if network not in offered:
        there, hint = " and ".join(sorted(offered)), nearest(network, list(offered))
        raise NstError(f"no published weights for {network!r}, only for {there}{hint}")
    return offered[network]


def digests(path: str | os.PathLike) -> tuple[str, str]:
    """Return the MD5 and the SHA-256 of a file in hexadecimal digits, from one reading."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            md5.update(piece)
            sha256.update(piece)
    return md5.hexdigest(), sha256.hexdigest()


def fingerprint(path: str | os.PathLike) -> tuple[KnownFile | None, str]:
    """Name a file by its size and hash.

    Returns
    -------
    known : KnownFile or None
        The entry whose hash the file has.
    damage : str
        What differs, when the file has the name and the size of a known one but another hash; else empty.
    """
    found = Path(path)
    size = found.stat().st_size
    md5, sha256 = digests(found)
    candidates = [file for file in KNOWN if file.bytes in (0, size)]
    for file in candidates:
        # An entry matches only on a hash; MD5 alone is what some of the sources published.
        if (file.md5 or file.sha256) and file.md5 in ("", md5) and sha256.startswith(file.sha256):
            return file, ""
    for file in candidates:
        if file.bytes and file.name == found.name:
            return None, f"it has the name and size of {file.name}, but {file.mismatch(found)}: damaged"
    return None, ""


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/nst`, or `~/.cache/nst` where that is unset; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules tell programs to ignore a relative path.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "nst"


def weights_folder() -> Path:
    """Return the folder that converted weights are written to.

    `$NST_WEIGHTS` when it is a folder that can be written, else the cache folder, which may not exist yet.
    """
    named = os.environ.get("NST_WEIGHTS", "")
    if named and os.path.isdir(named) and os.access(named, os.W_OK):
        return Path(named)
    return cache_folder()


# In this order: ours, then what keeps most, each read without executing anything.
_PATTERNS = ("{0}.h5", "{0}*.h5", "{0}*.pth", "{0}*.safetensors", "{0}*.npz", "{0}*.mat", "{0}*.caffemodel")
_PATTERNS += ("{0}*.npy", "bvlc_{0}*.npz", "bvlc_{0}*.caffemodel")


BUNDLED = "slim"
"""The network that comes with the program."""

_CUT = "-cut"  # `nst.networks.CUT`, whose import takes a moment that --help should not take


def bundled(name: str) -> Path | None:
    """Return a file that comes with the program, by name: in `weights/` of a clone, or where pip puts it."""
    root = Path(nst.__file__).parents[1]
    shared = (Path(base, "share", "nst") for base in (root, sys.prefix, site.getuserbase()))
    found = (folder / name for folder in (root / "weights", *shared))
    return next(filter(Path.is_file, found), None)


def bundled_weights() -> Path | None:
    """Return the file of the network that comes with the program."""
    return bundled(f"{BUNDLED}.h5")


def find_weights(network: str) -> Path | None:
    """Return the weight file that a run without `--weights` uses, or `None`.

    `$NST_WEIGHTS` comes first, a file or a folder, then the cache folder. In a folder `{network}.h5` comes
    first, then `{network}*` with the endings .h5, .pth, .safetensors, .npz, .mat, .caffemodel and .npy, in
    this order, and the first by name within one ending; then `bvlc_{network}*`, as Caffe's own are called. What comes
    with the program is found nowhere else than beside it, so that every machine paints the same.

    Raises
    ------
    NstError
        When `$NST_WEIGHTS` names something that does not exist.
    """
    named = os.environ.get("NST_WEIGHTS", "")
    if named and not os.path.exists(named):
        raise NstError(f"NST_WEIGHTS names {named}, which does not exist; mend it or unset it")
    if named and os.path.isfile(named):
        return Path(named)
    if network == BUNDLED:
        return bundled_weights()
    for folder in ([Path(named)] if named else []) + [cache_folder()]:
        for pattern in _PATTERNS:
            found = (path for path in folder.glob(pattern.format(network)) if path.is_file())
            # A network that has been cut serves who names it; nobody else should paint with it unawares.
            matches = sorted(path for path in found if network.endswith(_CUT) or _CUT not in path.name)
            if matches:
                return matches[0]
    return None
