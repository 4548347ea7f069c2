"""What moves an image, or weights, towards a lower objective; all share `state` and `load`.

An image is one array, which `step` evaluates and moves: `LBFGS`, `Adam`. Weights are many arrays with names, and what
evaluates them is another mini-batch each time: `SGD` has `update`.
"""

from nst.optimizers.adam import Adam
from nst.optimizers.lbfgs import LBFGS
from nst.optimizers.sgd import SGD
from nst.optimizers.step import Evaluate, Step

__all__ = ["LBFGS", "SGD", "Adam", "Evaluate", "Step"]
