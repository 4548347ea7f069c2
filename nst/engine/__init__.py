"""What moves a picture: the objective, the loop over an optimiser's steps, checkpoints, style transfer's terms;
and what trains a network: one step on a mini-batch."""

from nst.engine.budget import fit
from nst.engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nst.engine.layout import Layout
from nst.engine.machine import available_memory, machine_memory, parse_memory, resident, spell_memory
from nst.engine.objective import Evaluation, Objective, Term
from nst.engine.optimise import Progressed, optimise
from nst.engine.style_transfer import StyleTransfer
from nst.engine.tiled import TiledObjective
from nst.engine.training_step import Trained, training_step

__all__ = [
    "Checkpoint",
    "Evaluation",
    "Layout",
    "Objective",
    "Progressed",
    "StyleTransfer",
    "Term",
    "TiledObjective",
    "Trained",
    "available_memory",
    "fit",
    "load_checkpoint",
    "machine_memory",
    "optimise",
    "parse_memory",
    "resident",
    "save_checkpoint",
    "spell_memory",
    "training_step",
]
