"""What is compiled once and kept: never stale, never compiled without need, never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nst.kernels import compiled

FILES = {
    "plus": "ONE = 1\n",
    "helper": "from nst.kernels.compiled import jit\nfrom nst.kernels.plus import ONE\n\n\n"
    "@jit\ndef more(x):\n    return x + ONE\n",
    "kernel": "from nst.kernels import (\n    compiled,\n    helper,\n)\n\nmore = helper.more\n\n\n"
    "@compiled.jit\ndef twice(x):\n    return more(more(x))\n",
    "other": "from nst.kernels.compiled import jit\n\n\n@jit\ndef same(x):\n    return x\n",
}
PROGRAM = """
import sys
from nst.kernels import compiled
compiled.before_compiling(lambda: print("compiling"))
from nst.kernels.{} import {} as kernel
print(kernel(10))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the decorator with a few kernels: a folder to run programs in."""
    kernels = tmp_path / "nst" / "kernels"
    kernels.mkdir(parents=True)
    shutil.copy(compiled.__file__, kernels)
    for name, text in FILES.items():
        (kernels / f"{name}.py").write_text(text)
    return tmp_path


def outcome(package: Path, kernel: str = "kernel.twice", **surroundings: str) -> list[str]:
    """Return what a program prints that calls a kernel with 10: first whether it had to be compiled."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM.format(*kernel.split("."))],
        cwd=package,
        env={**clean, "NUMBA_CACHE_DIR": str(package / "kept"), **surroundings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.split()


def test_a_change_anywhere_below_is_noticed_and_nothing_else_is_compiled(package):
    """A constant two files away changes the result; a kernel that does not depend on it stays compiled."""
    assert outcome(package) == ["compiling", "12"]
    assert outcome(package, "other.same") == ["compiling", "10"]
    assert outcome(package) == ["12"]
    plus = package / "nst" / "kernels" / "plus.py"
    before = plus.stat()
    plus.write_text("ONE = 5\n")
    os.utime(plus, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert outcome(package) == ["compiling", "20"]
    assert outcome(package, "other.same") == ["10"]


def test_sources_follow_every_form_of_import():
    """What a file imports by either form, in brackets or within a function, belongs to what it is made of."""
    folder = Path(compiled.__file__).parent
    assert compiled.sources(folder / "vectors.py") == {folder / "vectors.py"}
    # `cpu` is imported within a function, and imports the others
    names = {path.name for path in compiled.sources(folder / "__init__.py")}
    assert {"__init__.py", "cpu.py", "reference.py", "threads.py"} <= names


@pytest.mark.parametrize("setting", ["NST_SIMD", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_BOUNDSCHECK"])
def test_another_machine_code_has_another_folder(setting, monkeypatch):
    """Each setting that changes machine code changes the folder's name; putting it back finds the old one."""
    file, folder = Path(compiled.__file__).with_name("vectors.py"), compiled.folder.__wrapped__
    monkeypatch.delenv(setting, raising=False)
    usual = folder(file)
    monkeypatch.setenv(setting, "1")
    assert folder(file) != usual
    monkeypatch.delenv(setting)
    assert folder(file) == usual


def test_nothing_is_left_where_nothing_can_be_kept(package):
    """With a home that takes no file kernels run all the same, and their temporary folder goes with the process."""
    temporary = package / "temporary"
    temporary.mkdir()
    (package / "__pycache__").touch()
    surroundings = dict(NUMBA_CACHE_DIR="", HOME="/dev/null", XDG_CACHE_HOME="", TMPDIR=str(temporary))
    assert outcome(package, **surroundings) == ["compiling", "12"]
    assert not list(temporary.iterdir())


def test_a_cache_in_the_users_home_is_found_again(package):
    """Without other wishes the folder lies in the user's cache, beside what else nst keeps there."""
    home = dict(NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(package / "cache"))
    assert outcome(package, "other.same", **home) == ["compiling", "10"]
    assert outcome(package, "other.same", **home) == ["10"]
    assert [path.name[:5] for path in (package / "cache" / "nst" / "kernels").iterdir()] == ["other"]


def test_folders_that_nobody_uses_go_when_a_new_one_comes(tmp_path, monkeypatch):
    """What was used within three days stays; an older folder goes, but only to make room for a new one."""
    monkeypatch.setattr(compiled.config, "CACHE_DIR", str(tmp_path))
    kept, file = tmp_path / "nst-kernels", Path(compiled.__file__)
    for name, days in (("old", 4), ("recent", 2)):
        (kept / name).mkdir(parents=True)
        os.utime(kept / name, (time.time() - days * 24 * 3600,) * 2)
    used = Path(compiled.folder.__wrapped__(file))
    assert set(kept.iterdir()) == {used, kept / "recent"}
    os.utime(kept / "recent", (0, 0))
    os.utime(used, (0, 0))
    assert Path(compiled.folder.__wrapped__(file)) == used
    assert set(kept.iterdir()) == {used, kept / "recent"} and used.stat().st_mtime > time.time() - 60


def test_a_program_that_needs_no_linear_algebra_loads_none():
    """After `lean`, a kernel has run without SciPy's linear algebra, which can be imported all the same."""
    program = (
        "import sys; from nst.kernels import compiled; compiled.lean(); from nst.kernels import cpu; import numpy;"
        "print(cpu.dot(*numpy.ones((2, 5), numpy.float32)), 'scipy.linalg' in sys.modules);"
        "from scipy.linalg import cython_blas"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("5.0 False\n", "")
