"""All deliberate mistakes."""

from __future__ import annotations

from nst.checks.mistakes_activation import ACTIVATION_MISTAKES
from nst.checks.mistakes_fused import FUSED_MISTAKES
from nst.checks.mistakes_generators import GENERATOR_MISTAKES
from nst.checks.mistakes_losses import LOSS_MISTAKES
from nst.checks.mistakes_norms import NORM_MISTAKES
from nst.checks.mistakes_pictures import PICTURE_MISTAKES
from nst.checks.mistakes_simple import SIMPLE_MISTAKES
from nst.checks.mistakes_statistics import STATISTIC_MISTAKES
from nst.checks.mistakes_whole import WHOLE_MISTAKES, WholeMutation
from nst.checks.mistakes_windows import WINDOW_MISTAKES
from nst.checks.mutations import Mutation

MUTATIONS: list[Mutation | WholeMutation] = [
    *WINDOW_MISTAKES,
    *FUSED_MISTAKES,
    *SIMPLE_MISTAKES,
    *NORM_MISTAKES,
    *GENERATOR_MISTAKES,
    *PICTURE_MISTAKES,
    *LOSS_MISTAKES,
    *ACTIVATION_MISTAKES,
    *STATISTIC_MISTAKES,
    *WHOLE_MISTAKES,
]
