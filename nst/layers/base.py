"""The contract that every layer keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst.errors import NstError
from nst.layers.window import Window

Mode = bool | np.random.Generator
"""What layers that behave differently in training are told: False, or the generator from which they may draw.

True serves where nothing is drawn.
"""


class Layer:
    """A function with parameters, its derivative written beside it.

    A layer holds parameters and nothing else. What the backward pass needs is returned by the forward pass,
    never hidden in the layer::

        y, saved = layer.forward(x)              # saved: exactly what backward needs, nothing more
        dx       = layer.backward(dy, saved)     # gradient with respect to the input, always
        grads    = layer.gradients(dy, saved)    # {name: gradient} with respect to the parameters

    Arrays are `(N, H, W, C)`. A layer computes in the dtype that it is given and never changes its input. What it
    returns may share memory with what it was given, and its output with `saved` (a dropout at rest returns `x` itself,
    softmax saves its output): results are for reading, never for writing into.

    Attributes
    ----------
    parameter_names : tuple of str
        The attributes that training changes (a parameter may be absent: then its attribute is `None`).
    buffer_names : tuple of str
        Arrays that belong to the layer but are not trained, such as running statistics.
    has_mode : bool
        Whether `forward` takes `training` (a `Mode`), because the layer behaves differently while training.
    joins : bool
        Whether `forward` takes a list of arrays, be it of one, and `backward` returns one.
    adds : bool
        Whether `backward` takes `into`: an array like `dx`, to which it then adds `dx`, and which it returns.
    frozen : bool
        A frozen layer saves nothing that only `gradients` would need, and its `gradients` is empty.
    saves_output : bool
        Whether `saved` holds the very output, so that it lives on without taking more memory.
    pointwise : bool
        Whether, outside training, each place of the output depends on the same place of the input alone.
    """

    parameter_names: tuple[str, ...] = ()
    buffer_names: tuple[str, ...] = ()
    has_mode: bool = False
    joins: bool = False
    adds: bool = False
    frozen: bool = False
    saves_output: bool = False
    pointwise: bool = False

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return the output and what the backward pass needs."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray, saved: Any) -> np.ndarray:
        """Return the gradient with respect to the input, given `dy`, the gradient with respect to the output."""
        raise NotImplementedError

    def gradients(self, dy: np.ndarray, saved: Any) -> dict[str, np.ndarray]:
        """Return the gradient with respect to each parameter by name; nothing when frozen or without any."""
        return {}

    def both(self, dy: np.ndarray, saved: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return what `backward` and `gradients` return: at once, where a layer can share work between them."""
        return self.backward(dy, saved), self.gradients(dy, saved)

    def update(self, saved: Any) -> None:
        """Absorb a forward pass in training into the running statistics, if the layer keeps any."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for an input of `shape`; most layers keep it."""
        return shape

    def window(self) -> Window | None:
        """Return which places of the input an output looks at; `None` when only at its own.

        Raises
        ------
        NstError
            When every output depends on the whole picture, so that no part can be computed by itself.
        """
        if self.pointwise:
            return None
        raise NstError(
            f"{type(self).__name__} looks at the whole picture at once: it cannot be computed tile by tile"
        )

    def memory(self, shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
        """Return what a pass needs in memory beside input and output, in bytes: saved, and while it works.

        Parameters
        ----------
        shape
            Of the input; of each input, for a layer that joins.
        itemsize : int
            Bytes of one number.
        """
        return 0, 0

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the parameters that are present, by name."""
        return {name: getattr(self, name) for name in self.parameter_names if getattr(self, name) is not None}

    def state(self) -> dict[str, np.ndarray]:
        """Return parameters and buffers by name: all that a weight file must hold."""
        return {**self.parameters(), **{name: getattr(self, name) for name in self.buffer_names}}

    def on(self, device: str) -> Layer:
        """Return this layer for a device, "cpu" or "cuda".

        What is small stays with the host, and layers that have little are their own twins; their kernels bring it over.
        """
        return self

    def astype(self, dtype: np.dtype | type) -> Layer:
        """Return this layer with its arrays in another dtype; the original is left as it is."""
        import copy

        twin = copy.copy(self)
        for name, array in self.state().items():
            setattr(twin, name, np.asarray(array, dtype=dtype))
        return twin
