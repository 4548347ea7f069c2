"""Numerical differentiation against hand-written derivatives, and deliberate mistakes that it must notice."""

from nst.checks.held import check_terms
from nst.checks.layer_check import LAYER_LIMIT, LayerReport, check_function, check_layer
from nst.checks.objective_check import OBJECTIVE_LIMIT, ObjectiveReport, check_objective

__all__ = [
    "LAYER_LIMIT",
    "OBJECTIVE_LIMIT",
    "LayerReport",
    "ObjectiveReport",
    "check_function",
    "check_layer",
    "check_objective",
    "check_terms",
]
