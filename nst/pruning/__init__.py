"""Smaller networks: which filters matter, removing them for good, and cutting a VGG to a share of its width."""

from nst.networks.surgery import prunable, remove
from nst.pruning.cut import cut
from nst.pruning.mending import mend
from nst.pruning.ranking import (
    by_activation,
    by_duplicates,
    by_kernel,
    by_maximised,
    choose,
    correlations,
    kernel_cosines,
    mutual_answers,
)

__all__ = [
    "by_activation",
    "by_duplicates",
    "by_kernel",
    "by_maximised",
    "choose",
    "correlations",
    "cut",
    "kernel_cosines",
    "mend",
    "mutual_answers",
    "prunable",
    "remove",
]
