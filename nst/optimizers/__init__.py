"""What moves an image, or weights, towards a lower objective; all share `state` and `load`.

An image is one array, which `step` evaluates and moves: `LBFGS`, `Adam`. Weights are many arrays with names, and what
evaluates them is another mini-batch each time: `SGD`, `AdamW` and `RMSProp` have `update`, and `Groups` say which of
them move more slowly or do not decay.
"""

from nst.optimizers.adam import Adam
from nst.optimizers.adamw import AdamW
from nst.optimizers.groups import SPARED, Groups
from nst.optimizers.lbfgs import LBFGS
from nst.optimizers.rmsprop import RMSProp
from nst.optimizers.sgd import SGD
from nst.optimizers.step import Evaluate, Step

__all__ = ["LBFGS", "SGD", "SPARED", "Adam", "AdamW", "Evaluate", "Groups", "RMSProp", "Step"]
