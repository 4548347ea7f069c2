"""What a picture is made of, and how it is looked at: layers before the network's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nst.engine import Evaluation, Objective
from nst.layers import Conv2d, Fourier, Layer, Sigmoid, Warp
from nst.networks import Network, Node

COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""The square root of the correlation of red, green and blue in ImageNet: brightness, red to blue, green to both.

As published with Lucid (Olah et al., 2017). Its rows belong to red, green and blue.
"""

GAIN = 2.5
"""How strong a picture coefficients of size 1 make: so a step of Adam means the same at every size and falloff."""

GREY = 117.0
"""What is shown beyond the border of a picture: about the mean of photographs."""


def waves(falloff: float = 1.0) -> Network:
    r"""Return the layers from coefficients to a picture: waves, then colours, then the range 0..255.

    With W the waves of `nst.layers.Fourier`, M the matrix `COLOURS` divided by the length of its longest column, and s
    the logistic function::

        picture = 255 s(M W z)

    so that steps of one size in z change large and small shapes alike, and brightness more than hue, as photographs
    do. Pixels never leave 0..255. The larger `falloff` is, the `decay` of `nst.layers.Fourier`, the more of a step goes
    into large shapes.
    """
    mixing = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    colours = Conv2d(np.ascontiguousarray(mixing.T[None, None]))
    nodes = [Node("waves", Fourier(falloff, GAIN)), Node("colours", colours), Node("range", Sigmoid(255))]
    return Network(nodes).freeze()


def views(rng: np.random.Generator, jitter: float, turn: float, zoom: float) -> Callable[[], list[Layer]]:
    """Return a function that draws a random view of a picture: moved, turned and zoomed.

    What excites a unit in each of many views is no pattern of single pixels.

    Parameters
    ----------
    rng
    jitter
        The furthest move, in pixels, down and across.
    turn
        The widest turn, in degrees, to either side.
    zoom
        The largest zoom: 0.1 for 0.9 to 1.1.
    """

    def draw() -> list[Layer]:
        shift, degrees = rng.uniform(-jitter, jitter, 2), rng.uniform(-turn, turn)
        return [Warp.turned(degrees, 1 + rng.uniform(-zoom, zoom), tuple(shift), GREY)]

    return draw if jitter or turn or zoom else list


class Canvas:
    r"""The objective of what pictures are made of: ``L(V(G(z)))``, with generator G and random views V.

    Generator and view are layers like those of the network, and the gradient walks on through them::

        dz = (dG/dz)^T (dV/dx)^T dL/dx

    Each call draws another view, so the value is that of a random one, and its gradient is that of the same.

    Parameters
    ----------
    objective
        Of pictures (N, H, W, 3).
    generator
        The layers from z to pictures, the last of which gives them; none for pixels themselves.
    view
        Draws the layers through which the pictures are seen.
    """

    def __init__(
        self,
        objective: Objective,
        generator: Network | None = None,
        view: Callable[[], Sequence[Layer]] = list,
    ) -> None:
        self.objective, self.view = objective, view
        self.nodes = [] if generator is None else list(generator.nodes.values())

    def pictures(self, z: np.ndarray) -> np.ndarray:
        """Return the pictures that `z` makes, as they are, not as they are viewed."""
        return self._shown(z, self.nodes)[0]

    def __call__(self, z: np.ndarray) -> Evaluation:
        """Return value, gradient with respect to `z`, and parts, in one random view."""
        seen = [Node(f"view {number}", layer) for number, layer in enumerate(self.view())]
        x, walk_back = self._shown(z, [*self.nodes, *seen])
        at = self.objective(x)
        return Evaluation(at.value, walk_back(at.gradient), at.parts)

    def _shown(self, z, nodes) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Return what `nodes` make of `z`, and what leads a gradient back."""
        if not nodes:
            return z, lambda gradient: gradient
        network, top = Network(nodes).astype(z.dtype), nodes[-1].name
        features, tape = network.forward(z, [top])
        return features[top], lambda gradient: network.backward({top: gradient}, tape)
