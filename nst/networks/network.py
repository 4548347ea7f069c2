"""A network of named layers that runs as deep as it is asked and takes gradients in anywhere."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nst.errors import NstError, nearest
from nst.layers.base import Layer, Mode

Gradient = np.ndarray | Callable[[], np.ndarray]
"""With respect to the features at a tap: an array, or a function that makes one when it is needed."""


@dataclass(frozen=True)
class Node:
    """A layer with a name and the names of the nodes that it reads; `None` means the node before it."""

    name: str
    layer: Layer
    inputs: tuple[str, ...] | None = None


@dataclass
class Tape:
    """What one forward pass left for the backward pass: per node, in the order in which they ran."""

    saved: dict[str, Any]
    input_shape: tuple[int, ...]

    def nbytes(self) -> int:
        """Return the memory that the tape holds, in bytes."""
        return sum(_nbytes(item) for item in self.saved.values())


def _nbytes(item: Any) -> int:
    if isinstance(item, np.ndarray):
        return item.nbytes
    if isinstance(item, Mapping):
        return sum(_nbytes(part) for part in item.values())
    return sum(_nbytes(part) for part in item) if isinstance(item, (tuple, list)) else 0


class Network:
    """Layers in order, each with a name at which features can be read and gradients put in.

    Mostly a plain sequence; a node that names its inputs makes a branch, and a `Concat` joins branches again.

    Parameters
    ----------
    nodes
        In an order in which every node comes after its inputs. The first reads the image.
    aliases
        Other names for nodes, such as Keras' `block1_conv1` for `conv1_1`.

    Examples
    --------
    ::

        features, tape = network.forward(image, ["relu1_1", "relu3_1"])
        dimage = network.backward({"relu3_1": dfeatures}, tape)
    """

    IMAGE = ""  # the name under which the first node finds its input

    def __init__(self, nodes: Sequence[Node], aliases: Mapping[str, str] | None = None) -> None:
        before = self.IMAGE
        self.nodes: dict[str, Node] = {}
        for node in nodes:
            inputs = (before,) if node.inputs is None else node.inputs
            missing = [name for name in inputs if name != self.IMAGE and name not in self.nodes]
            if missing or node.name in self.nodes:
                raise ValueError(f"node {node.name!r} is repeated or reads {missing} before they exist")
            if len(inputs) != 1 and not node.layer.joins:
                raise ValueError(f"node {node.name!r} has {len(inputs)} inputs, and its layer joins none")
            self.nodes[node.name] = Node(node.name, node.layer, inputs)
            before = node.name
        self.aliases = dict(aliases or {})

    @property
    def names(self) -> list[str]:
        """The names of all nodes, in order."""
        return list(self.nodes)

    def resolve(self, name: str) -> str:
        """Return the node's own name for a name or an alias.

        Raises
        ------
        NstError
            When there is no such layer: the message has the nearest name and all that exist.
        """
        found = self.aliases.get(name, name)
        if found in self.nodes:
            return found
        known = self.names
        raise NstError(
            f"no layer {name!r}{nearest(name, known + list(self.aliases))}; there are {', '.join(known)}"
        )

    def freeze(self, *globs: str) -> Network:
        """Mark layers as not trained: every one, or those whose names match a glob such as `fire[2-5]/*`.

        Nothing is saved or computed for the parameters of a frozen layer, and it runs as in inference even while the
        others train: a frozen dropout silences nothing, and a frozen batch normalisation normalises by its running
        statistics and keeps them. So what leaves the frozen layers under the trained ones is a function of the picture
        alone, and can be computed once.

        Raises
        ------
        NstError
            When a glob matches no layer with parameters; nothing is frozen then.
        """
        return self._mark(globs, frozen=True)

    def unfreeze(self, *globs: str) -> Network:
        """Mark layers as trained: every one, or those whose names match a glob."""
        return self._mark(globs, frozen=False)

    def _mark(self, globs: tuple[str, ...], frozen: bool) -> Network:
        with_parameters = [name for name, node in self.nodes.items() if node.layer.parameters()]
        for glob in globs:
            if not any(fnmatch.fnmatchcase(name, glob) for name in with_parameters):
                raise NstError(
                    f"{glob!r} matches no layer that learns; there are {', '.join(with_parameters)}"
                )
        for name, node in self.nodes.items():
            if not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs):
                node.layer.frozen = frozen
        return self

    def astype(self, dtype: np.dtype | type) -> Network:
        """Return the same network with its parameters in another dtype."""
        nodes = [Node(node.name, node.layer.astype(dtype), node.inputs) for node in self.nodes.values()]
        return Network(nodes, self.aliases)

    def on(self, device: str) -> Network:
        """Return the same network for pictures on a device, "cpu" or "cuda", with its weights there."""
        nodes = [Node(node.name, node.layer.on(device), node.inputs) for node in self.nodes.values()]
        return Network(nodes, self.aliases)

    def needed(self, taps: Iterable[str]) -> set[str]:
        """Return the nodes that must run for `taps` to be known."""
        needed = {self.resolve(tap) for tap in taps}
        for name in reversed(self.names):
            if name in needed:
                needed.update(set(self.nodes[name].inputs) - {self.IMAGE})
        return needed

    def forward(
        self, image: np.ndarray, taps: Iterable[str], training: Mode = False
    ) -> tuple[dict[str, np.ndarray], Tape]:
        """Run as far as the deepest tap.

        Parameters
        ----------
        image : ndarray of shape (N, H, W, C)
        taps
            The layers whose outputs are wanted; aliases are understood.
        training
            Handed to the layers that behave differently in training: False, or the random generator they draw from.
            Those that are frozen run as in inference all the same.

        Returns
        -------
        features : dict of str to ndarray
            The output at each tap, under the name by which it was asked for.
        tape : Tape
            For `backward`.

        Raises
        ------
        NstError
            For a tap that does not exist, and for an image that is too small: the message names the layer.
        """
        saved: dict[str, Any] = {}
        return self._run(image, list(taps), training, saved), Tape(saved, image.shape)

    def features(self, image: np.ndarray, taps: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the output at each tap, as `forward` does in inference, when nothing is to be taken back.

        There is no tape, so that an activation goes as soon as no layer will read it.
        """
        return self._run(image, list(taps), False, None)

    def _run(
        self, image: np.ndarray, taps: list[str], training: Mode, saved: dict[str, Any] | None
    ) -> dict[str, np.ndarray]:
        wanted = {self.resolve(tap) for tap in taps}
        needed = self.needed(wanted)
        last_use = {
            name: node.name for node in self.nodes.values() if node.name in needed for name in node.inputs
        }
        values = {self.IMAGE: image}
        for node in self.nodes.values():
            if node.name not in needed:
                continue
            inputs = [values[name] for name in node.inputs]
            x = inputs if node.layer.joins else inputs[0]
            mode = False if node.layer.frozen else training
            call = (x, mode) if node.layer.has_mode else (x,)
            try:
                values[node.name], kept = node.layer.forward(*call)
            except NstError as error:  # as when the image is too small
                raise NstError(f"at {node.name}: {error}") from error
            if saved is not None:
                saved[node.name] = kept
            del x, inputs, call, kept  # or they would keep alive what nothing reads any more
            for name in node.inputs:  # an activation goes as soon as nothing will read it
                if last_use[name] == node.name and name not in wanted:
                    values.pop(name, None)
        return {tap: values[self.resolve(tap)] for tap in taps}

    def backward(self, gradients: Mapping[str, Gradient], tape: Tape, consume: bool = False) -> np.ndarray:
        """Return the gradient of the image, given gradients with respect to features at any number of taps.

        The chain rule walks the tape backwards; where several paths meet, their gradients add up.

        Parameters
        ----------
        gradients
            By tap: arrays, or functions that make them, each of which is called when the walk gets to its tap. So
            they need not all exist at once.
        tape
            Of the forward pass.
        consume
            Let memory go as the walk goes: the tape is emptied, and what `gradients` gives is written into.
        """
        dimage, _ = self._walk_back(gradients, tape, parameters=False, consume=consume)
        return dimage

    def gradients(
        self, gradients: Mapping[str, np.ndarray], tape: Tape, image: bool = True
    ) -> tuple[np.ndarray | None, dict[str, dict[str, np.ndarray]]]:
        """Return the gradient of the image and, by node and name, of every parameter that is not frozen.

        Without `image` the walk ends at the lowest parameters: what would only lead on to the image is not computed,
        and `None` stands in its place.
        """
        return self._walk_back(gradients, tape, parameters=True, image=image)

    def update(self, tape: Tape) -> None:
        """Let the layers that keep statistics of what they see absorb a forward pass in training."""
        for name, saved in tape.saved.items():
            if not self.nodes[name].layer.frozen:
                self.nodes[name].layer.update(saved)

    def parameters(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the parameters that are not frozen by node and name, as `gradients` does: the layers' own arrays."""
        trained = {node.name: node.layer for node in self.nodes.values() if not node.layer.frozen}
        return {name: found for name, layer in trained.items() if (found := layer.parameters())}

    def _walk_back(self, gradients, tape, parameters, image=True, consume=False):
        entering: dict[str, list[Gradient]] = {}
        for tap, gradient in gradients.items():
            entering.setdefault(self.resolve(tap), []).append(gradient)
        underway = _Underway(entering, ours=consume)
        on_the_way = {self.IMAGE, *tape.saved} if image else self._at_or_above_parameters(tape)
        by_node = {}
        for name in list(reversed(tape.saved)):
            dy, saved = underway.take(name), tape.saved.pop(name) if consume else tape.saved[name]
            if dy is None or name not in on_the_way:
                continue
            if on_the_way.isdisjoint(self.nodes[name].inputs):
                by_node[name] = self.nodes[name].layer.gradients(dy, saved)
            elif found := _step_back(self.nodes[name], dy, saved, underway, parameters):
                by_node[name] = found
            del dy, saved  # before the next tap is asked for its gradient
        dimage = underway.take(self.IMAGE)
        if left := underway.names():
            raise ValueError(f"the tape does not reach {sorted(left)}")
        if not image:
            return None, by_node
        return np.zeros(tape.input_shape, np.float32) if dimage is None else dimage, by_node

    def _at_or_above_parameters(self, tape):
        """Return the nodes on the tape from which a gradient has still some way to go to reach a parameter."""
        found: set[str] = set()
        for name in tape.saved:
            node = self.nodes[name]
            trained = not node.layer.frozen and node.layer.parameters()
            if trained or not found.isdisjoint(node.inputs):
                found.add(name)
        return found


class _Underway:
    """The gradients that have come as far as some node, until the walk takes them from there.

    Parameters
    ----------
    entering
        What the caller puts in, by node.
    ours
        Whether these arrays may be written into.
    """

    def __init__(self, entering: dict[str, list[Gradient]], ours: bool) -> None:
        self.entering, self.ours = entering, ours
        self.arrived: dict[str, np.ndarray] = {}

    def names(self) -> set[str]:
        """Return the nodes at which gradients are left."""
        return self.entering.keys() | self.arrived.keys()

    def arrive(self, name: str, gradient: np.ndarray) -> None:
        """Let a layer's gradient arrive at the node that it read: added to others, it is a new array."""
        self.arrived[name] = self.arrived[name] + gradient if name in self.arrived else gradient

    def take(self, name: str) -> np.ndarray | None:
        """Return the sum of all that has arrived or enters at a node, and forget it."""
        total = self.arrived.pop(name, None)
        for given in self.entering.pop(name, ()):
            gradient = given() if callable(given) else given
            if total is not None:
                gradient = np.add(gradient, total, out=gradient if self.ours else None)
            total = gradient
        return total

    def take_ours(self, name: str) -> np.ndarray | None:
        """Return the same if it is an array that may be written into; otherwise leave it and return nothing."""
        return self.take(name) if self.ours and name in self.entering else None


def _step_back(node, dy, saved, underway, parameters):
    """Take the gradient of a node's output to its inputs; return those of its parameters."""
    if node.layer.adds:
        (source,) = node.inputs
        found = node.layer.gradients(dy, saved) if parameters else {}
        underway.arrive(source, node.layer.backward(dy, saved, into=underway.take_ours(source)))
        return found
    dx, found = node.layer.both(dy, saved) if parameters else (node.layer.backward(dy, saved), {})
    for source, part in zip(node.inputs, dx if node.layer.joins else [dx], strict=True):
        underway.arrive(source, part)
    return found
