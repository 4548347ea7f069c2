"""Say what is in a picture: `python -m nst.classify IMAGE...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.files import atomic_write

FITS = ("crop", "squash", "none")


def _parser() -> Parser:
    it = Parser(
        prog="python -m nst.classify",
        description="Say what is in a picture: which of ImageNet's 1000 classes, or of those that nst.train was shown.",
    )
    it.add_argument("pictures", nargs="+", metavar="IMAGE", help="files, or folders of them")
    it.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NAME",
        help="whose weights are looked for in $NST_WEIGHTS and the cache; several times for several networks "
        "(default: the first that is found of googlenet, squeezenet, vgg19, vgg16, alexnet)",
    )
    it.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="FILE",
        help="weights of a network, likewise; or a network that nst.train wrote",
    )
    it.add_argument("--top", type=int, default=5, metavar="N", help="how many classes to name")
    it.add_argument(
        "--fit",
        choices=FITS,
        help="crop: the middle of the picture, for networks of ImageNet at 8/7 of their size; squash: all of it; "
        "none: its own pixels; default: crop, or as a network of nst.train was trained",
    )
    it.add_argument(
        "--labels", metavar="FILE", help="lines `NAME CLASS`: count how often the network is right"
    )
    it.add_argument("--json", metavar="FILE", help="write all that is found there; - for the screen")
    return it


def main(argv: Sequence[str]) -> int:
    """Classify the pictures; status 1 when one of a folder could not be read."""
    options = _parser().parse_args(argv)
    if not 1 <= options.top <= 1000:
        raise NstError(f"--top must be from 1 to 1000, not {options.top}")
    if options.json not in (None, "-") and not Path(options.json).parent.is_dir():
        raise NstError(f"cannot write {options.json}: the folder {Path(options.json).parent} does not exist")
    from nst.images.folder import pictures_in
    from nst.inside.classifier import read_classifier, read_labels

    pictures = pictures_in(options.pictures)
    labels = read_labels(options.labels) if options.labels else {}
    classifiers = [read_classifier(name) for name in options.network]
    classifiers += [read_classifier(path=path) for path in options.weights]
    classifiers = classifiers or [read_classifier()]
    found = []
    for one in _answers(pictures, classifiers, options, labels):
        found.append(one)
        if options.json != "-":
            _show(one, len(classifiers) > 1)
    counts = [_count(found, index, labels) for index in range(len(classifiers))] if labels else []
    if options.json:
        _write(options.json, {"pictures": found, "counts": counts})
    for count in counts if options.json != "-" else ():
        print("{network}: {first} of {pictures} right, {first_five} among the first five".format(**count))
    return int(len(found) < len(pictures))


def _answers(pictures: list, classifiers: list, options: Any, labels: dict[str, int]) -> Iterator[dict]:
    """Yield what is found in each picture; say which of a folder cannot be read, and go on."""
    from nst.images import load

    for path, named in pictures:
        try:
            pixels = load(path, managed=False).pixels
            answers = [(one, one(pixels, options.fit)) for one in classifiers]
        except NstError as error:
            if named:
                raise
            print(f"nst: left out: {printable(error)}", file=sys.stderr)
            continue
        networks = [
            {
                "network": one.name,
                "weights": one.source,
                "classes": _classes(one, answer, max(options.top, 5)),
            }
            for one, answer in answers
        ]
        for network in networks:  # counting wants five, whatever is shown
            network["first_five"] = [entry["class"] for entry in network["classes"][:5]]
            network["classes"] = network["classes"][: options.top]
        yield {"picture": str(path), "label": labels.get(path.name), "networks": networks}


def _classes(classifier: Any, answer: Any, count: int) -> list[dict[str, Any]]:
    from nst.images.imagenet import class_names, synsets

    own = classifier.classes
    return [
        {
            "class": k,
            **({} if own else {"synset": synsets()[k]}),
            "name": own[k] if own else class_names()[k],
            "score": round(float(answer.scores[k]), 5),
            "probability": round(float(answer.probabilities[k]), 7),
        }
        for k in answer.best(count)
    ]


def _show(found: dict[str, Any], several: bool) -> None:
    print(printable(found["picture"]))
    for network in found["networks"]:
        if several:
            print(f"  {network['network']}")
        for entry in network["classes"]:
            print(f"  {100 * entry['probability']:6.2f} %  {entry['class']:3d}  {printable(entry['name'])}")


def _count(found: list[dict], index: int, labels: dict[str, int]) -> dict[str, Any]:
    """Return how often a network is right, among the pictures that have a label."""
    judged = [(one["networks"][index], one["label"]) for one in found if one["label"] is not None]
    if not judged:
        raise NstError(
            f"none of the pictures is in the labels; they are for {', '.join(list(labels)[:3])}, ..."
        )
    return {
        "network": judged[0][0]["network"],
        "pictures": len(judged),
        "first": sum(network["first_five"][0] == label for network, label in judged),
        "first_five": sum(label in network["first_five"] for network, label in judged),
    }


def _write(target: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    # A file's name may hold bytes that are no UTF-8: as \udcff they are right JSON, and Python reads them back.
    told = text.encode("utf-8", "backslashreplace")
    if target == "-":
        sys.stdout.write(told.decode())
        return
    with atomic_write(Path(target)) as stream:
        stream.write(told)


if __name__ == "__main__":
    sys.exit(run_door(main))
