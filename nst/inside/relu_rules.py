"""Three ways back through a ReLU, of which one is its derivative."""

from __future__ import annotations

import numpy as np

from nst.layers import ReLU
from nst.networks import Network, Node


class DeconvReLU(ReLU):
    """A ReLU whose way back is again a ReLU, of what comes back: dx = max(dy, 0) (Zeiler and Fergus, 2013)."""

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return what is positive of dy, whether the unit was on or not."""
        return np.maximum(dy, 0)


class GuidedReLU(ReLU):
    """Both conditions at once: dx = max(dy, 0) where the unit was on, else 0 (Springenberg et al., 2014)."""

    def backward(self, dy: np.ndarray, saved: np.ndarray) -> np.ndarray:
        """Return what is positive of dy where the unit was on."""
        return super().backward(np.maximum(dy, 0), saved)


RULES = {"plain": ReLU, "guided": GuidedReLU, "deconv": DeconvReLU}


def with_rule(network: Network, rule: str) -> Network:
    """Return the network with the ReLUs of a rule; it must not be fused, or its ReLUs are out of sight.

    The layers are otherwise the same objects, and so are the features.
    """
    nodes = [
        Node(node.name, RULES[rule]() if type(node.layer) is ReLU else node.layer, node.inputs)
        for node in network.nodes.values()
    ]
    return Network(nodes, network.aliases)
