"""The exponential moving average of the weights: a calmer network than the one that the steps throw about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nst.errors import NstError
from nst.networks import Network


class Average:
    r"""A twin of a network whose arrays follow the original's at a distance (Tarvainen and Valpola, 2017).

    After step t = 1, 2, ... with w the original's array and a the twin's::

        d_t = min(decay, (1 + t) / (10 + t))
        a   = d_t a + (1 - d_t) w

    The warm-up of d lets the first, random weights be forgotten at once, where a constant d of 0.999 would carry them
    along for thousands of steps.

    **Running statistics are averaged, too**, as all other arrays. They are themselves a moving average, of batches seen
    by weights that lie at most some hundred steps apart, and those of the twin are wanted at the end of every epoch:
    recomputing them exactly takes a pass over the training pictures each time, a third of an epoch's work.

    Parameters
    ----------
    network
        The original. What is frozen in it is shared by the twin.
    decay : float
        0 < decay < 1: the average reaches back over about 1 / (1 - decay) steps.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.decay, self.count = float(decay), 0
        self._original = network
        dtype = next((array.dtype for _, _, array in arrays(network)), np.dtype(np.float32))
        self.network = network.astype(dtype)
        for layer, name, array in list(arrays(network)):
            setattr(self.network.nodes[layer].layer, name, array.copy())

    def update(self) -> None:
        """Follow the original after a step."""
        self.count += 1
        away = 1 - min(self.decay, (1 + self.count) / (10 + self.count))
        for layer, name, array in arrays(self._original):
            average = getattr(self.network.nodes[layer].layer, name)
            average += (away * (array - average)).astype(average.dtype, copy=False)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays by `layer.name`."""
        return labelled(self.network)

    def load(self, state: Mapping[str, np.ndarray], count: int) -> None:
        """Take over what `state` returned after `count` steps; see `take`."""
        self.count = count
        take(self.network, state, "the average")


def arrays(network: Network, frozen: bool = False) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield layer, name and array of all that training changes, parameters and running statistics, or of everything."""
    for node in network.nodes.values():
        if frozen or not node.layer.frozen:
            for name, array in node.layer.state().items():
                yield node.name, name, array


def labelled(network: Network) -> dict[str, np.ndarray]:
    """Return the arrays that training changes by `layer.name`."""
    return {f"{layer}.{name}": array for layer, name, array in arrays(network)}


def take(network: Network, state: Mapping[str, np.ndarray], what: str) -> None:
    """Put the arrays of `state` into a network in place of those that training changes.

    Raises
    ------
    NstError
        When they are others, or of another shape or dtype, or not finite; nothing has changed then.
    """
    wanted = {f"{layer}.{name}": (layer, name, array) for layer, name, array in arrays(network)}
    if wanted.keys() != state.keys():
        odd = sorted(wanted.keys() ^ state.keys())[0]
        raise NstError(f"{what} in the checkpoint is of another network: {odd!r:.80}")
    for label, (_, _, array) in wanted.items():
        found = state[label]
        if found.shape != array.shape or found.dtype != array.dtype or not np.isfinite(found).all():
            raise NstError(
                f"{what} in the checkpoint does not fit: {label} is {found.dtype} {found.shape}, not "
                f"{array.dtype} {array.shape}, or not finite"
            )
    for label, (layer, name, _) in wanted.items():
        setattr(network.nodes[layer].layer, name, state[label].copy())
