"""Change the size of a picture held as floats."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nst.errors import NstError


def fit_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return height and width of the same aspect, the longer one `longest_side`, neither below one pixel.

    Examples
    --------
    >>> fit_size((600, 800), 512)
    (384, 512)
    >>> fit_size((2, 5000), 512)
    (1, 512)
    """
    if longest_side < 1:
        raise NstError(f"the longest side must be at least 1 pixel, not {longest_side}")
    scale = longest_side / max(size)
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def resize(pixels: np.ndarray, longest_side: int) -> np.ndarray:
    """Resize so that the longer side has `longest_side` pixels, up or down; see `resize_to`."""
    return resize_to(pixels, fit_size((pixels.shape[0], pixels.shape[1]), longest_side))


def resize_to(
    pixels: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Resize by Lanczos (a = 3), whose support grows with the reduction, so that nothing aliases.

    Works on each channel in float32, without rounding to eight bits, and in gamma space, on the numbers as
    they are: so were the pictures that the networks were trained on, and so do Pillow and browsers. The
    overshoot of Lanczos at edges is clipped to the range of the input.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) of a floating dtype, or of bytes, which become float32.
    size
        Height and width of the result, at least one pixel each.
    box
        Top, left, bottom and right of the part that is shown, in pixels or fractions of them; all of it by default.

    Returns
    -------
    ndarray
        (h, w) or (h, w, C); a copy when the size is the same.
    """
    height, width = size
    if height < 1 or width < 1:
        raise NstError(f"a picture of {width}x{height} pixels cannot be made")
    dtype = pixels.dtype if np.issubdtype(pixels.dtype, np.floating) else np.float32
    if pixels.shape[:2] == (height, width) and box is None:
        return pixels.astype(dtype)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    result = np.empty((height, width, channels.shape[-1]), dtype)
    part = box and (box[1], box[0], box[3], box[2])  # Pillow counts columns first
    for c in range(channels.shape[-1]):
        channel = Image.fromarray(np.ascontiguousarray(channels[..., c], np.float32))
        result[..., c] = np.asarray(channel.resize((width, height), Image.Resampling.LANCZOS, box=part))
    np.clip(result, pixels.min(), pixels.max(), out=result)
    return result.reshape(height, width, *pixels.shape[2:])
