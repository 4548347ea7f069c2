"""Which preprocessing belongs to a file that does not say: torchvision's VGG or the Caffe one in torch form.

Both come as `features.N.weight` with the same shapes. The Caffe weights expect BGR pixels 0..255 minus a
mean, torchvision's expect RGB scaled to about -2..2; a mix-up still paints, badly. The magnitude of `conv1_1`
cannot tell: its standard deviation is 0.19 in the Caffe file although its inputs are sixty times larger,
since the deeper layers make up for it. What can: the hash of a published file, and what the filters of
`conv1_1` respond to, which survives every change of container.
"""

from __future__ import annotations

import numpy as np

from nst.formats.contents import CAFFE, CAFFE_RGB, TORCHVISION, Preprocessing
from nst.formats.known import KNOWN
from nst.formats.verify import OK, check_responses
from nst.networks.weights import Weights


def decide(first: np.ndarray, sha256: str, torch_names: bool) -> tuple[Preprocessing, str]:
    """Return the preprocessing and one sentence that says how it was decided.

    Parameters
    ----------
    first : ndarray, shape (kh, kw, 3, C)
        The kernel of `conv1_1`.
    sha256 : str
        Of the whole file.
    torch_names : bool
        Whether the layers are called `features.N`, which by itself suggests torchvision.
    """
    for file in KNOWN:
        if file.sha256 and sha256.startswith(file.sha256):
            stated = Preprocessing(file.channel_order, file.mean, file.scale, file.licence)
            return stated, f"the checksum is that of {file.name} ({file.trained_by})"
    for preprocessing in (CAFFE, CAFFE_RGB):
        guess = Weights({"conv1_1.weight": first}, "vgg", preprocessing.channel_order, preprocessing.mean)
        verdicts = {check.name: check.verdict for check in check_responses(guess)}
        if verdicts["channel order"] == OK:
            return preprocessing, f"conv1_1 responds as Oxford's, {preprocessing.channel_order} pixels 0..255"
    if torch_names:
        return TORCHVISION, "assumed to be torchvision's, RGB scaled; the file does not say"
    return CAFFE, "assumed to be Caffe's, BGR pixels 0..255 minus the mean; the file does not say"
