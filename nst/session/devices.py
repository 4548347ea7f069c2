"""Where a run computes: on the processor or on a card, and how exactly there."""

from __future__ import annotations

import argparse

from nst import kernels
from nst.errors import NstError

DEVICES = ("cpu", "cuda", "auto")
PRECISIONS = ("float32", "tf32", "bf16")


def add_device(group: argparse._ArgumentGroup) -> None:
    """Add `--device` and `--precision`."""
    group.add_argument(
        "--device",
        choices=DEVICES,
        default="cpu",
        help="cuda: an NVIDIA card, with nst[cuda12] or nst[cuda13]; auto: the card if there is one (default: cpu)",
    )
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the factors of products on a card; tf32 and bf16 take the tensor cores of Ampere and later "
        "(default: float32)",
    )


def choose_device(options: argparse.Namespace) -> tuple[str, list[str]]:
    """Return "cpu" or "cuda", and a line that says why where that was asked for.

    Raises
    ------
    NstError
        When a card was asked for that cannot be used, or a precision that only a card has, or only a newer one.
    """
    asked, precision = getattr(options, "device", "cpu"), getattr(options, "precision", "float32")
    missing = None if asked == "cpu" else kernels.no_card()
    if asked == "cuda" and missing:
        raise NstError(f"--device cuda: {missing}; --device cpu needs none")
    if asked == "cpu" or missing:
        if precision != "float32" and asked == "cpu":
            raise NstError(f"--precision {precision} is for cards: give --device cuda or auto with it")
        return "cpu", [f"device: cpu, since {missing}"] if asked == "auto" else []
    if lacking := kernels.card_lacks(precision):
        raise NstError(f"--precision {precision}: {lacking}; give --precision float32")
    return "cuda", [f"device: cuda, {kernels.card_name()}, in {precision}"]
