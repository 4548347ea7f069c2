"""Training classifiers: what is asked for, its schedule, the loop, and what it leaves behind."""

from nst.training.recipe import Recipe
from nst.training.schedule import learning_rate
from nst.training.trainer import Training, train

__all__ = ["Recipe", "Training", "learning_rate", "train"]
