"""The terms of an objective: each loss returns its value and its gradient in one call."""

from nst.losses.activation import Channel, ClassScore, Energy, Unit
from nst.losses.adversarial import binary_cross_entropy, least_squares, wasserstein
from nst.losses.content import content_loss
from nst.losses.covariance import COVARIANCE
from nst.losses.direction import Direction, Guide
from nst.losses.diversity import Diversity
from nst.losses.gram import GRAM, gram, gram_gradient, gram_loss
from nst.losses.histogram import HISTOGRAM
from nst.losses.moments import MOMENTS
from nst.losses.range_penalty import range_penalty
from nst.losses.regression import rectified_regression_loss, regression_loss, relative_gram_loss
from nst.losses.statistic import Additive, Statistic, blend
from nst.losses.terms import Content, Range, Style, TotalVariation
from nst.losses.total_variation import total_variation

STATISTICS: dict[str, Statistic] = {it.name: it for it in (GRAM, MOMENTS, COVARIANCE, HISTOGRAM)}

__all__ = [
    "COVARIANCE",
    "GRAM",
    "HISTOGRAM",
    "MOMENTS",
    "STATISTICS",
    "Additive",
    "Channel",
    "ClassScore",
    "Content",
    "Direction",
    "Diversity",
    "Energy",
    "Guide",
    "Range",
    "Statistic",
    "Style",
    "TotalVariation",
    "Unit",
    "binary_cross_entropy",
    "blend",
    "content_loss",
    "gram",
    "gram_gradient",
    "gram_loss",
    "least_squares",
    "range_penalty",
    "rectified_regression_loss",
    "regression_loss",
    "relative_gram_loss",
    "total_variation",
    "wasserstein",
]
