"""The smooth piece of an objective equals the objective around its image, and nowhere else need it."""

from __future__ import annotations

import numpy as np
import pytest

from nst.checks import check_terms
from nst.checks.held import held_values, hold, signature
from nst.checks.whole_cases import WHOLE_CASES, WholeCase
from nst.engine.objective import Objective
from nst.layers import MaxPool2d, ReLU
from nst.losses import Content, Range, Style, TotalVariation, gram
from nst.networks import Network, Node

every_case = pytest.mark.parametrize("case", WHOLE_CASES, ids=lambda case: case.what)


def built(case: WholeCase, seed: int = 0) -> tuple[Objective, np.ndarray]:
    return case.make(np.random.default_rng(seed))


@every_case
def test_equal_around_the_image(case: WholeCase) -> None:
    """At the image, and where nothing has switched, held terms have the values of the terms."""
    objective, image = built(case)
    near = image + 1e-4 * np.random.default_rng(1).standard_normal(image.shape)
    values = held_values(objective, image)
    assert signature(objective, near) == signature(objective, image)
    for point in (image, near):
        np.testing.assert_allclose(values(point), list(objective(point).parts.values()), rtol=1e-12)


@every_case
def test_different_far_away(case: WholeCase) -> None:
    """Where units have switched, the piece and its name are others."""
    objective, image = built(case)
    far = image[:, ::-1].copy()
    assert signature(objective, far) != signature(objective, image)
    assert not np.allclose(held_values(objective, image)(far), list(objective(far).parts.values()), rtol=1e-3)


@pytest.mark.parametrize("pool", [MaxPool2d(), MaxPool2d(3, 2), MaxPool2d(3, 2, 1, ceil_mode=True)])
def test_held_layers_are_linear(pool: MaxPool2d) -> None:
    """A held ReLU and a held max pool map sums to sums, with windows that overlap, hang over, or are padded."""
    network = Network([Node("relu", ReLU()), Node("pool", pool)])
    rng = np.random.default_rng(2)
    image, a, b = rng.standard_normal((3, 1, 6, 7, 2))
    held = hold(network, image, ["pool"])

    def run(x: np.ndarray) -> np.ndarray:
        return held.forward(x, ["pool"])[0]["pool"]

    np.testing.assert_allclose(run(2 * a + b), 2 * run(a) + run(b), atol=1e-12)
    np.testing.assert_array_equal(run(image), network.forward(image, ["pool"])[0]["pool"])


@every_case
def test_terms_are_checked_one_by_one(case: WholeCase) -> None:
    """Each term's gradient and the total's pass, and each is in the report under its label."""
    objective, image = built(case)
    reports = check_terms(objective, image)
    assert list(reports) == [*(term.label for term in objective.terms), "total"]
    assert all(report.passed() for report in reports.values())
    assert all(report.used == 3 for report in reports.values())


def test_picture_on_kinks_of_the_range_and_at_minima() -> None:
    """A content picture with pixels at exactly 0 and 255, its content and style terms at their minima, passes.

    That is where a run that starts from its content stands.
    """
    objective, _ = built(WHOLE_CASES[0])
    rng = np.random.default_rng(3)
    image = np.clip(np.round(rng.uniform(-80, 330, (1, 16, 14, 3))), 0, 255)
    features, _ = objective.network.forward(image, ["relu1_1", "relu2_1"])
    terms = [
        Content("relu2_1", features["relu2_1"], 3.0),
        Style("relu1_1", gram(features["relu1_1"]), 100.0),
        TotalVariation(1e-7),
        Range(0.01),
    ]
    for label, report in check_terms(Objective(objective.network, terms), image).items():
        assert report.passed(), f"{label}: {report}"


def test_wrong_term_is_pointed_at() -> None:
    """A term with a wrong gradient fails by its own label and in the total; the others pass."""

    class Wrong(TotalVariation):
        def __call__(self, features: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = super().__call__(features)
            return value, 1.001 * gradient

    objective, image = built(WHOLE_CASES[0])
    terms = [Wrong(term.weight) if term.label == "tv" else term for term in objective.terms]
    reports = check_terms(Objective(objective.network, terms), image)
    assert {label for label, report in reports.items() if not report.passed()} == {"tv", "total"}


def test_wrong_layer_is_seen_in_a_real_size() -> None:
    """A ReLU that leaks by one in a hundred fails on a picture so large that every step crosses kinks."""

    class Leaky(ReLU):
        def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
            return np.where(saved, dy, 0.01 * dy)

    objective, _ = built(WHOLE_CASES[0])
    image = np.random.default_rng(4).uniform(0, 255, (1, 96, 96, 3))
    styles = Objective(
        objective.network, [term for term in objective.terms if term.label.startswith("style")]
    )
    leaky = Network(
        [Node(n.name, Leaky() if n.name == "relu1_2" else n.layer) for n in styles.network.nodes.values()]
    )
    assert all(report.passed() for report in check_terms(styles, image).values())
    assert not check_terms(Objective(leaky, styles.terms), image)["total"].passed()
