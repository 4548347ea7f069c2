"""Training decoders: each learns to make the picture of a frozen network's features again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nst.errors import NstError
from nst.feedforward.transforms import AdaIN
from nst.losses import MOMENTS, content_loss
from nst.losses.regression import energy
from nst.networks import Network, fused
from nst.networks.slim import SCALE
from nst.networks.slim_codecs import TAPS, fresh_decoder
from nst.optimizers import AdamW, Groups
from nst.training.average import labelled, take
from nst.training.decoding import LEVELS, Decoding
from nst.training.units import scale_units

Features = Mapping[str, np.ndarray]

TYPICAL = 0.05  # the deviation of weights that learn at the recipe's rate
TINY = 1e-12  # what a share is taken of at the least: features may be zero everywhere


class DecoderTrainer:
    r"""Decoders on their way, level after level: `step` after `step` their pictures come nearer.

    With x crops, F_l(x) what the frozen encoder says of them at relu`l`_1, l = 1 .. k, and D the decoder of level k, on
    the crops that are only to come back::

        p = D(F_k(x))        L = |p - x|^2 / n + f / k sum_l |F_l(p) - F_l(x)|^2 / |F_l(x)|^2

    n the numbers of the crops, both in the units of the encoder's input: Li et al., *Universal Style Transfer via
    Feature Transforms*, 2017, with the lower taps as well. The deepest decoder also learns from crops y that are given
    the statistics of others, t = AdaIN(F_k(y), F_k(x)), for which there is no picture to compare with::

        q = D(t)             L += f |F_k(q) - t|^2 / |t|^2
                                  + s sum_l mean_i [|mu_l(q_i) - mu_l(x_i)|^2 + |sigma_l(q_i) - sigma_l(x_i)|^2]
                                                   / [|mu_l(x_i)|^2 + |sigma_l(x_i)|^2]

    as Huang and Belongie, *Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization*, 2017, each loss
    as a share of what it would be for nothing.

    Parameters
    ----------
    encoder : Network
        Frozen, with `TAPS`.
    recipe : Decoding
    images : ndarray, shape (N, H, W, 3)
        Training pictures by which the units of fresh decoders are scaled.
    """

    def __init__(self, encoder: Network, recipe: Decoding, images: np.ndarray) -> None:
        self.encoder, self.recipe, self.first = fused(encoder, list(TAPS.values())), recipe, images
        self.decoders: dict[int, Network] = {}
        self.optimizer = AdamW()
        self.done = 0

    def step(self, images: np.ndarray) -> dict[str, float]:
        """Learn from pictures (N, H, W, 3); return the losses, before the step.

        Raises
        ------
        NstError
            When they are not finite; nothing has moved then.
        """
        level = self.recipe.level(self.done)
        if level not in self.decoders:
            self._begin(level)
        losses, gradients = self.slopes(images)
        if not all(map(math.isfinite, losses.values())):
            raise NstError(
                f"step {self.done + 1}: a loss is not finite; lower the learning rate, or look at the pictures"
            )
        self.optimizer.update(self.decoders[level].parameters(), gradients, self.recipe.rate(self.done))
        self.done += 1
        return losses

    def slopes(self, images: np.ndarray) -> tuple[dict[str, float], dict[str, dict[str, np.ndarray]]]:
        """Return the weighted losses of pictures (N, H, W, 3), and the gradient of their sum by what learns."""
        level = self.recipe.level(self.done)
        decoder, taps = self.decoders[level], taps_of(level)
        wanted = self.encoder.features(images, taps)
        plain = len(images) - self.recipe.styled(self.done)
        given = wanted[taps[-1]].copy()
        for place in range(plain, len(images)):
            given[place] = in_the_style_of(given[place], given[place - plain])
        pictures, tape = decoder.forward(given, ["picture"])
        picture = pictures["picture"]
        found, seen = self.encoder.forward(picture, taps)
        losses, entering = self._compare(found, wanted, given, plain)
        losses["pixels"], slope = content_loss(picture[:plain], images[:plain], SCALE[0] ** 2)
        leaving = self.encoder.backward(entering, seen)
        leaving[:plain] += slope
        return losses, decoder.gradients({"picture": leaving}, tape, image=False)[1]

    def _compare(
        self, found: Features, wanted: Features, given: np.ndarray, plain: int
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Return the losses of features, and their gradients by tap."""
        recipe, deepest, styled = self.recipe, list(found)[-1], len(given) - plain
        losses = {"features": 0.0, "styled": 0.0, "style": 0.0}
        entering = {tap: np.zeros_like(f) for tap, f in found.items()}
        for tap, f in found.items():
            weight = recipe.feature_weight / len(found)
            value, entering[tap][:plain] = share(f[:plain], wanted[tap][:plain], weight)
            losses["features"] += value
            for place in range(plain, len(f)):
                source = wanted[tap][place - plain]
                value, slope = style_share(f[place], source, recipe.style_weight / styled)
                entering[tap][place] = slope
                losses["style"] += value
        if styled:
            losses["styled"], slope = share(found[deepest][plain:], given[plain:], recipe.feature_weight)
            entering[deepest][plain:] += slope
        return losses, entering

    def _begin(self, level: int) -> None:
        """Let a fresh decoder begin: its units scaled, each layer with a rate in proportion to its weights.

        The deepest takes over the layers next to the picture from the one before it, which have the same shapes.
        """
        tap = TAPS[level]
        decoder = self.decoders[level] = fresh_decoder(level, self.recipe.seed)
        known = self.decoders[level - 1].parameters() if level == LEVELS[-1] else {}
        names, taken = list(decoder.parameters()), []
        for name in reversed(names):
            own, other = decoder.parameters()[name], known.get(name, {})
            if not other or own["weight"].shape != other["weight"].shape:
                break
            for part, array in other.items():
                own[part][...] = array
            taken.append(name)
        features = self.encoder.features(self.first, [tap])[tap]
        scale_units(decoder, features, [name for name in names if name not in taken])
        rates = {
            f"{name}.weight": float(of["weight"].std()) / TYPICAL for name, of in decoder.parameters().items()
        }
        self.optimizer = AdamW(beta2=0.99, groups=Groups(rates.items()))

    def state(self) -> tuple[dict[str, int], dict[str, np.ndarray]]:
        """Return all that `load` needs to go on, besides what was given at the start: numbers, and arrays."""
        found = {f"optimizer:{name}": array for name, array in self.optimizer.state().items()}
        for level, decoder in self.decoders.items():
            found |= {f"decoder{level}:{name}": array for name, array in labelled(decoder).items()}
        return {"done": self.done}, found

    def load(self, plain: Mapping[str, int], found: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        NstError
            When it is not of such decoders, or makes no sense.
        """
        done = plain.get("done")
        if type(done) is not int or not 0 <= done <= self.recipe.steps:
            raise NstError(f"the checkpoint is at step {done!r:.40} of {self.recipe.steps}; start anew")
        families: dict[str, dict[str, np.ndarray]] = {"optimizer": {}}
        for label, array in found.items():
            family, _, name = label.partition(":")
            families.setdefault(family, {})[name] = array
        for level in range(1, self.recipe.level(done - 1) + 1 if done else 1):
            self._begin(level)
            take(self.decoders[level], families.get(f"decoder{level}", {}), f"the decoder of level {level}")
        self.optimizer.load(families["optimizer"])
        self.done = done

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of all decoders that have begun, as a file has them; see `decoder_shapes`."""
        return {
            f"decoder{level}/{name}": array
            for level, decoder in sorted(self.decoders.items())
            for name, array in labelled(decoder).items()
        }

    def validate(self, images: Sequence[np.ndarray]) -> dict[str, float]:
        """Measure the decoder that learns on pictures (1, H, W, 3) that it does not learn from.

        Returns
        -------
        dict of str to float
            `pixels`: the root mean square error of plain reconstruction, of 255. `features`: the error of its
            features at the decoder's tap, as a share. `style`: how far mean and deviation of each picture in the style
            of the one before it are from that one's, as a share, the mean of all taps; NaN where that is not learned.
        """
        level = max(self.decoders)
        decoder, taps = self.decoders[level], taps_of(level)
        seen = [self.encoder.features(image, taps) for image in images]
        pixels, features, style = [], [], []
        for place, (image, own) in enumerate(zip(images, seen, strict=True)):
            deep, other = own[taps[-1]], seen[place - 1]
            picture = np.clip(decoder.features(deep, ["picture"])["picture"], 0, 255)
            pixels.append(float(np.square(picture - image, dtype=np.float64).mean()))
            features.append(share(self.encoder.features(picture, taps[-1:])[taps[-1]], deep, 1.0)[0])
            if self.recipe.style_weight and level == LEVELS[-1]:
                picture = decoder.features(in_the_style_of(deep, other[taps[-1]]), ["picture"])["picture"]
                found = self.encoder.features(np.clip(picture, 0, 255), taps)
                style += [style_share(found[tap][0], other[tap][0], 1.0)[0] for tap in taps]
        return {
            "pixels": math.sqrt(np.mean(pixels)),
            "features": float(np.mean(features)),
            "style": float(np.mean(style)) if style else math.nan,
        }


def taps_of(level: int) -> list[str]:
    """Return where features are compared for the decoder of a level: at its own tap and those above the picture."""
    return [TAPS[one] for one in range(1, level + 1)]


def in_the_style_of(features: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Return features (..., C) with the mean and the deviation of others, channel by channel."""
    adain = AdaIN()
    own, other = (one.reshape(-1, one.shape[-1]) for one in (features, style))
    return adain.move(own, adain.measure(own), adain.measure(other)).reshape(features.shape)


def share(features: np.ndarray, target: np.ndarray, weight: float) -> tuple[float, np.ndarray]:
    """Return `weight` times |F - T|^2 / |T|^2, and the gradient by F."""
    return content_loss(features, target, weight * target.size / max(energy(target), TINY))


def style_share(features: np.ndarray, style: np.ndarray, weight: float) -> tuple[float, np.ndarray]:
    """Return how far mean and deviation of features (H, W, C) are from another's, as a share, and the gradient."""
    target = MOMENTS.measure(style[None])
    value, slope = MOMENTS.loss(features[None], target, weight / max(MOMENTS.energy(target), TINY))
    return value, slope[0]
