"""Draw a mountain lake at evening: a small renderer of height fields, one ray for each pixel.

World: x to the right, y up, z away from the viewer, who stands at the shore; the lake is the plane y = 0.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

WIDTH, HEIGHT = 640, 448
SCALE = 1.5  # drawn larger and reduced at the end, against jagged edges
HORIZON = 0.47  # of the height
FOCAL = 0.95  # of the width
EYE = 1.7
SUN = np.array([0.34, 0.21, 0.91]) / np.linalg.norm([0.34, 0.21, 0.91])
LIGHT = np.array([0.80, 0.42, -0.05]) / np.linalg.norm([0.80, 0.42, -0.05])
DEPTHS = np.geomspace(1.3, 150, 800).astype(np.float32)

# Linear light.
SUNLIGHT = np.array([1.55, 1.05, 0.62], np.float32)
SKYLIGHT = np.array([0.20, 0.27, 0.42], np.float32)


def cloud(random: np.random.RandomState, size: int, roughness: float) -> np.ndarray:
    """Return periodic fractal noise (size, size) of mean 0 and deviation 1, its spectrum f^-roughness."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    f[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(size, size))) * f**-roughness, (size, size))
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def look_up(noise: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Read periodic noise at (u, v), where one unit is one period, bilinearly."""
    size = noise.shape[0]
    return map_coordinates(noise, [v * size, u * size], order=1, mode="grid-wrap", output=np.float32)


def step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Land:
    """The height of the ground and of the trees on it, anywhere."""

    def __init__(self, random: np.random.RandomState) -> None:
        self.broad = cloud(random, 512, 2.2)
        self.fine = cloud(random, 512, 1.4)
        self.jitter = random.uniform(size=(4, 64, 64)).astype(np.float32)

    def ground(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Height of the bare ground."""
        broad = look_up(self.broad, x / 90 + 0.13, z / 90 + 0.35)
        ridges = 1 - np.abs(look_up(self.broad, x / 61 + 0.7, z / 61 + 0.2))
        fine = look_up(self.fine, x / 23, z / 23)
        close = look_up(self.fine, x / 3.1, z / 3.1)
        range_ = step(z, 48, 92) * (9 + 9 * ridges + 4 * broad + 0.45 * fine)
        hills = step(np.abs(x + 2) - 0.18 * z, 2, 15) * step(z, 9, 26) * (3.4 + 1.6 * broad)
        far_shore = step(z, 33, 50) * (1.1 + 0.5 * broad)
        bank = step(6.4 + 0.5 * x * np.where(x < 0, -0.55, -1.1) + 0.9 * broad - z, 0, 3.5) * 0.62
        return range_ + hills + far_shore + bank + 0.09 * fine + 0.018 * close - 0.34

    def trees(self, x: np.ndarray, z: np.ndarray, ground: np.ndarray) -> np.ndarray:
        """Height of conifers above the ground: two layers of cones, one to a cell of a jittered grid."""
        grows = (ground > 0.12) & (ground < 6.5) & (z > 9) & (z < 75)
        height = np.zeros_like(ground)
        x, z = x[grows], z[grows]
        wood = look_up(self.broad, x / 31 + 0.4, z / 31) + 0.35 * look_up(self.fine, x / 9, z / 9)
        ragged = 1 + 0.30 * look_up(self.fine, x * 2.3, z * 2.3)
        tallest = np.zeros_like(x)
        for layer in range(2):
            u, v = x / 0.72 + 0.5 * layer, z / 0.72 + 0.37 * layer
            i, j = np.floor(u).astype(int) % 64, np.floor(v).astype(int) % 64
            dx, dz, grown, kept = (table[(j + 29 * layer) % 64, i] for table in self.jitter)
            far = np.hypot(u % 1 - 0.42 - 0.16 * dx, v % 1 - 0.42 - 0.16 * dz) / 0.42
            cone = (0.75 + 1.0 * grown) * (1 - far * ragged)
            tallest = np.maximum(tallest, np.where(kept < 0.55 + 0.5 * wood, cone, 0))
        height[grows] = tallest
        return height

    def surface(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Height of whatever a ray meets first."""
        ground = self.ground(x, z)
        return ground + self.trees(x, z, ground)


def cast(land: Land, slopes: np.ndarray, across: np.ndarray, eye: float, nearest: float) -> np.ndarray:
    """Return the depth at which the ray of each pixel first meets the land, infinity where it meets the sky.

    Along one column of pixels all rays stay above one line on the map, so the first hit of slope s is the
    first depth at which the greatest slope so far, max (height − eye) / z, reaches s.
    """
    z = DEPTHS[:, None]
    heights = land.surface(across[None] * z, np.broadcast_to(z, (len(DEPTHS), len(across))))
    angles = np.where((z > nearest) & (heights > 0), (heights - eye) / z, -np.inf)
    highest = np.maximum.accumulate(angles, axis=0)
    depth = np.full(slopes.shape, np.inf, np.float32)
    for column in range(len(across)):
        index = np.searchsorted(highest[:, column], slopes[:, column])
        hit = np.flatnonzero((index > 0) & (index < len(DEPTHS)))
        after = index[hit]
        low, high = angles[after - 1, column], angles[after, column]
        low = np.maximum(low, high - 0.05)  # over a crest the ray leaves the land before it
        part = np.clip((slopes[hit, column] - low) / np.maximum(high - low, 1e-6), 0, 1)
        depth[hit, column] = DEPTHS[after - 1] + part * (DEPTHS[after] - DEPTHS[after - 1])
    return depth


def shade(land: Land, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the light (n, 3) that leaves the land at the points (x, z) towards the viewer."""
    ground = land.ground(x, z)
    tree = land.trees(x, z, ground)
    top = ground + tree
    gap = 0.012 * np.sqrt(z) + 0.003 * z
    normal = np.stack([top - land.surface(x + gap, z), gap, top - land.surface(x, z + gap)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lit = np.ones_like(x)
    for far in np.geomspace(0.3, 26, 8):
        blocked = land.surface(x + LIGHT[0] * far, z + LIGHT[2] * far) - top - LIGHT[1] * far
        lit = np.minimum(lit, 1 - step(blocked, 0.0, 0.10 * far))
    speckle = look_up(land.fine, x * 0.9, z * 0.9)[:, None]
    steep = normal[:, 1:2]
    grass = np.array([0.135, 0.135, 0.04]) * (1 + 0.30 * speckle)
    rock = np.array([0.27, 0.23, 0.21]) * (1 + 0.22 * speckle)
    snow = np.array([0.92, 0.94, 1.0])
    colour = grass + (rock - grass) * step(0.25 * speckle + ground[:, None] / 9 - steep + 0.55, 0.1, 0.5)
    above = ground[:, None] + 1.6 * speckle + 2.2 * look_up(land.broad, x / 17, z / 17)[:, None]
    colour += (snow - colour) * step(above, 11.5, 15.5) * step(steep, 0.30, 0.52)
    sand = np.array([0.30, 0.25, 0.18])
    colour += (sand - colour) * step(0.16 - ground + 0.05 * speckle[:, 0], 0, 0.12)[:, None]
    needles = np.array([0.045, 0.075, 0.035]) * (1 + 0.35 * speckle)
    is_tree = step(tree, 0.02, 0.10)[:, None]
    colour += (needles - colour) * is_tree
    open_sky = 1 - is_tree * (0.75 - 0.6 * np.clip(tree[:, None], 0, 1))
    direct = np.clip(normal @ LIGHT, 0, None)[:, None] * lit[:, None]
    return colour * (SUNLIGHT * 2.1 * direct + SKYLIGHT * (0.9 + 0.6 * steep) * open_sky)


def sky(noise: np.ndarray, across: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return the light (..., 3) of the sky with the sun and clouds in the directions (across, slope, 1)."""
    ray = np.stack([across, slopes, np.ones_like(across)], axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    up = np.clip(ray[..., 1:2], 0, 1)
    near_sun = np.clip(ray @ SUN, 0, 1)[..., None].astype(np.float32)
    zenith, middle, low = np.array([[0.06, 0.17, 0.46], [0.30, 0.42, 0.62], [1.05, 0.56, 0.26]])
    light = low + (middle - low) * step(up, -0.02, 0.20) + (zenith - middle) * step(up, 0.08, 0.55)
    glow = np.array([1.0, 0.56, 0.20])
    light = light + glow * (0.35 * near_sun**14 + 0.8 * near_sun**120)
    flat = 1 / (ray[..., 1] + 0.07)  # a layer of cloud overhead, seen in perspective
    u, v = ray[..., 0] * flat * 0.085 + 0.31, ray[..., 2] * flat * 0.16 + 0.12
    detail = 0.22 * look_up(noise, u * 4.1, v * 4.1)
    thick = look_up(noise, u, v) + detail
    toward = look_up(noise, u + 0.012, v + 0.012) + detail
    cover = (step(thick, 0.0, 0.9) * step(ray[..., 1], 0.015, 0.12))[..., None]
    edge = np.clip(0.5 + 1.1 * (thick - toward), 0, 1)[..., None]
    shadow, bright = np.array([0.33, 0.29, 0.40]), np.array([1.30, 0.80, 0.50])
    cloud_light = shadow + (bright - shadow) * (0.25 + 0.75 * edge) + glow * 1.1 * near_sun**10
    light = light + (cloud_light - light) * 0.92 * cover
    return light + glow * (4 * near_sun**2500 + 14 * step(near_sun, 0.99965, 0.99985))


def haze(light: np.ndarray, depth: np.ndarray, near_sun: np.ndarray) -> np.ndarray:
    """Blend the light of land at `depth` with the bluish, sunwards golden, air before it."""
    air = np.array([0.30, 0.38, 0.56]) + np.array([0.80, 0.42, 0.06]) * (near_sun**12)[:, None]
    clear = np.exp(-((depth / 135) ** 1.3))[:, None]
    return air * (1 - clear) + light * clear


def render(random: np.random.RandomState) -> np.ndarray:
    """Return the linear light (H, W, 3) of the scene."""
    width, height = int(WIDTH * SCALE), int(HEIGHT * SCALE)
    land, cover = Land(random), cloud(random, 512, 1.75)
    across = ((np.arange(width) + 0.5 - width / 2) / (FOCAL * width)).astype(np.float32)
    down = ((np.arange(height) + 0.5 - HORIZON * height) / (FOCAL * width)).astype(np.float32)
    columns, slopes = np.broadcast_to(across, (height, width)), np.repeat(-down[:, None], width, axis=1)

    def see(slopes: np.ndarray, eye: float, nearest: float) -> tuple[np.ndarray, np.ndarray]:
        depth = cast(land, slopes, across, eye, nearest)
        hit = np.isfinite(depth)
        light = sky(cover, columns, np.abs(slopes)).astype(np.float32)
        ray = np.stack([columns[hit], slopes[hit], np.ones(hit.sum())], axis=-1)
        near_sun = np.clip(ray @ SUN / np.linalg.norm(ray, axis=-1), 0, 1)
        light[hit] = haze(shade(land, columns[hit] * depth[hit], depth[hit]), depth[hit], near_sun)
        return light, depth

    light, depth = see(slopes, EYE, 0)
    away = np.where(slopes < 0, EYE / np.maximum(-slopes, 1e-4), np.inf)  # depth of the lake's surface
    water = (away < depth) & (away < 500)
    away = np.where(water, away, 1)
    ripple = look_up(land.fine, columns * away / 1.1, away / 2.6) * np.exp(-away / 26) + 0.35 * look_up(
        land.fine, columns * away / 4.3, away / 11
    )
    mirrored, _ = see(np.maximum(-slopes + 0.011 * ripple, 0.0005), -EYE, 8)
    facing = 1 / np.sqrt(1 + (away / EYE) ** 2)
    mirror = (0.06 + 0.94 * (1 - facing) ** 3.2)[..., None]
    deep = np.array([0.012, 0.045, 0.060])
    light[water] = (deep * (1 - mirror) + mirrored * mirror * np.array([0.90, 0.93, 0.95]))[water]
    return light


def grass(random: np.random.RandomState, picture: Image.Image) -> None:
    """Draw blades of grass that stand before the lake, the farther ones first."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    count = 2600
    x = random.uniform(-0.02, 1.02, count)
    rise = 0.055 * (np.cos(x * 3.1) ** 2) + 0.05 * np.exp(-(((x - 0.06) / 0.16) ** 2))
    y = np.sort(1.03 - rise * random.uniform(0, 1, count) ** 0.6)
    x = x[np.argsort(random.uniform(size=count))]
    length = random.uniform(0.03, 0.115, count) * (0.45 + 1.3 * np.exp(-(((x - 0.04) / 0.22) ** 2)))
    lean = random.normal(0.25, 0.5, count)
    warm = random.uniform(0, 1, count)
    t = np.linspace(0, 1, 9)[:, None]
    px = (x + 0.6 * length * lean * t**2) * width
    py = (y - length * t * (1 - 0.25 * np.abs(lean) * t)) * height
    for k in range(count):
        colour = np.array([34, 36, 14]) + warm[k] * np.array([88, 66, 14])
        points = np.stack([px[:, k], py[:, k]], axis=-1)
        draw.line([tuple(p) for p in points[:6]], fill=tuple(colour.astype(int)), width=2)
        draw.line([tuple(p) for p in points[5:]], fill=tuple((colour * 1.35).astype(int)), width=1)


def landscape() -> Image.Image:
    """Draw the landscape; the same picture each time."""
    random = np.random.RandomState(20)  # its stream is frozen for good, unlike that of the newer generators
    light = render(random)
    light = 0.60 * light
    bright = np.clip(light - 1.0, 0, 4)
    light = light + 0.5 * gaussian_filter(bright, (9, 9, 0)) + 0.25 * gaussian_filter(bright, (40, 40, 0))
    curve = (
        light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    )  # a film's shoulder and toe
    pixels = 255 * np.clip(curve, 0, 1) ** (1 / 2.2)
    picture = Image.fromarray(np.rint(pixels).astype(np.uint8))
    grass(random, picture)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
