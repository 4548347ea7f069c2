"""Draw a sheet of oil paint: thousands of curved strokes along a swirling field, each of many bristles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from nst.images.bundled.landscape import cloud, look_up

WIDTH, HEIGHT = 640, 512
SCALE = 2  # drawn larger and reduced at the end, against jagged edges
POINTS = 14  # of one stroke

# Eddies of the field: where (of the width and height), their reach, and which way and how fast they turn.
EDDIES = np.array(
    [
        [0.27, 0.34, 0.20, 1.5],
        [0.73, 0.27, 0.13, -1.4],
        [0.60, 0.70, 0.22, 1.3],
        [0.14, 0.80, 0.14, -1.3],
        [0.93, 0.62, 0.12, 1.2],
    ]
)

# Colours in order of warmth, from deep night to lemon.
RAMP = np.array(
    [
        [16, 24, 74],
        [22, 52, 128],
        [24, 96, 160],
        [38, 140, 150],
        [120, 176, 140],
        [236, 196, 84],
        [244, 150, 40],
        [222, 84, 36],
        [250, 224, 130],
    ],
    np.float64,
)
ACCENTS = np.array([[178, 28, 52], [244, 236, 208], [20, 18, 40], [226, 96, 120], [64, 160, 84]], np.float64)

# Layers, coarse to fine: how many strokes, half their width, and the pixels from one point to the next.
LAYERS = ((900, 17.0, 13.0), (1500, 10.0, 10.0), (2200, 5.5, 7.5), (1400, 2.8, 5.0))


class Field:
    """What the painter follows: directions and colours over the sheet."""

    def __init__(self, random: np.random.RandomState) -> None:
        self.noise = cloud(random, 256, 2.4)
        self.patches = cloud(random, 256, 1.6)

    def direction(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Angle of the stroke at (x, y): a drift to the right, bent by noise, overruled near an eddy."""
        drift = 0.9 * look_up(self.noise, x / WIDTH * 0.7, y / WIDTH * 0.7) - 0.25
        u, v = np.cos(drift), np.sin(drift)
        for centre_x, centre_y, reach, turn in EDDIES:
            dx, dy = x - centre_x * WIDTH, y - centre_y * HEIGHT
            far = np.hypot(dx, dy) + 1e-6
            pull = 2.2 * turn * np.exp(-((far / (reach * WIDTH)) ** 2))
            u, v = u - pull * dy / far, v + pull * dx / far
        return np.arctan2(v, u)

    def colour(self, x: np.ndarray, y: np.ndarray, stray: np.ndarray) -> np.ndarray:
        """Colour (n, 3) at (x, y): rings of warm paint around the eddies in a cool sheet."""
        warmth = 1.9 + 1.1 * look_up(self.patches, x / WIDTH * 0.8, y / WIDTH * 0.8) + stray
        for centre_x, centre_y, reach, _ in EDDIES:
            far = np.hypot(x - centre_x * WIDTH, y - centre_y * HEIGHT) / (reach * WIDTH)
            warmth += 5.2 * np.exp(-((far / 0.52) ** 2)) + 1.5 * np.exp(-(((far - 0.95) / 0.12) ** 2))
        warmth += 2.0 * np.clip(y / HEIGHT - 0.86, 0, 1) / 0.14
        place = np.clip(warmth, 0, len(RAMP) - 1.001)
        return np.stack([np.interp(place, np.arange(len(RAMP)), RAMP[:, c]) for c in range(3)], axis=-1)


