"""Deliberate mistakes in whole objectives, some so small that a tolerance alone would pass them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nst.checks.mistakes_norms import three_terms
from nst.checks.mutations import At, Wrong, altered, pulled_back, spoil_layer, without
from nst.checks.whole_cases import WHOLE_CASES, WholeCase
from nst.engine.objective import Objective
from nst.networks import Network, Node

Spoilt = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class WholeMutation:
    """A mistake in the gradient of a whole objective: `spoil(objective)` has the same value and makes it."""

    case: WholeCase
    mistake: str
    spoil: Callable[[Objective], Spoilt]

    def __str__(self) -> str:
        return f"{self.case.name}: {self.mistake}"

    @property
    def subject(self) -> str:
        """What it spoils, by the name that the table has for it."""
        return self.case.name

    def caught(self, seed: int = 0) -> bool:
        """Return whether the checker notices."""
        return not self.case.report(seed, self.spoil).passed()


def gradient_of(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Objective], Spoilt]:
    """Return the mistake of changing the image gradient in the end."""

    def spoil(objective: Objective) -> Spoilt:
        def spoilt(image: np.ndarray) -> tuple[float, np.ndarray]:
            at = objective(image)
            return at.value, change(at.gradient)

        return spoilt

    return spoil


def weighing(label: str, weight: float) -> Callable[[Objective], Spoilt]:
    """Return the mistake of multiplying one term's gradient, but not its value, by `weight`."""

    def spoil(objective: Objective) -> Spoilt:
        def spoilt(image: np.ndarray) -> tuple[float, np.ndarray]:
            at = objective(image)
            return at.value, at.gradient + (weight - 1) * objective.term_gradients(image)[label]

        return spoilt

    return spoil


def within(name: str, wrong: Wrong) -> Callable[[Objective], Objective]:
    """Return the mistake of one layer of the network pulling back wrongly."""

    def spoil(objective: Objective) -> Objective:
        nodes = [
            Node(node.name, spoil_layer(node.layer, wrong) if node.name == name else node.layer, node.inputs)
            for node in objective.network.nodes.values()
        ]
        return Objective(Network(nodes), objective.terms)

    return spoil


def turned(at: At) -> np.ndarray:
    """Pull back through the kernel turned by 180 degrees."""
    return pulled_back(altered(at.layer, weight=at.layer.weight[::-1, ::-1]), at.x, at.dy)


def constant_deviation(at: At) -> np.ndarray:
    """Leave out the term through the variance."""
    return three_terms(at, (1, 2), variance=0.0)


def zero_border(at: At) -> np.ndarray:
    """Pull back as if the border had been of zeros."""
    zero = {"padding_mode": "zero", "_outer": ((0, 0), (0, 0)), "_inner": at.layer.padding}
    return pulled_back(altered(at.layer, **zero), at.x, at.dy)


def unweighed(at: At) -> np.ndarray:
    """Transform back, and forget the weight of each wave."""
    return at.dx / at.layer.weights(*at.dy.shape[1:3])


VGG_LIKE, _, STATISTICS, BRANCHED, WAVES = WHOLE_CASES

WHOLE_MISTAKES = [
    *(
        WholeMutation(VGG_LIKE, mistake, spoil)
        for mistake, spoil in {
            "total variation is reported but not differentiated": weighing("tv", 0.0),
            "the range penalty is reported but not differentiated": weighing("range", 0.0),
            "the content's gradient enters twice": weighing("content relu2_1", 2.0),
            "a style's gradient is lost on the way": weighing("style relu1_1", 0.0),
            "a style's weight is off by 1 in 10 000": weighing("style relu2_1", 1.0001),
            "the channels of the image are in reverse": gradient_of(lambda g: g[..., ::-1]),
            "the image is a row off": gradient_of(lambda g: np.roll(g, 1, axis=1)),
            "one pixel gets nothing": gradient_of(lambda g: without(g, 0, 5, 5)),
            "all of it is off by 1 in 100 000": gradient_of(lambda g: 1.00001 * g),
            "all of it is off by 1 in 10 million": gradient_of(lambda g: (1 + 1e-7) * g),
            "a deep kernel is turned by 180 degrees": within("conv2_1", turned),
            "a shallow kernel is turned by 180 degrees": within("conv1_2", turned),
            "a max pool's gradient is a column off": within("pool1", lambda at: np.roll(at.dx, 1, axis=2)),
            "a ReLU passes everything": within("relu1_2", lambda at: at.dy),
        }.items()
    ),
    *(
        WholeMutation(STATISTICS, mistake, spoil)
        for mistake, spoil in {
            "the moments are reported but not differentiated": weighing("moments relu1_1", 0.0),
            "the covariance enters twice": weighing("covariance relu2_1", 2.0),
            "the histogram's weight is off by 1 in 1000": weighing("histogram relu1_1", 1.001),
            "the border is cut off, not folded back": within("conv1_2", zero_border),
        }.items()
    ),
    *(
        WholeMutation(BRANCHED, mistake, spoil)
        for mistake, spoil in {
            "a branch gives nothing back": within("up", lambda at: np.zeros_like(at.x)),
            "the branches' gradients are off by one channel": within(
                "join", lambda at: np.split(np.roll(at.dy, 1, axis=3), [4, 8], axis=3)
            ),
            "a normalisation takes its deviation for a constant": within("norm", constant_deviation),
        }.items()
    ),
    *(
        WholeMutation(WAVES, mistake, spoil)
        for mistake, spoil in {
            "the waves' weights are forgotten on the way back": within("waves", unweighed),
            "the colours are not transposed": within("colours", lambda at: at.dy @ at.layer.weight[0, 0]),
            "the logistic function has the slope 1": within("range", lambda at: at.dy),
            "the view is turned the other way": within(
                "view", lambda at: pulled_back(altered(at.layer, matrix=at.layer.matrix.T), at.x, at.dy)
            ),
            "the view is another at the way back": within(
                "view", lambda at: pulled_back(altered(at.layer, shift=at.layer.shift + 1), at.x, at.dy)
            ),
            "diversity is reported but not differentiated": weighing("diversity relu1_2", 0.0),
            "the second picture gets nothing": gradient_of(lambda g: without(g, 1)),
        }.items()
    ),
]
