"""Checks one layer, or one loss: its derivatives against differences, for random cotangents."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nst.checks.numeric import numeric_gradient, numeric_projection, relative_error
from nst.layers.base import Mode

LAYER_LIMIT = 1e-7
"""The relative error that a layer's derivatives must stay below."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def gaussian(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a random cotangent; an all-ones one is blind, being in the null space of every normalisation."""
    return rng.standard_normal(shape)


@dataclass(frozen=True)
class LayerReport:
    """What `check_layer` measured.

    Attributes
    ----------
    layer : str
        The class of the layer, or the name of the function.
    dx : float
        The worst relative error of the gradient with respect to the input.
    parameters : dict
        The same with respect to each parameter, by name.
    faults : tuple of str
        What is wrong apart from numbers: a gradient that is missing, or of another shape or dtype.
    """

    layer: str
    dx: float
    parameters: dict[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """The largest error; infinite when there are faults."""
        return float("inf") if self.faults else max([self.dx, *self.parameters.values()])

    def passed(self, limit: float = LAYER_LIMIT) -> bool:
        """Return whether all errors are below `limit` and nothing else is wrong."""
        return self.worst < limit


def check_layer(
    layer: Any,
    x: np.ndarray | list[np.ndarray],
    *,
    training: Mode | None = None,
    seed: int = 0,
    cotangents: int = 2,
    directions: int = 4,
    elements: int = 500,
    draw: Draw = gaussian,
) -> LayerReport:
    """Compare a layer's backward pass with differences of its forward pass, in float64.

    Parameters
    ----------
    layer
        Keeps the contract of `nst.layers.base.Layer`; it is left as it is.
    x
        The input, or the list of inputs of a layer with several. Keep it 0.3 % of its root mean square away
        from the kinks of the layer: differences across a kink measure nothing.
    training
        Passed to `forward` unless `None`.
    seed
        Of cotangents and directions.
    cotangents
        How many random gradients with respect to the output are pulled back.
    directions
        How many random directions are tried where an array is too large for one element at a time.
    elements
        The largest array that is checked element by element.
    draw
        Draws a cotangent: `draw(rng, shape)`.

    Returns
    -------
    LayerReport

    Notes
    -----
    Every evaluation runs a copy of the layer with a copy of the generator, so that a dropout draws the same
    mask each time.
    """
    rng = np.random.default_rng(seed)
    layer = layer.astype(np.float64)
    inputs = [np.array(part, dtype=np.float64) for part in (x if isinstance(x, list) else [x])]

    def forward(twin: Any, parts: list[np.ndarray]) -> tuple[np.ndarray, Any]:
        mode = {} if training is None else {"training": copy.deepcopy(training)}
        return copy.deepcopy(twin).forward(parts if isinstance(x, list) else parts[0], **mode)

    y, saved = forward(layer, inputs)
    dys = [draw(rng, y.shape) for _ in range(cotangents)]
    compare = _Comparison(rng, np.stack([dy.ravel() for dy in dys]), directions, elements)

    dxs = [layer.backward(dy, saved) for dy in dys]
    errors = []
    for i, part in enumerate(inputs):

        def of_input(value: np.ndarray, i: int = i) -> np.ndarray:
            return forward(layer, [*inputs[:i], value, *inputs[i + 1 :]])[0]

        pulled = [dx[i] if isinstance(x, list) else dx for dx in dxs]
        errors.append(compare(f"dx[{i}]" if isinstance(x, list) else "dx", of_input, part, pulled))

    gradients = [layer.gradients(dy, saved) for dy in dys]
    parameters = {}
    for name, value in layer.parameters().items():

        def of_parameter(value: np.ndarray, name: str = name) -> np.ndarray:
            twin = copy.copy(layer)
            setattr(twin, name, value)
            return forward(twin, inputs)[0]

        parameters[name] = compare(name, of_parameter, value, [found.get(name) for found in gradients])
    return LayerReport(type(layer).__name__, max(errors), parameters, tuple(compare.faults))


def check_function(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], x: np.ndarray, *, name: str | None = None
) -> LayerReport:
    """Compare the gradient that `function(x) -> (value, gradient)` returns with differences of its value.

    Parameters
    ----------
    function
        A loss; called with float64 arrays.
    x
        Where; every element is tried, so keep it small.
    name
        For the report; the function's own name when `None`.
    """
    x = np.array(x, dtype=np.float64)
    compare = _Comparison(np.random.default_rng(0), np.ones((1, 1)), directions=4, elements=500)
    error = compare("dx", lambda value: np.atleast_1d(function(value)[0]), x, [function(x)[1]])
    return LayerReport(name or getattr(function, "__name__", "function"), error, faults=tuple(compare.faults))


class _Comparison:
    """Compares gradients with differences: by element where the array is small, else along directions."""

    def __init__(
        self, rng: np.random.Generator, cotangents: np.ndarray, directions: int, elements: int
    ) -> None:
        self.rng, self.cotangents, self.directions, self.elements = rng, cotangents, directions, elements
        self.faults: list[str] = []

    def __call__(
        self,
        name: str,
        function: Callable[[np.ndarray], np.ndarray],
        x: np.ndarray,
        analytic: list[np.ndarray | None],
    ) -> float:
        """Return the worst relative error of `analytic`, one gradient for each cotangent."""
        for gradient in analytic:
            if fault := _fault(gradient, x):
                self.faults.append(f"{name} {fault}")
                return float("inf")
        stacked = np.stack([gradient.ravel() for gradient in analytic])
        if x.size <= self.elements:
            return relative_error(stacked, *numeric_gradient(function, x, self.cotangents))
        # Signs keep every element at the same distance from x, so a known one from the kinks.
        signs = self.rng.choice([-1.0, 1.0], size=(self.directions, x.size))
        numeric, size = numeric_projection(function, x, self.cotangents, signs)
        # A projection can be small by chance: it is judged by the size that a typical one has.
        typical = float(np.max(np.linalg.norm(stacked, axis=1)))
        return relative_error(stacked @ signs.T, numeric, max(size, 1000 * typical))


def _fault(gradient: np.ndarray | None, x: np.ndarray) -> str | None:
    """Return what keeps `gradient` from being a gradient with respect to `x`."""
    if gradient is None:
        return "is missing"
    if gradient.shape != x.shape:
        return f"has shape {gradient.shape}, expected {x.shape}"
    if gradient.dtype != x.dtype:
        return f"is {gradient.dtype}, expected {x.dtype}"
    return None
