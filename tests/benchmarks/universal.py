"""AdaIN and WCT against PyTorch, in turns: `python -m tests.benchmarks.universal CONTENT STYLE [--weights FOLDER]`.

The same encoders and decoders, the same mathematics, two processes that take turns as those of `nst.bench` do; PyTorch
in whichever of its memory layouts is faster.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import tempfile
from pathlib import Path

from nst.images import load, resize
from nst.measure.compare import alternate, difference, fastest, ratios
from nst.measure.job import Job
from nst.measure.machine import cores, machine
from nst.measure.peer import Peer
from nst.measure.sides import as_it_is, ours, rivals


def main() -> None:
    """Measure both methods, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--size", type=int, default=512, help="longest side of both, in pixels")
    parser.add_argument("--weights", help="a folder with VGG-19's encoders and decoders; default: slim")
    parser.add_argument("--method", nargs="+", choices=("adain", "wct"), default=("adain", "wct"))
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pictures = {
        name: resize(load(getattr(options, name)).pixels, options.size) for name in ("content", "style")
    }
    about = machine()
    print(f"{about['processor']}, {options.threads} of {about['cpus']} cores; {options.weights or 'slim'}")
    for method in options.method:
        job = Job("universal", {"method": method, "weights": options.weights}, pictures)
        print(measured(job, options.threads, options.rounds), flush=True)


def measured(job: Job, threads: int, rounds: int) -> str:
    """Measure one job in turns; return a line."""
    height, width = job.arrays["content"].shape[:2]
    told = f"{job.settings['method']:6}{width}x{height}"
    mine = dataclasses.replace(ours(threads), module="tests.benchmarks.universal_ours")
    with tempfile.TemporaryDirectory(prefix="nst-bench-") as name:
        job.write(Path(name))
        with Peer(mine, Path(name)) as peer:
            if importlib.util.find_spec("torch") is None:
                (alone,) = alternate([peer], "", rounds)
                return f"{told}  nst {alone.median:.3f} s (PyTorch is not installed)"
            sides = [dataclasses.replace(one, module="tests.benchmarks.universal_torch")
                     for one in rivals("torch", threads)]  # fmt: skip
            rival, _ = fastest(sides, as_it_is, Path(name), 2)
            with rival:
                us, them = alternate([peer, rival], "", rounds)
                low, middle, high = ratios(us, them)
                apart = difference(*(one.arrays("results")["picture"] for one in (peer, rival)))
    return (
        f"{told}  nst {us.median:.3f} s ({us.memory >> 20} MiB), {them.name} {them.median:.3f} s "
        f"({them.memory >> 20} MiB): {middle:.2f} times as fast ({low:.2f} to {high:.2f}), apart {apart:.1e}"
    )


if __name__ == "__main__":
    main()
