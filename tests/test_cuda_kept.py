"""Kernels for a card that were compiled before are found again by what they were made of; others are compiled."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nst import kernels
from nst.kernels import cuda_kept
from nst.kernels.compiled import before_compiling, folder
from nst.kernels.cuda_choice import TILES
from nst.kernels.cuda_convolve import Variant, convolve
from nst.kernels.cuda_correlate import correlate
from nst.kernels.cuda_device import KERNELS, Kernel
from nst.kernels.cuda_kept import origin
from nst.kernels.cuda_tiles import Tile

FILES = sorted(path.stem for path in Path(kernels.__file__).parent.glob("cuda*.py"))


def every_kernel() -> list[Kernel]:
    """Return all kernels that stand at the top of a module, and convolutions of every tile, reader and writer."""
    for name in FILES:
        importlib.import_module(f"nst.kernels.{name}")
    tiles = sorted({tile for of in TILES.values() for tile in of} | {Tile(128, 16, 16, 4, 4)})
    wide = TILES["float32"][0]
    made = [convolve(Variant(tile)) for tile in tiles] + [correlate(tile, 4, 4) for tile in tiles]
    made += [convolve(Variant(wide, reads=way)) for way in ("relu", "max", "avg")]
    made += [convolve(Variant(wide, writes=way, bias=True)) for way in ("plain", "relu", "max", "avg")]
    return [*(KERNELS[name] for name in sorted(KERNELS)), *made, correlate(wide, 1, 4)]


def origins() -> list[str]:
    return [origin(one.function) for one in every_kernel()]


def test_a_kernel_is_told_by_what_it_was_made_of():
    """No two have the same origin, and another process says the same of each."""
    found = origins()
    assert len(set(found)) == len(found)
    command = "from tests.test_cuda_kept import origins; print('\\n'.join(origins()))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    text = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True)
    assert text.stdout.splitlines() == found, text.stderr


def test_what_has_no_origin_is_refused():
    """An object that only has an address is none to tell a kernel by; all numbers of an array count."""
    with pytest.raises(TypeError):
        origin((1, object()))
    rows = np.zeros(10_000)
    others = rows.copy()
    others[5000] = 1
    assert origin((rows,)) != origin((others,)) and origin((rows,)) == origin((rows.copy(),))


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A card in which numba-cuda believes as long as nothing is launched; return the binaries that it has loaded."""
    pytest.importorskip("numba_cuda", reason="numba-cuda, which compiles without a card, is not installed")
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import devices

    loaded = []

    def load(binary, *callbacks):
        loaded.append(bytes(binary.code))
        module = SimpleNamespace(initialized=True)
        module.get_function = lambda name: SimpleNamespace(module=module)
        return module

    device = SimpleNamespace(compute_capability=(8, 0), id=0)
    context = SimpleNamespace(device=device, create_module_image=load)
    monkeypatch.setattr(devices, "get_context", lambda *which: context)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    monkeypatch.setattr(cuda_kept, "folder", lambda file: str(tmp_path))
    return loaded


def afresh() -> Kernel:
    """Return a kernel that no process has seen before, as another process would make it."""
    found = KERNELS["nst.kernels.cuda_arithmetic.affine"]
    return Kernel(found.function, found.signature)


def test_a_kernel_is_compiled_once(card, monkeypatch, tmp_path):
    """The second time nothing is compiled: the binary that was kept is loaded, for the same arguments."""
    heard = []
    before_compiling(lambda: heard.append(1))
    first = afresh().compiled
    assert heard and len(list(tmp_path.glob("*.nbc"))) == 1
    from numba.cuda import dispatcher

    def never(*arguments, **options):
        raise AssertionError("compiled again")

    monkeypatch.setattr(dispatcher, "compile_cuda", never)
    second = afresh().compiled
    (kernel,) = second.overloads.values()
    kernel.bind()
    assert card[0] == card[1] and b"affine" in card[1]
    assert kernel.argument_types == next(iter(first.overloads.values())).argument_types
    assert second.specialized


def test_what_is_damaged_is_compiled_again(card, tmp_path):
    """A file that was cut short, or an index that is none, costs the time of compiling and nothing else."""
    for name in ("*.nbc", "*.nbi"):
        afresh().compiled  # noqa: B018
        (file,) = tmp_path.glob(name)
        file.write_bytes(file.read_bytes()[:40])
        afresh().compiled  # noqa: B018
        assert len(file.read_bytes()) > 40


def test_another_card_has_its_own_binary(card, monkeypatch, tmp_path):
    """What was compiled for one generation of cards is not loaded on another."""
    from numba.cuda import dispatcher

    afresh().compiled  # noqa: B018
    dispatcher.get_current_device().compute_capability = (9, 0)
    afresh().compiled  # noqa: B018
    assert len(list(tmp_path.glob("*.nbc"))) == 2 and card[0] != card[1]


def test_a_change_of_any_source_is_another_folder():
    """Kernels of convolutions depend on the files of readers, writers, tiles and intrinsics."""
    from nst.kernels.compiled import sources

    file = Path(convolve.__wrapped__.__code__.co_filename)
    needed = {"cuda_readers.py", "cuda_writers.py", "cuda_tiles.py", "cuda_intrinsics.py", "cuda_steps.py"}
    assert needed <= {source.name for source in sources(file)}
    assert folder(file) != folder(file.with_name("cuda_correlate.py"))
