"""Beginning with what another network has learned: its weights, which layers stay, and features that are kept."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from nst import formats
from nst.errors import NstError
from nst.formats.trained import TrainedNetwork, is_trained, read_trained
from nst.layers import Preprocess
from nst.networks import CUT, Network, Node, Weights
from nst.networks.surgery import narrowed
from nst.report import duration
from nst.training.batches import Batches
from nst.training.by_name import load_by_name
from nst.training.features import CannotKeepError, Features, cut_at_frozen
from nst.training.plan import Plan
from nst.training.trainer import Training

UNCHANGED = {"turn": 0, "zoom": 0, "elastic": 0, "crop": 1, "shift": 0, "cutout": 0}
"""The settings of a recipe that shows each picture the same in every epoch, or its mirror image."""

PROBE = 16  # pictures that say how long the frozen layers take


def fine_tuned(plan: Plan, options: argparse.Namespace) -> Plan:
    """Return the plan that begins, freezes and keeps what the options say.

    Parameters
    ----------
    plan
        From scratch. Its network is changed; begun with the weights of the same network after `nst.prune`, it has no
        more filters than these.
    options
        With `weights`, `by_name`, `freeze`, `rate` and `keep_features`; see `python -m nst.train folder --help`.

    Raises
    ------
    NstError
        For a file that does not fit and a glob that matches nothing.
    """
    network, notes = plan.start.network, list(plan.notes)
    if options.weights:
        network, told = _begun(plan.start, options.weights, options.by_name)
        notes += told
    elif options.by_name:
        raise NstError("--by-name: name the file to load with --from")
    if options.freeze:
        network.freeze(*options.freeze)
        frozen = [
            name for name, node in network.nodes.items() if node.layer.frozen and node.layer.parameters()
        ]
        notes.append(f"frozen: {len(frozen)} layers, {frozen[0]} to {frozen[-1]}")
    if not network.parameters():
        raise NstError("--freeze leaves nothing to learn")
    first = next(iter(network.nodes.values())).layer
    mean = tuple(first.mean.tolist()) if isinstance(first, Preprocess) else plan.start.mean
    rates = [parse_rate(text) for text in options.rate or ()]
    plan = replace(plan, start=replace(plan.start, mean=mean, network=network), rates=rates, notes=notes)
    return _divided(plan, options.keep_features)


def parse_rate(text: str) -> tuple[str, float]:
    """Return glob and factor of `GLOB=FACTOR`.

    Raises
    ------
    NstError
        When it is none.
    """
    glob, equals, factor = text.rpartition("=")
    try:
        value = float(factor)
    except ValueError:
        value = -1.0
    if not glob or not equals or not 0 <= value < float("inf"):
        raise NstError(f"--rate {text!r:.80}: say GLOB=FACTOR, such as fire*=0.1")
    return glob, value


def read_weights(path: str | os.PathLike) -> Weights:
    """Read weights to load by name: of a network that `nst.train` wrote, or in any format of `nst.formats`.

    Raises
    ------
    NstError
        When the file cannot be read.
    """
    if not is_trained(path):
        return formats.read(path)
    found = read_trained(path)
    weights = Weights(found.arrays, found.name, "RGB", found.mean, source=str(path))
    first = next(iter(found.network.nodes.values())).layer
    if isinstance(first, Preprocess):
        weights = replace(weights, scale=tuple(first.scale), channel_order=first.channel_order)
    return weights


def _begun(start: TrainedNetwork, path: str, by_name: bool | None) -> tuple[Network, list[str]]:
    """Return the network with what a file holds, and what to tell."""
    weights, network = read_weights(path), start.network
    if weights.network.removesuffix(CUT) == start.name:
        network = narrowed(network, weights.arrays)
    told = load_by_name(network, weights)
    if not by_name and (told.absent or told.skipped or told.mismatched):
        odd = next(iter((*told.mismatched, *told.absent, *told.skipped)))
        raise NstError(
            f"{path} is of another network: {odd} does not fit; --by-name takes what fits and leaves the rest"
        )
    return network, [f"by name from {path} ({weights.network})", *told.lines()]


def _divided(plan: Plan, keep: bool | None) -> Plan:
    """Return a plan that keeps the features of frozen layers where that is possible and not refused."""
    if keep is False:
        return plan
    recipe = plan.recipe
    parts = cut_at_frozen(plan.start.network)
    changing = [name for name, still in UNCHANGED.items() if getattr(recipe, name) != still]
    if plan.flip:
        changing.append("tta")
    if parts is None or changing:
        if keep:
            why = "pictures change with " + ", ".join(f"--{name}" for name in changing)
            raise NstError(f"--keep-features: {why if changing else 'no frozen layer lies below all others'}")
        return plan
    return KeptPlan(**vars(plan), base=parts[0], rest=parts[1], required=bool(keep))


@dataclass
class KeptPlan(Plan):
    """A plan whose frozen layers run once over all pictures; the rest learns from what they make of them.

    Attributes
    ----------
    base, rest : Network
        See `nst.training.features.cut_at_frozen`.
    required : bool
        Whether it is an error when features cannot be kept.
    pictures : Plan or None
        Once it is prepared: the plan with the pictures themselves, while `train` and `test` are features.
    """

    base: Network | None = None
    rest: Network | None = None
    pictures: Plan | None = None
    required: bool = False

    def prepared(self, tell: Callable[[str], None], probe: bool = False) -> Plan:
        """Return the plan with features in place of pictures; with `probe`, only told how long they take, and blank.

        Where they cannot be kept, and need not, it is the plan with the pictures.
        """
        try:
            return self._prepared(tell, probe)
        except CannotKeepError as error:
            if self.required:
                raise NstError(f"{error}; or train with --no-keep-features") from error
            tell(f"{error}: training on the pictures instead")
            return Plan(**{field.name: getattr(self, field.name) for field in fields(Plan)})

    def _prepared(self, tell: Callable[[str], None], probe: bool) -> KeptPlan:
        mirrored, begun = self.recipe.flip, time.perf_counter()
        count = len(self.train) * (1 + mirrored) + (0 if self.test is None else len(self.test))
        told = f"the frozen layers, up to {self.base.names[-1]}, run once over {count:,} pictures"
        if probe:
            Features(self.base, self.train.part(range(min(PROBE, len(self.train)))))
            pace = (time.perf_counter() - begun) / min(PROBE, len(self.train))
            tell(f"{told}, which takes {duration(count * pace)}")
        else:
            tell(told + (", mirror images included" if mirrored else ""))
        train = Features(self.base, self.train, mirrored=mirrored, blank=probe)
        test = None if self.test is None else Features(self.base, self.test, blank=probe)
        size = train.nbytes + (0 if test is None else test.nbytes)
        took = "" if probe else f" after {duration(time.perf_counter() - begun)}"
        tell(f"kept{took}: {size / 1e6:.1f} MB of {train.dtype.__name__}, {math_shape(train.shape)} for each")
        return replace(self, train=train, test=test, pictures=self)

    def batches(self, workers: int = 1) -> Batches:
        """Return the mini-batches of features, of pictures or their mirror images as the recipe draws them."""
        draw = self.train.draw if self.recipe.flip else None
        return Batches(self.train, self.recipe.batch, draw, self.recipe.seed, workers)

    def training(self, steps_per_epoch: int) -> Training:
        """Return the training of the rest."""
        return Training(self.rest, self.recipe, steps_per_epoch, self.rates)

    def whole(self, network: Network) -> Network:
        """Return the network of the base and of what `rest`, or its average, has become."""
        nodes = []
        for node in self.start.network.nodes.values():
            layer = network.nodes[node.name].layer if node.name in network.nodes else node.layer
            nodes.append(Node(node.name, layer, node.inputs))
        return Network(nodes, self.start.network.aliases)

    def fingerprint(self) -> str:
        """Return that of the pictures."""
        return Plan.fingerprint(self.pictures)


def math_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as it is written: 13x13x512."""
    return "x".join(map(str, shape))
