"""How like a student's kernels came out to its teacher's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst.networks import Network, Weights
from nst.training.readout import Readout


def likeness(student: Network, teacher: Weights, readouts: Mapping[str, Readout]) -> dict[str, float]:
    r"""Return, for each layer where that can be asked, the median cosine of a student's kernels to a teacher's.

    In the first layer, whose inputs both share, each kernel of the student is held against all of the teacher's, and
    the largest cosine counts; what chance gives is told beside it, as `chance`. A unit of a direct layer stands for a
    known one of the teacher. Its inputs are the student's own, so the teacher's kernel W is told in these first, with
    the readout R of the layer below::

        W'_yxi = sum_c R_ic W_yxc

    Parameters
    ----------
    student
        Its input is RGB.
    teacher
        Its kernels in full.
    readouts
        By ReLU; see `nst.training.distil.Distiller`.
    """
    layers = list(readouts)
    first = teacher.arrays["conv1_1.weight"]
    if teacher.channel_order == "BGR":
        first = first[:, :, ::-1]
    own = student.nodes["conv1_1"].layer.weight
    drawn = np.random.default_rng(0).standard_normal(own.shape)
    found = {"conv1_1": _best(own, first), "chance": _best(drawn, first)}
    for name, below in zip(layers[1:], layers, strict=False):
        conv, direct = name.replace("relu", "conv"), readouts[name].direct
        if len(direct):
            told = np.tensordot(teacher.arrays[f"{conv}.weight"][..., direct], readouts[below].matrix, (2, 1))
            pairs = _columns(student.nodes[conv].layer.weight) * _columns(told.transpose(0, 1, 3, 2))
            found[conv] = float(np.median(pairs.sum(axis=0)))
    return found


def _best(kernels: np.ndarray, others: np.ndarray) -> float:
    return float(np.median((_columns(kernels).T @ _columns(others)).max(axis=1)))


def _columns(kernels: np.ndarray) -> np.ndarray:
    """Return (kh, kw, C, O) as (kh kw C, O), each column of length 1."""
    columns = kernels.reshape(-1, kernels.shape[-1]).astype(np.float64)
    return columns / np.linalg.norm(columns, axis=0)
