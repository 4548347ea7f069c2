"""Pictures: read, write, resize, move colours between them. Everywhere RGB, 0..255, float32, (H, W, 3)."""

from nst.images.colour import keep_colours, luminance, match_colours
from nst.images.load import MAX_PIXELS, Picture, load
from nst.images.resize import fit_size, resize, resize_to
from nst.images.save import check_target, eight_bits, save

__all__ = [
    "MAX_PIXELS",
    "Picture",
    "check_target",
    "eight_bits",
    "fit_size",
    "keep_colours",
    "load",
    "luminance",
    "match_colours",
    "resize",
    "resize_to",
    "save",
]