def trace(
    field: Field, x: np.ndarray, y: np.ndarray, pace: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow the field from the middle both ways: positions and angles, each (POINTS, n)."""
    half = POINTS // 2
    paths = []
    for sign in (-1, 1):
        px, py, path = x.copy(), y.copy(), []
        for _ in range(half):
            angle = field.direction(px, py)
            path.append((px.copy(), py.copy(), angle))
            px, py = px + sign * pace * np.cos(angle), py + sign * pace * np.sin(angle)
        paths.append(np.array(path))
    both = np.concatenate([paths[0][:0:-1], paths[1]])  # the middle once
    return both[:, 0], both[:, 1], both[:, 2]


class Sheet:
    """The paint and, beside it, how thick it lies."""

    def __init__(self, random: np.random.RandomState) -> None:
        self.random = random
        size = (WIDTH * SCALE, HEIGHT * SCALE)
        self.paint, self.relief = Image.new("RGB", size, (24, 40, 92)), Image.new("L", size, 90)
        self.pens = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.relief)

    def layer(self, field: Field, count: int, half_width: float, pace: float) -> None:
        """Lay `count` strokes along the field."""
        random = self.random
        x, y = (random.uniform(-0.03, 1.03, count) * side for side in (WIDTH, HEIGHT))
        widths = half_width * random.uniform(0.7, 1.25, count)
        px, py, angle = trace(field, x, y, pace * random.uniform(0.6, 1.2, count))
        colours = field.colour(x, y, random.normal(0, 0.55, count))
        accent = random.uniform(size=count) < 0.07
        colours[accent] = ACCENTS[random.randint(len(ACCENTS), size=accent.sum())]
        colours *= random.normal(1, 0.07, (count, 1))
        left_over = field.colour(x + 9, y + 9, random.normal(0, 1.3, count))  # a brush is never quite clean
        for k in range(count):
            self.stroke(px[:, k], py[:, k], angle[:, k], widths[k], colours[k], left_over[k])

    def stroke(
        self,
        x: np.ndarray,
        y: np.ndarray,
        angle: np.ndarray,
        half_width: float,
        colour: np.ndarray,
        left_over: np.ndarray,
    ) -> None:
        """Draw the bristles of one stroke; each has its own mixture of paint, thickness and two ends."""
        count = max(5, int(half_width * 1.5))
        across = np.linspace(-1, 1, count)
        a, b, c = self.random.normal(0, 1, (3, count))
        mix = np.clip(0.16 + 0.22 * across * a[0] + 0.12 * a, 0, 0.75)[:, None]
        colours = (colour * (1 - mix) + left_over * mix) * (1 + 0.075 * b)[:, None] + 5 * b[:, None]
        colours = np.clip(colours, 0, 255).astype(int)
        heights = np.clip(110 + 55 * b + 60 * (np.abs(across) > 0.8), 0, 255).astype(
            int
        )  # ridges at the rims
        taper = np.sin(np.pi * np.linspace(0.12, 0.98, len(x))) ** 0.35
        offset = across[:, None] * half_width * taper
        points = np.stack([x - np.sin(angle) * offset, y + np.cos(angle) * offset], axis=-1) * SCALE
        rim = 1 - np.sqrt(1 - across**2)
        start = np.clip(2 * rim + 0.5 * np.abs(c), 0, 3).astype(int)
        end = len(x) - np.clip(3 * rim + 1.2 * np.abs(a), 0, 6).astype(int)
        width = int(np.ceil(2 * half_width * SCALE / count)) + 1
        for k in self.random.permutation(count):
            line = points[k, start[k] : end[k]].ravel().tolist()
            self.pens[0].line(line, fill=tuple(colours[k].tolist()), width=width)
            self.pens[1].line(line, fill=int(heights[k]), width=max(2, width - 1))


def strokes() -> Image.Image:
    """Draw the sheet; the same picture each time."""
    random = np.random.RandomState(7)  # its stream is frozen for good, unlike that of the newer generators
    field, sheet = Field(random), Sheet(random)
    for layer in LAYERS:
        sheet.layer(field, *layer)
    height = np.asarray(sheet.relief, np.float64)
    height = gaussian_filter(height, 1.3) + gaussian_filter(4 * random.normal(size=height.shape), 0.8)
    slope_y, slope_x = np.gradient(height)
    light = np.clip(-(slope_x + slope_y), -26, 26)[..., None]  # a lamp at the upper left
    colour = np.asarray(sheet.paint) * (1 + 0.011 * light) + 0.75 * np.clip(light, 0, None)
    picture = Image.fromarray(np.rint(np.clip(colour, 0, 255)).astype(np.uint8))
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
