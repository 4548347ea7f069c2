"""What `on_gpu.sh` does, step by step; see there."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from nst.formats import write
from nst.formats.known import find_weights
from nst.measure.jobs import he_weights
from tests.benchmarks.gpu_table import write_results
from tests.benchmarks.timed_steps import Step, Steps

SECONDS = 460.0  # for everything
# Of each step, or of those that run side by side; the painting has what is left.
LIMITS = {"card": 10, "device": 40, "all once": 140, "sanitizer": 60, "torch": 20, "float32": 65, "tf32": 65}
CARD = "name,driver_version,compute_mode,memory.total,power.limit"
DEVICE = """
from nst import kernels
if why := kernels.no_card():
    print(why)
    raise SystemExit(1)
from numba import cuda
print(kernels.card_name(), cuda.get_current_device().compute_capability)
print(*[one for one in ("tf32", "bf16") if not kernels.card_lacks(one)])
"""
TORCH = "import torch; raise SystemExit(not torch.cuda.is_available())"
# Quick ones of each kind: under the sanitizer, a launch takes many times as long.
CHECKED = (
    "test_kernels or test_products or plain_convolution or (within_the_convolution and max) or tensor_cores"
    " or (of_full_size and 128)"
)
SANITIZED = ("products", "kernels", "convolution", "tiles")
TESTS = Path(__file__).parents[1] / "cuda"
WIDE_OPEN = ("-W", "default", "-q", "-p", "no:cacheprovider")  # a driver may warn of what it likes


def python(*words: str) -> list[str]:
    """Return a command of this interpreter."""
    return [sys.executable, *words]


def bench(precision: str, *words: str) -> list[str]:
    """Return the command that measures a whole step."""
    how = ("--device", "cuda", "--precision", precision, "--size", "512", "--quick")
    return python("-m", "nst.bench", "step", *how, *words)


def painting(weights: list[str], iterations: int, output: Path) -> list[str]:
    """Return the command that paints."""
    how = ("--device", "cuda", "--size", "512", "--iterations", str(iterations), "--print-every", "100")
    return python("-m", "nst.run", *weights, *how, "-o", str(output))


def compiling(weights: list[str], scratch: Path, precisions: list[str]) -> list[Step]:
    """Return steps that do all once, side by side, so that what follows finds its kernels compiled."""
    limit = LIMITS["all once"]
    files = sorted(TESTS.glob("test_*.py"))
    found = [Step(path.stem, limit, python("-m", "pytest", str(path), *WIDE_OPEN)) for path in files]
    found += [Step(f"compile-{one}", limit, bench(one, "--rounds", "1")) for one in precisions]
    return [*found, Step("compile-float32", limit, painting(weights, 2, scratch / "first.png"))]


def sanitizing(sanitizer: str) -> list[Step]:
    """Return what looks for bad accesses and for races."""
    files = [str(TESTS / f"test_{name}.py") for name in SANITIZED]
    tests = python("-m", "pytest", *files, "-k", CHECKED, "-x", *WIDE_OPEN)
    how = ("--error-exitcode", "9", "--target-processes", "all")
    # numba-cuda asks the driver what may be answered by no, which would count as an error.
    tools = {"memcheck": ["--report-api-errors", "no"], "racecheck": []}
    return [
        Step(tool, LIMITS["sanitizer"], [sanitizer, "--tool", tool, *how, *more, *tests])
        for tool, more in tools.items()
    ]


def vgg19(scratch: Path) -> list[str]:
    """Return the arguments that name a VGG-19: one that is here, or one of the same shape with random numbers."""
    if find_weights("vgg19"):
        return ["--network", "vgg19"]
    write(scratch / "vgg19-random.h5", he_weights())
    return ["--weights", str(scratch / "vgg19-random.h5")]


def main(folder: Path, scratch: Path) -> int:
    """Do everything; return an exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("step-*.json"), *folder.glob("painting.*"), *folder.glob("*.log")]:
        old.unlink()
    after = partial(write_results, folder)
    steps = Steps(folder, SECONDS, after, NUMBA_CACHE_DIR=str(folder / "kernels"))
    steps.run(Step("card", LIMITS["card"], ["nvidia-smi", f"--query-gpu={CARD}", "--format=csv"]))
    if not steps.run(Step("device", LIMITS["device"], python("-c", DEVICE))):
        print((folder / "device.log").read_text().strip())
        return 1
    precisions = (
        (folder / "device.log").read_text().splitlines()[-1].split()
    )  # that the tensor cores know, if any
    weights = vgg19(scratch)
    good = steps.run(*compiling(weights, scratch, precisions))
    sanitizer = shutil.which("compute-sanitizer", path=steps.environment["PATH"] + ":/usr/local/cuda/bin")
    if sanitizer:
        good &= steps.run(*sanitizing(sanitizer))
    rival = ["--vs", "torch"] if steps.run(Step("torch", LIMITS["torch"], python("-c", TORCH))) else []

    def measured(precision: str, limit: float) -> bool:
        command = bench(precision, *rival, "--json", str(folder / f"step-{precision}.json"))
        return steps.run(Step(f"step-{precision}", limit, command))

    for one in ("float32", *precisions[:1]):
        good &= measured(one, LIMITS[one])
    good &= steps.run(Step("painting", steps.left, painting(weights, 500, folder / "painting.png")))
    for one in precisions[1:]:
        good &= measured(one, steps.left)
    print((folder / "results.md").read_text())
    return 0 if good else 1


def stopped(*signal_and_frame: object) -> None:
    """End as on Ctrl-C: with all that was started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped)
    with tempfile.TemporaryDirectory(prefix="nst-on-gpu-") as scratch_folder:
        try:
            status = main(Path(sys.argv[1]), Path(scratch_folder))
        except KeyboardInterrupt:
            status = 130
    raise SystemExit(status)
