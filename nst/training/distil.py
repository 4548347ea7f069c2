"""Distillation: a narrow network learns, from random weights, to tell the features of a wide one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nst import kernels
from nst.errors import NstError
from nst.losses.gram import gram
from nst.losses.regression import energy, rectified_regression_loss, regression_loss, relative_gram_loss
from nst.networks import Network
from nst.optimizers import AdamW, Groups
from nst.training.average import Average, labelled, take
from nst.training.distillation import TAPS, Distillation
from nst.training.readout import Readout, independent
from nst.training.units import scale_units

SPEAKS = 1 / 500  # the least share of places at which a unit answers that is not called silent


class Distiller:
    r"""A student on its way: `step` after `step` it tells its teacher's features better.

    At every ReLU l that the two share, with T_l the teacher's features in units of their root mean square over the
    first pictures, F_l the student's and R_l its `Readout`::

        L = sum_l  c_l |F_l R_l - T_l|^2 / |T_l|^2   +   gram_weight sum_taps mean_n |R^T G_n R - A_n| / |A_n|

    both over some of the places, a grid with a random offset: neighbours differ little. R_l is direct (see `Readout`;
    there the loss is `rectified_regression_loss`), so that the student's own Gram matrices measure what the teacher's
    do, and so that what it does between the taps is like what the teacher does, also for pictures unlike those that it
    learned from. At `relu1_1`, which reads three colours, direct channels would bring back the teacher's kernels as
    they are: there R_l is free, and the student finds features of its own that tell as much.

    Parameters
    ----------
    student : Network
        With fresh weights, not frozen; names as in `teacher`.
    teacher : Network
        Frozen.
    recipe : Distillation
    images : ndarray, shape (N, H, W, 3)
        Training pictures by which scales are set and direct channels chosen.
    """

    def __init__(self, student: Network, teacher: Network, recipe: Distillation, images: np.ndarray) -> None:
        self.student, self.teacher, self.recipe, self.first = student, teacher, recipe, images
        self.layers = [name for name in student.names if name.startswith("relu")]
        self.convolutions = [self.before(name) for name in self.layers]
        features = teacher.forward(images, self.layers)[0]
        self.unit = {
            name: float(np.sqrt(np.square(f, dtype=np.float64).mean())) for name, f in features.items()
        }
        self.readouts = {name: self._readout(name, f) for name, f in features.items()}
        rates = {
            name: float(student.nodes[name].layer.weight.std() / 0.034) ** 0.75 for name in self.convolutions
        }
        self.optimizer = AdamW(beta2=0.99, groups=Groups(list(rates.items())))
        self.average = Average(student, recipe.average)
        self.done = self.blocks = 0

    def _readout(self, name: str, features: np.ndarray) -> Readout:
        flat = features.reshape(-1, features.shape[-1])
        width = self.student.nodes[self.before(name)].layer.weight.shape[3]
        some = np.random.default_rng(0).permutation(len(flat))[:8000]
        direct = independent(flat[some], width) if name != self.layers[0] else ()
        return Readout(width, flat.shape[1], direct)

    @staticmethod
    def before(name: str) -> str:
        """Return the convolution before a ReLU."""
        return name.replace("relu", "conv")

    def learning(self, blocks: int) -> list[str]:
        """Return the ReLUs of the first blocks."""
        return [name for name in self.layers if int(name[4]) <= blocks]

    def step(self, images: np.ndarray) -> dict[str, float]:
        """Learn from pictures (N, H, W, 3); return the loss of each layer, before the step."""
        recipe, step = self.recipe, self.done
        rng = np.random.default_rng((recipe.seed, step))
        blocks, _ = recipe.stage(step)
        if blocks > self.blocks:
            self._join(blocks, images)
        names = self.learning(blocks)
        wanted = self.teacher.forward(images, names)[0]
        direct = [self.before(name) for name in names if len(self.readouts[name].direct)]
        features, tape = self.student.forward(images, names + direct)
        entering = {name: np.zeros_like(f) for name, f in features.items()}
        losses: dict[str, float] = {}
        for name in names:
            some = grid(features[name].shape, 32 if name in TAPS else 16, rng)
            t = wanted.pop(name)[some] * np.float32(1 / self.unit[name])
            for tap, gradient in self._compare(name, some, features, t, losses).items():
                entering[tap][some] = gradient.reshape(entering[tap][some].shape)
        _, gradients = self.student.gradients(entering, tape, image=False)
        if not math.isfinite(clipped(gradients, recipe.clip)):
            raise NstError(f"step {step + 1}: the gradient is not finite; lower the learning rate")
        self.optimizer.update(self.student.parameters(), gradients, recipe.rate(step))
        self.average.update()
        self.done += 1
        return losses

    def _compare(
        self,
        name: str,
        some: tuple,
        features: Mapping[str, np.ndarray],
        t: np.ndarray,
        losses: dict[str, float],
    ) -> dict[str, np.ndarray]:
        """Put the losses of a layer, at some places, among the others; return their gradients, by layer, (P, C)."""
        recipe, readout, whole = self.recipe, self.readouts[name], energy(t)
        late = self.done >= round(recipe.gram_from * recipe.steps)
        f, t = as_rows(features[name][some]), as_rows(t)
        if not np.isfinite(f).all():
            raise NstError(
                f"step {self.done + 1}: the features of {name} are not finite; lower the learning rate, or look at the "
                "pictures"
            )
        readout.absorb(f, t)
        read = np.ascontiguousarray(readout.matrix[:, readout.read])
        losses[name], gradient = regression_loss(f, read, np.ascontiguousarray(t[:, readout.read]), whole)
        found = {name: gradient}
        if len(readout.direct):
            answers = as_rows(features[self.before(name)][some])
            loss, found[self.before(name)] = rectified_regression_loss(answers, t[:, readout.direct], whole)
            losses[name] += loss
        if late and name not in TAPS:
            for one in found.values():
                one *= recipe.between
        elif late:
            losses[f"gram {name}"] = self._gram(name, f, t, gradient)
        return found

    def _gram(self, name: str, f: np.ndarray, t: np.ndarray, gradient: np.ndarray) -> float:
        """Return the mean loss of the pictures' Gram matrices; add its gradient to `gradient`."""
        count, total = self.recipe.batch, 0.0
        pictures = (a.reshape(count, -1, a.shape[1]) for a in (f, t, gradient))
        for one, wanted, so_far in zip(*pictures, strict=True):
            loss, by_f = relative_gram_loss(one, *self._compared(name, wanted))
            so_far += by_f * np.float32(self.recipe.gram_weight / count)
            total += loss / count
        return total

    def _compared(self, name: str, target: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Return how the Gram matrix is read out, and what it is compared with: direct channels, or all."""
        readout = self.readouts[name]
        gram = kernels.select(target.dtype).gram_sum(target) / len(target)
        if not len(readout.direct):
            return readout.matrix, gram
        return None, gram[np.ix_(readout.direct, readout.direct)]

    def _join(self, blocks: int, images: np.ndarray) -> None:
        """Let blocks join: scale their units on top of what has been learned."""
        new = set(self.learning(blocks)) - set(self.learning(self.blocks))
        scale_units(
            self.student, images, [c for c, r in zip(self.convolutions, self.layers, strict=True) if r in new]
        )
        self.blocks = blocks
        self.average = Average(self.student, self.recipe.average)

    def scaled(self) -> Network:
        r"""Return the averaged student with features as loud as the teacher's, so that weights of losses suit both.

        A ReLU lets a positive factor through, so w_l s_l / s_(l-1) and b_l s_l give features s_l times as large, and
        nothing else changes. s_l makes the root mean square of features the teacher's; at a tap that of the entries of
        Gram matrices, which fewer channels make larger: G has 1/C in front.
        """
        network = self.average.network.astype(np.float32)
        wanted, got = (one.forward(self.first, self.layers)[0] for one in (self.teacher, network))
        before = 1.0
        for name, conv in zip(self.layers, self.convolutions, strict=True):
            size = loudness(name, wanted[name]) / loudness(name, got[name])
            layer = network.nodes[conv].layer
            layer.weight, layer.bias = layer.weight * np.float32(size / before), layer.bias * np.float32(size)
            before = size
        return network

    def state(self) -> tuple[dict[str, int], dict[str, np.ndarray]]:
        """Return all that `load` needs to go on, besides what was given at the start: numbers, and arrays."""
        families = {
            "student": labelled(self.student),
            "average": self.average.state(),
            "optimizer": self.optimizer.state(),
        }
        families |= {f"readout.{name}": readout.state() for name, readout in self.readouts.items()}
        found = {f"{family}:{name}": array for family, of in families.items() for name, array in of.items()}
        counts = {"done": self.done, "blocks": self.blocks}
        return {**counts, "averaged": self.average.count}, found

    def load(self, plain: Mapping[str, int], found: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not of this student, or makes no sense.
        """
        families: dict[str, dict[str, np.ndarray]] = {}
        for label, array in found.items():
            family, _, name = label.partition(":")
            families.setdefault(family, {})[name] = array
        try:
            done, blocks, averaged = (plain[key] for key in ("done", "blocks", "averaged"))
            if not all(type(count) is int and count >= 0 for count in (done, blocks, averaged)):
                raise NstError("the counts in the checkpoint make no sense; start anew")
            if done > self.recipe.steps or blocks != (self.recipe.stage(done - 1)[0] if done else 0):
                raise NstError(f"the checkpoint is at step {done} of {self.recipe.steps}; start anew")
            take(self.student, families["student"], "the student")
            self.average.load(families["average"], averaged)
            self.optimizer.load(families.get("optimizer", {}))
            for name, readout in self.readouts.items():
                readout.load(families[f"readout.{name}"])
        except KeyError as error:
            raise NstError(f"the checkpoint lacks {error!s:.100}; start anew") from error
        self.done, self.blocks = done, blocks

    def validate(self, images: Sequence[np.ndarray]) -> tuple[dict[str, tuple[float, float]], int]:
        """Return how far the averaged student's features and Gram matrices are off, by layer, and its silent units.

        Parameters
        ----------
        images
            Held-out pictures, (1, H, W, 3) each.

        Returns
        -------
        errors
            Of each layer that learns: means over the pictures of relative squares. That of Gram matrices is of the
            channels that are compared (all, or the direct ones), and 0 between the taps.
        silent : int
            How many units of these layers answer at less than one place in 500.
        """
        names = self.learning(self.blocks)
        found = {name: np.zeros(2) for name in names}
        speaks = dict.fromkeys(names, 0)
        for image in images:
            wanted, got = (one.forward(image, names)[0] for one in (self.teacher, self.average.network))
            for name in names:
                t = wanted.pop(name).reshape(-1, self.readouts[name].matrix.shape[1]) * np.float32(
                    1 / self.unit[name]
                )
                f = got.pop(name).reshape(len(t), -1)
                speaks[name] += (f > 0).mean(axis=0) / len(images)
                found[name][0] += regression_loss(f, self.readouts[name].matrix, t)[0]
                if name in TAPS:
                    found[name][1] += relative_gram_loss(f, *self._compared(name, t))[0] ** 2
        silent = sum(int((share < SPEAKS).sum()) for share in speaks.values())
        return {name: tuple(total / len(images)) for name, total in found.items()}, silent


def grid(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> tuple[slice, ...]:
    """Return about `count` rows and columns of (N, H, W, C), evenly spaced, from a random one on."""
    spacing = max(1, shape[1] // count)
    y, x = rng.integers(spacing, size=2)
    return np.s_[:, y::spacing, x::spacing]


def loudness(name: str, features: np.ndarray) -> float:
    """Return the root mean square of features; at a tap, the root of that of the entries of their Gram matrices."""
    if name not in TAPS:
        return float(np.sqrt(np.square(features, dtype=np.float64).mean()))
    return float(np.mean([np.square(gram(one[None])).mean() for one in features])) ** 0.25


def as_rows(array: np.ndarray) -> np.ndarray:
    """Return (N, h, w, C) as (P, C)."""
    return np.ascontiguousarray(array).reshape(-1, array.shape[-1])


def clipped(gradients: Mapping[str, Mapping[str, np.ndarray]], limit: float) -> float:
    """Shrink gradients in place so that all of them together have a norm of at most `limit`; return what it was."""
    every = [gradient for found in gradients.values() for gradient in found.values()]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in every))
    if norm > limit:
        for gradient in every:
            gradient *= limit / norm
    return norm
