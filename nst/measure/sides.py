"""Who is measured, and how each is surrounded: threads, vectors, memory."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from nst.errors import NstError
from nst.measure.peer import Side

# What limits each library to AVX2 on a machine that has more.
OUR_AVX2 = {
    "NST_SIMD": "avx2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+popcnt,+sse4.2",
}
TORCH_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
# Keeps what is freed, for the next allocation, instead of giving it back to the system page by page.
KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(2**34), "MALLOC_TRIM_THRESHOLD_": str(2**36)}
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def ours(threads: int, isa: str | None = None, more: dict[str, str] | None = None) -> Side:
    """Return this library, with environment variables on top."""
    limits = OUR_AVX2 if isa == "avx2" else {}
    return Side("nst", "nst.measure.ours", (), {**_threads(threads), **limits, **(more or {})})


def rivals(name: str, threads: int, isa: str | None = None, device: str = "cpu") -> list[Side]:
    """Return the ways to run the other library that are worth trying; the fastest is the one that counts.

    PyTorch is tried in both memory layouts with an allocator that keeps its memory, which spares it a good part of its
    time, and then, in the better layout, with the allocator as it is, which spares memory (see `as_it_is`). On a card
    its own allocator keeps memory anyway.

    Raises
    ------
    NstError
        When it is not installed.
    """
    if name == "reference" and device == "cuda":
        raise NstError("--vs reference: the definition does not run on a card")
    if name == "reference":
        return [
            Side("the definition", "nst.measure.ours", (), {**_threads(threads), "NST_KERNELS": "reference"})
        ]
    if importlib.util.find_spec("torch") is None:
        raise NstError("--vs torch: PyTorch is not installed here; install torch, or leave --vs out")
    limits = TORCH_AVX2 if isa == "avx2" else {}
    return [
        Side(
            f"PyTorch {layout}",
            "nst.measure.torch_peer",
            (layout,),
            {**_threads(threads), **limits, **({} if device == "cuda" else KEEPING)},
        )
        for layout in ("channels_last", "contiguous")
    ]


def as_it_is(side: Side) -> Iterable[Side]:
    """Return the same side with the system's allocator untouched, if it was tuned."""
    if KEEPING.items() <= side.environment.items():
        untouched = {key: value for key, value in side.environment.items() if key not in KEEPING}
        yield Side(f"{side.name}, untuned allocator", side.module, side.arguments, untouched)


def _threads(count: int) -> dict[str, str]:
    return dict.fromkeys(THREADS, str(count))
