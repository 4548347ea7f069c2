"""What all tests share: surroundings without the user's files, and networks that are built once."""

from __future__ import annotations

import os

# Small matrix products gain nothing from threads, and lose much where the cores are shared. This has to be said
# before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from nst.networks import Network, Weights, random_weights, vgg

REAL_WEIGHTS = "vgg19_to_conv4_1.h5"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point the cache folder at an empty one, so that no test finds weights that a user has fetched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def real_weights_path() -> Path:
    """The file of VGG-19 up to conv4_1 in `$NST_WEIGHTS`; a test that needs it is skipped where it is absent."""
    folder = os.environ.get("NST_WEIGHTS", "")
    path = Path(folder) / REAL_WEIGHTS
    if not folder or not path.is_file():
        pytest.skip(f"$NST_WEIGHTS/{REAL_WEIGHTS} is absent")
    return path


@pytest.fixture(scope="session")
def real_weights(real_weights_path: Path) -> Weights:
    """VGG-19 up to conv4_1 as it was trained."""
    from nst import formats

    return formats.read(real_weights_path)


@pytest.fixture(scope="session")
def filters() -> Weights:
    """The weights of the small random network."""
    return random_weights()


@pytest.fixture(scope="session")
def small(filters: Weights) -> Network:
    """The small random network, float32."""
    return vgg(filters)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """A content and a style: 40x30 and 36x48, smooth and noisy."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[0:30, 0:40]
    smooth = np.stack([6 * rows, 6 * columns, 128 + 0 * rows], axis=-1)
    noisy = rng.integers(0, 256, (48, 36, 3))
    paths = tmp_path / "content.png", tmp_path / "style.png"
    for path, pixels in zip(paths, (smooth, noisy), strict=True):
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return paths


class Ended(NamedTuple):
    """What a door left behind: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


@pytest.fixture
def door(
    tmp_path: Path, filters: Weights, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """`door(main, *arguments)` runs a door in this process, in the test's own folder, without weights of the user."""
    from nst.cli import run_door

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    monkeypatch.setattr(
        "nst.session.sources.random_weights", lambda: filters
    )  # the same, without the waiting

    def run(main: Callable, *arguments: object) -> Ended:
        capfd.readouterr()
        status = run_door(main, [str(argument) for argument in arguments])
        return Ended(status, *capfd.readouterr())

    return run
