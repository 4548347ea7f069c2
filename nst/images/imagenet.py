"""What the thousand classes of ImageNet are called."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def _lines() -> tuple[tuple[str, str], ...]:
    text = Path(__file__).with_name("imagenet.txt").read_text(encoding="utf-8")
    found = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return tuple((synset, words) for synset, _, words in found)


def class_names() -> list[str]:
    """Return the name of each class, in the order of the networks' scores: synonyms with commas between.

    >>> len(class_names()), class_names()[1], class_names()[473]
    (1000, 'goldfish, Carassius auratus', 'can opener, tin opener')
    """
    return [words for _, words in _lines()]


def synsets() -> list[str]:
    """Return the WordNet identifier of each class.

    >>> synsets()[1]
    'n01443537'
    """
    return [synset for synset, _ in _lines()]
