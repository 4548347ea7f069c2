"""What moves an image, or weights, towards a lower objective: all share `step`, `state` and `load`."""

from nst.optimizers.adam import Adam
from nst.optimizers.lbfgs import LBFGS
from nst.optimizers.step import Evaluate, Step

__all__ = ["LBFGS", "Adam", "Evaluate", "Step"]
