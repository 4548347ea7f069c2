"""Which preprocessing belongs to a file that does not say: torchvision's VGG or the Caffe one in torch form.

Both come as `features.N.weight` with the same shapes. The Caffe weights expect BGR pixels 0..255 minus a
mean, torchvision's expect RGB scaled to about -2..2; a mix-up still paints, badly. The magnitude of `conv1_1`
cannot tell: its standard deviation is 0.19 in the Caffe file although its inputs are sixty times larger,
since the deeper layers make up for it. What can: the hash of a published file, and what the filters of
`conv1_1` respond to, which survives every change of container.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst.formats.contents import CAFFE, CAFFE_RGB, TORCHVISION, Preprocessing
from nst.formats.first_filters import BY_NETWORK, family
from nst.formats.known import KNOWN
from nst.formats.verify import OK, check_responses
from nst.networks.architectures import ARCHITECTURES
from nst.networks.weights import Weights

# What BVLC and SqueezeNet's authors subtract; AlexNet's is the mean of their mean picture.
_MEANS = {"alexnet": (104.007, 116.669, 122.679)}
_LICENCES = {"squeezenet": "BSD-2-Clause (SqueezeNet's authors)"}
# torchvision's GoogLeNet was trained elsewhere, on -1..1.
_TO_ONE = replace(TORCHVISION, mean=(127.5,) * 3, scale=(1 / 127.5,) * 3)


def decide(network: str, first: np.ndarray, sha256: str, torch_names: bool) -> tuple[Preprocessing, str]:
    """Return the preprocessing and one sentence that says how it was decided.

    Parameters
    ----------
    network : str
        The architecture.
    first : ndarray, shape (kh, kw, 3, C)
        The kernel of its first convolution.
    sha256 : str
        Of the whole file.
    torch_names : bool
        Whether the layers are called `features.N` or otherwise as in torchvision, which suggests its preprocessing.
    """
    for file in KNOWN:
        if file.sha256 and sha256.startswith(file.sha256):
            stated = Preprocessing(file.channel_order, file.mean, file.scale, file.licence)
            return stated, f"the checksum is that of {file.name} ({file.trained_by})"
    if found := _recognised(network, first):
        return found
    if torch_names:
        stated = _TO_ONE if network == "googlenet-torchvision" else TORCHVISION
        return stated, "assumed to be torchvision's, RGB scaled; the file does not say"
    return _stated(
        network, "BGR"
    ), "assumed to be Caffe's, BGR pixels 0..255 minus the mean; the file does not say"


def _recognised(network: str, first: np.ndarray) -> tuple[Preprocessing, str] | None:
    """Return the preprocessing in whose order of channels the first layer answers as a known training's."""
    known = BY_NETWORK.get(family(network))
    if known is None or first.shape != known.shape:
        return None
    for order in ("BGR", "RGB"):
        checks = check_responses(Weights({f"{known.layer}.weight": first}, network, order))
        if {check.name: check.verdict for check in checks}["channel order"] == OK:
            stated = _pruned(order) if network == "alexnet" else _stated(network, order)
            return stated, f"{known.layer} responds as {known.whose}, {order} pixels 0..255"
    return None


def _stated(network: str, order: str) -> Preprocessing:
    """Return what Caffe's networks expect: the mean is in the order of the channels."""
    if network not in ARCHITECTURES or family(network) == "vgg":
        return CAFFE if order == "BGR" else CAFFE_RGB
    mean = _MEANS.get(network, (104.0, 117.0, 123.0))
    licence = _LICENCES.get(network, "unrestricted use, as stated in BVLC's model zoo")
    return Preprocessing(order, mean if order == "BGR" else mean[::-1], (1.0,) * 3, licence)


def _pruned(order: str) -> Preprocessing:
    """Return what the pruned AlexNet expects: inputs of about unit size."""
    mean = BY_NETWORK["alexnet"].mean
    return Preprocessing(order, mean if order == "RGB" else mean[::-1], (1 / 57.375,) * 3, "MIT")
