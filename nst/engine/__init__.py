"""What moves a picture: the objective, the loop over an optimiser's steps, checkpoints, and style transfer's terms."""

from nst.engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nst.engine.layout import Layout
from nst.engine.objective import Evaluation, Objective, Term
from nst.engine.optimise import Progressed, optimise
from nst.engine.style_transfer import StyleTransfer
from nst.engine.tiled import TiledObjective

__all__ = [
    "Checkpoint",
    "Evaluation",
    "Layout",
    "Objective",
    "Progressed",
    "StyleTransfer",
    "Term",
    "TiledObjective",
    "load_checkpoint",
    "optimise",
    "save_checkpoint",
]
