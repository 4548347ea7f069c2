"""The objective: a sum of terms, its gradient, and the list of terms that is style transfer."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from nst.checks.whole_cases import WHOLE_CASES
from nst.engine.objective import Objective
from nst.engine.style_transfer import StyleTransfer
from nst.errors import NstError
from nst.losses import Content, Range, Style, TotalVariation, content_loss, gram, gram_loss, total_variation

RNG = np.random.default_rng(11)
IMAGE, CONTENT = RNG.uniform(-20, 275, (2, 1, 18, 21, 3)).astype(np.float32)
STYLE, OTHER = RNG.uniform(0, 255, (2, 1, 24, 17, 3)).astype(np.float32)
LAYERS = {"relu2_1": 1.0}, {"relu1_1": 1.0, "relu2_1": 0.25, "relu3_1": 2.0}
WEIGHTS = (5.0, 100.0, 10.0, 1000.0)


@pytest.fixture(scope="module")
def objective(small):
    """Content and style at overlapping taps, total variation, range."""
    return StyleTransfer(*LAYERS, *WEIGHTS).objective(small, CONTENT, [STYLE])


def test_the_value_is_the_sum_of_its_parts(objective):
    """Every term has its own part under its own label, the pixel terms too, and the value is their sum."""
    found = objective(IMAGE)
    assert list(found.parts) == [
        "content relu2_1", "style relu1_1", "style relu2_1", "style relu3_1", "tv", "range",
    ]  # fmt: skip
    assert found.value == sum(found.parts.values())
    assert all(part > 0 for part in found.parts.values())


@pytest.mark.parametrize("dtype, bound", [(np.float32, 2e-6), (np.float64, 1e-13)])
def test_the_gradient_is_the_sum_of_the_terms_own(objective, dtype, bound):
    """One walk with all gradients gives what one walk for each term gives in sum, two terms at one tap included."""
    typed, image = objective.astype(dtype), IMAGE.astype(dtype)
    whole, alone = typed(image).gradient, typed.term_gradients(image)
    assert list(alone) == list(typed(image).parts) and whole.dtype == dtype
    assert np.linalg.norm(whole - sum(alone.values())) <= bound * np.linalg.norm(whole)
    for label, gradient in alone.items():
        only = typed.only(label)(image)
        np.testing.assert_array_equal(only.gradient, gradient)
        assert only.value == typed(image).parts[label]


@pytest.mark.parametrize("dtype, bound", [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_fused_it_is_the_same_function(objective, dtype, bound):
    """The objective on the fused network has the same value, parts and gradient, and the same terms."""
    typed, image = objective.astype(dtype), IMAGE.astype(dtype)
    planned = typed.fused()
    assert len(planned.network.nodes) < len(typed.network.nodes)
    assert planned.terms == typed.terms and planned.taps == typed.taps
    expected, found = typed(image), planned(image)
    assert list(found.parts) == list(expected.parts)
    for label, part in expected.parts.items():
        assert found.parts[label] == pytest.approx(part, rel=bound), label
    error = np.linalg.norm(found.gradient - expected.gradient)
    assert error <= bound * np.linalg.norm(expected.gradient) and found.gradient.dtype == dtype
    np.testing.assert_array_equal(planned(image).gradient, found.gradient)
    alone = planned.term_gradients(image)
    assert np.linalg.norm(sum(alone.values()) - found.gradient) <= bound * np.linalg.norm(found.gradient)


@pytest.mark.parametrize("case", WHOLE_CASES, ids=lambda case: case.what)
def test_fused_it_passes_the_gradient_check(case):
    """The fused objective against differences, all paddings and branches included."""
    assert case.report(spoil=lambda objective: objective.fused()).passed()


def test_one_gradient_of_a_tap_at_a_time(small):
    """When a term is asked, the features of deeper taps are gone, and so are their gradients."""
    alive = []

    class Watched(Style):
        def __call__(self, features):
            assert all(ref() is None for ref in alive), self.label
            value, gradient = super().__call__(features)
            alive.append(weakref.ref(gradient))
            return value, gradient

    plain = StyleTransfer({}, LAYERS[1], 0.0, 1.0).objective(small, CONTENT, [STYLE])
    terms = [Watched(term.tap, term.target, term.weight) for term in plain.terms]
    for objective in (Objective(small, terms), Objective(small, terms).fused()):
        alive.clear()
        objective(IMAGE)
        assert len(alive) == 3


def test_gradient_norms_are_those_of_the_terms(objective):
    """By label, the Euclidean norm of each term's gradient."""
    norms = objective.gradient_norms(IMAGE)
    for label, gradient in objective.term_gradients(IMAGE).items():
        assert norms[label] == pytest.approx(float(np.linalg.norm(gradient.astype(np.float64))), rel=1e-12)


def test_the_image_stays_as_it_is(objective):
    """An evaluation changes neither its image nor the next evaluation."""
    image = IMAGE.copy()
    image.flags.writeable = False
    first, second = objective(image), objective(image)
    np.testing.assert_array_equal(first.gradient, second.gradient)
    assert first.value == second.value
    assert not np.shares_memory(first.gradient, second.gradient)


