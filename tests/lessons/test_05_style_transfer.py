"""The answers to the exercises of lesson 05, and what its painted figures do without weights."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lessons.figures.make import FIGURES, HERE, encode
from nst.checks import check_objective
from nst.losses import gram, gram_loss
from nst.networks import random_weights, vgg
from tests.tolerances import assert_close


def _features(seed: int, shape: tuple[int, ...] = (1, 6, 8, 5)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def _plain(f: np.ndarray) -> np.ndarray:
    """The Gram matrix as a plain sum."""
    m = f.reshape(-1, f.shape[-1])
    return m.T @ m


def test_a_picture_twice_as_large_weighs_twice_in_one_normalisation() -> None:
    """Laid out twice, pictures cost the same as Gatys and we write it, and twice as much over 2 H W C."""
    f, a = _features(0), _features(1)
    f2, a2 = (np.concatenate([x, x], axis=2) for x in (f, a))

    def losses(f: np.ndarray, a: np.ndarray) -> tuple[float, float, float]:
        n, m = f.shape[-1], f.size // f.shape[-1]
        total = np.square(_plain(f) - _plain(a)).sum()
        return gram_loss(f, gram(a))[0], total / (4 * n**2 * m**2), total / (2 * n * m)

    (ours, gatys, lost), (ours2, gatys2, lost2) = losses(f, a), losses(f2, a2)
    assert gatys == pytest.approx(ours * 5**2 / 4)
    assert lost == pytest.approx(ours * 5**3 * 6 * 8 / 2)
    assert (ours2, gatys2, lost2) == pytest.approx((ours, gatys, 2 * lost))


def test_the_slip_remembers_place() -> None:
    """Move the style's pixels about: the right gradient stays, the one with the style's features moves along."""
    f, style = _features(0), _features(1)
    order = np.random.default_rng(2).permutation(6 * 8)
    moved = style.reshape(-1, 5)[order].reshape(style.shape)

    def slip(style: np.ndarray) -> np.ndarray:
        return style @ (gram(f) - gram(style))

    assert_close(gram_loss(f, gram(moved))[1], gram_loss(f, gram(style))[1], length=48)
    assert_close(slip(moved).reshape(-1, 5), slip(style).reshape(-1, 5)[order], length=48)
    assert np.linalg.norm(slip(moved) - slip(style)) > np.linalg.norm(slip(style))


def test_means_and_deviations_are_a_style_too() -> None:
    """The loss on mean and deviation of each channel has a gradient that the checker accepts."""
    f, style = _features(0), _features(1)
    mu_style, sigma_style = style.mean(axis=(0, 1, 2)), style.std(axis=(0, 1, 2))

    def moments_loss(f: np.ndarray) -> tuple[float, np.ndarray]:
        c, m = f.shape[-1], f.size // f.shape[-1]
        mu, sigma = f.mean(axis=(0, 1, 2)), f.std(axis=(0, 1, 2))
        value = np.mean((mu - mu_style) ** 2 + (sigma - sigma_style) ** 2)
        # dmu_k/dF_pk = 1/M, dsigma_k/dF_pk = (F_pk - mu_k) / (M sigma_k)
        gradient = 2 / (c * m) * (mu - mu_style + (sigma - sigma_style) * (f - mu) / sigma)
        return float(value), gradient

    assert check_objective(moments_loss, f).passed()
    shuffled = np.random.default_rng(2).permutation(f.reshape(-1, 5)).reshape(f.shape)
    assert moments_loss(shuffled)[0] == pytest.approx(moments_loss(f)[0])


@pytest.mark.parametrize("tap", ["relu1_1", "relu2_1"])
def test_on_a_blank_page_every_pixel_is_told_the_same(tap: str) -> None:
    """From one flat colour all pixels away from the border get one gradient: nothing can begin to differ."""
    network = vgg(random_weights(), "avg", "reflect").astype(np.float64)
    painting = 255 * np.random.default_rng(0).random((1, 32, 32, 3))
    target = gram(network.forward(painting, [tap])[0][tap])

    def inside(image: np.ndarray) -> np.ndarray:
        features, tape = network.forward(image, [tap])
        gradient = network.backward({tap: gram_loss(features[tap], target)[1]}, tape)
        return gradient[0, 10:-10, 10:-10]

    flat, noise = inside(np.full((1, 32, 32, 3), 200.0)), inside(painting[:, ::-1])
    assert np.ptp(flat, axis=(0, 1)).max() < 1e-9 * np.abs(flat).max()
    assert np.ptp(noise, axis=(0, 1)).max() > np.abs(noise).max()


def test_without_weights_painted_figures_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drawing what cannot be painted here gives the kept pixels again, and a line that says what is missing."""
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    drawn, kept = (
        np.asarray(Image.open(source).convert("RGB"))
        for source in (io.BytesIO(encode(FIGURES["style-slip.png"].draw())), HERE / "style-slip.png")
    )
    assert np.array_equal(drawn, kept)
    assert FIGURES["style-curves.svg"].draw() == (HERE / "style-curves.svg").read_text("utf-8")
    assert capsys.readouterr().out.count("stays as it is") == 2
