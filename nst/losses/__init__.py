"""The terms of an objective: each loss returns its value and its gradient in one call."""

from nst.losses.activation import Channel, ClassScore, Energy, Unit
from nst.losses.content import content_loss
from nst.losses.direction import Direction, Guide
from nst.losses.diversity import Diversity
from nst.losses.gram import blend_grams, gram, gram_gradient, gram_loss
from nst.losses.range_penalty import range_penalty
from nst.losses.terms import Content, Range, Style, TotalVariation
from nst.losses.total_variation import total_variation

__all__ = [
    "Channel",
    "ClassScore",
    "Content",
    "Direction",
    "Diversity",
    "Energy",
    "Guide",
    "Range",
    "Style",
    "TotalVariation",
    "Unit",
    "blend_grams",
    "content_loss",
    "gram",
    "gram_gradient",
    "gram_loss",
    "range_penalty",
    "total_variation",
]