def test_pixel_terms_need_no_network(small):
    """An objective of total variation alone runs no layer and is its loss."""
    value, gradient = total_variation(IMAGE)
    found = Objective(small, [TotalVariation(2.0)])(IMAGE)
    assert found.value == pytest.approx(2 * value, rel=1e-12)
    np.testing.assert_allclose(found.gradient, 2 * gradient, rtol=1e-6)


def test_an_objective_of_nothing_is_flat(small):
    """Without terms the value is 0 and so is the gradient, in the shape and dtype of the image."""
    found = Objective(small, [])(IMAGE)
    assert found.value == 0 and not found.gradient.any()
    assert found.gradient.shape == IMAGE.shape and found.gradient.dtype == np.float32


def test_two_terms_of_one_label_are_refused(small):
    """Parts are told apart by label, so a repeated one is a mistake of the programmer."""
    with pytest.raises(ValueError, match="labels must differ"):
        Objective(small, [TotalVariation(1.0), TotalVariation(2.0)])


def test_style_transfer_is_its_formula(small):
    """Each part is its weight, times the layer's weight, times the loss against the features of its picture."""
    parts = StyleTransfer(*LAYERS, *WEIGHTS).objective(small, CONTENT, [STYLE])(IMAGE).parts
    taps = ["relu1_1", "relu2_1", "relu3_1"]
    (seen, _), (content, _), (style, _) = (small.forward(x, taps) for x in (IMAGE, CONTENT, STYLE))
    expected = {"content relu2_1": 5 * content_loss(seen["relu2_1"], content["relu2_1"])[0]}
    for tap, weight in LAYERS[1].items():
        expected[f"style {tap}"] = 100 * weight * gram_loss(seen[tap], gram(style[tap]))[0]
    expected["tv"] = 10 * total_variation(IMAGE)[0] / IMAGE.size
    expected["range"] = 1000 * np.mean(np.square(np.clip(IMAGE, 0, 255) - IMAGE, dtype=np.float64))
    for label, value in expected.items():
        assert parts[label] == pytest.approx(value, rel=1e-5), label


def test_a_weight_of_zero_leaves_the_term_out(small):
    """Of the whole loss or of one layer: nothing is computed for it."""
    transfer = StyleTransfer({"relu2_1": 0.0, "relu1_1": 1.0}, {"relu3_1": 1.0}, 1.0, 0.0, 0.0, 0.0)
    objective = transfer.objective(small, CONTENT, [STYLE])
    assert [type(term) for term in objective.terms] == [Content]
    assert objective.taps == ["relu1_1"]


def test_total_variation_and_range_weigh_the_same_at_every_size(small):
    """A picture repeated twice in each direction has about the parts of the picture itself."""
    transfer = StyleTransfer({}, {}, 0.0, 0.0, 10.0, 1000.0)
    big = np.tile(IMAGE, (1, 4, 4, 1))
    one = transfer.objective(small, IMAGE, [STYLE])(IMAGE).parts
    many = transfer.objective(small, big, [STYLE])(big).parts
    assert one["range"] == pytest.approx(many["range"], rel=1e-6)
    assert one["tv"] == pytest.approx(many["tv"], rel=0.1)


def test_styles_are_blended_by_their_shares(small):
    """Shares of 3 and 1 give the target 3/4 A + 1/4 B; equal shares are the default; a share of 0 drops a style."""

    def target(styles, blend=()):
        transfer = StyleTransfer({}, {"relu2_1": 1.0}, 0.0, 1.0, blend=blend)
        (term,) = transfer.objective(small, CONTENT, styles).terms
        assert isinstance(term, Style)
        return term.target

    a, b = target([STYLE]), target([OTHER])
    np.testing.assert_allclose(target([STYLE, OTHER], (3, 1)), 0.75 * a + 0.25 * b, rtol=1e-12)
    np.testing.assert_allclose(target([STYLE, OTHER]), (a + b) / 2, rtol=1e-12)
    np.testing.assert_allclose(target([STYLE, OTHER], (0, 2)), b, rtol=1e-12)
    np.testing.assert_allclose(target([STYLE, OTHER], np.array([0, 2])), b, rtol=1e-12)
    with pytest.raises(NstError, match="do not fit 2 styles"):
        target([STYLE, OTHER], (1, 1, 1))


def test_the_style_is_met_by_its_own_picture(small):
    """At the style picture the style terms vanish, at the content picture the content term, in range the range."""
    transfer = StyleTransfer(*LAYERS, *WEIGHTS)
    at_style = transfer.objective(small, STYLE, [STYLE])(STYLE)
    elsewhere = transfer.objective(small, STYLE, [STYLE])(OTHER)
    for label, part in at_style.parts.items():
        assert label == "tv" or part <= 1e-9 * elsewhere.parts[label] or part == 0, label


def test_range_pulls_back_what_lies_outside():
    """The gradient of the range term is zero inside 0..255 and points outwards beyond."""
    _, gradient = Range(1.0)(np.array([[[[-1.0, 100.0, 256.0]]]]))
    assert np.sign(gradient).ravel().tolist() == [-1, 0, 1]
