"""The shape of the house: who imports whom, how long files are, what is documented and annotated."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nst

HOUSE = Path(nst.__file__).parent
FILES = sorted(path for path in HOUSE.rglob("*.py"))
NAMES = [str(path.relative_to(HOUSE)) for path in FILES]

# Each room may import what stands in its row; everybody may import itself and, but for kernels, what is COMMON.
ALLOWED = {
    "kernels": set(),
    "layers": {"kernels"},
    "losses": {"layers", "kernels"},
    "optimizers": {"layers", "kernels"},
    "networks": {"losses", "optimizers", "layers", "kernels"},
    "images": {"networks", "losses", "optimizers", "layers", "kernels"},
    "formats": {"networks", "losses", "optimizers", "layers", "kernels"},
    "report": {"networks", "losses", "optimizers", "layers", "kernels"},
    "engine": {"networks", "losses", "optimizers", "layers", "kernels"},
    "checks": {"engine", "networks", "losses", "optimizers", "layers", "kernels"},
    "measure": {"engine", "report", "networks", "losses", "optimizers", "layers", "kernels"},
    "inside": {
        "session",
        "cli",
        "engine",
        "report",
        "images",
        "formats",
        "networks",
        "losses",
        "optimizers",
        "layers",
        "kernels",
    },
    "feedforward": {
        "session",
        "images",
        "formats",
        "networks",
        "layers",
        "kernels",
    },
    "pruning": {"engine", "images", "formats", "networks", "losses", "optimizers", "layers", "kernels"},
    "training": {
        "feedforward",
        "pruning",
        "session",
        "cli",
        "engine",
        "report",
        "images",
        "formats",
        "networks",
        "losses",
        "optimizers",
        "layers",
        "kernels",
    },
    "adversarial": {
        "training",
        "session",
        "cli",
        "report",
        "images",
        "formats",
        "networks",
        "losses",
        "optimizers",
        "layers",
        "kernels",
    },
    "session": {
        "kernels",
        "cli",
        "checks",
        "engine",
        "measure",
        "report",
        "images",
        "formats",
        "networks",
        "losses",
        "optimizers",
    },
}
COMMON = {"errors", "files", "npy", "npz"}
DIFFERENTIATORS = {
    "torch",
    "tensorflow",
    "jax",
    "autograd",
    "theano",
    "keras",
    "mxnet",
    "paddle",
    "tinygrad",
    "chainer",
}
# The one exception is what `python -m nst.bench --vs torch` runs in a process of its own, to have something to compare
# with: a program that nothing imports, and that gives nothing to the rest but times and, for agreement, results.
RIVAL = "measure/torch_peer.py"
LONGEST = 350  # lines


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, at its top or within a function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """Return the folder of a file, or its own name when it lies at the top."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    found = {name.split(".")[1] for name in imports(path) if name.startswith("nst.")}
    return found - {room(path), "__version__"}


def test_every_room_is_known():
    """A new room needs a row in the table above: where does it stand?"""
    rooms = {path.name for path in HOUSE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("name", [name for name in NAMES if "/" in name])
def test_nobody_imports_upwards(name):
    """doors -> session -> report, engine, images, formats -> networks, losses, optimizers -> layers -> kernels."""
    path = HOUSE / name
    allowed = ALLOWED[room(path)] | (set() if room(path) == "kernels" else COMMON)
    assert rooms_imported(path) <= allowed


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name])
def test_what_lies_at_the_top(name):
    """Errors, files, npy and npz import nothing above them; nobody imports a door, not even another door."""
    found = rooms_imported(HOUSE / name)
    if name in ("__init__.py", "errors.py"):
        assert not found
    elif name in ("files.py", "cli.py", "npy.py"):
        assert found <= {"errors"}
    elif name == "npz.py":
        assert found <= {"errors", "files", "npy"}
    else:
        assert found <= set(ALLOWED) | COMMON | {"cli"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != RIVAL])
def test_nothing_differentiates_for_us(name):
    """No framework with automatic differentiation is imported anywhere, not even to convert weights."""
    assert not {found.split(".")[0] for found in imports(HOUSE / name)} & DIFFERENTIATORS


def test_the_rival_stands_alone():
    """The program that runs PyTorch is imported by nothing, and imports nothing of ours that computes."""
    module = f"nst.{RIVAL.removesuffix('.py').replace('/', '.')}"
    assert not [name for name in NAMES if any(found.startswith(module) for found in imports(HOUSE / name))]
    shared = {"nst.measure.job", "nst.measure.worker"}
    ours = {found.rpartition(".")[0] for found in imports(HOUSE / RIVAL) if found.startswith("nst.")}
    assert ours == shared
    for name in shared:
        found = imports(HOUSE.parent / f"{name.replace('.', '/')}.py")
        assert {part.rpartition(".")[0] for part in found if part.startswith("nst.")} <= shared


def test_only_cuda_kernels_import_cuda():
    """numba.cuda belongs to kernels/cuda*.py; everything else runs on a machine without it."""
    using = [
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if any(i.startswith("numba.cuda") for i in imports(path))
    ]
    assert all(name.startswith("kernels/cuda") for name in using)


def test_pickle_is_never_executed():
    """Nothing loads a pickle: the one unpickler is our own, and NumPy is never allowed to."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("pickle.load", "pickle.loads", "eval", "exec", "marshal.loads"), path
                assert called not in ("np.load", "numpy.load"), f"{path}: np.load believes the file's header"
                for keyword in node.keywords:
                    permitted = isinstance(keyword.value, ast.Constant) and not keyword.value.value
                    assert keyword.arg != "allow_pickle" or permitted, path


@pytest.mark.parametrize("name", NAMES)
def test_files_are_short(name):
    """Where a file wants more lines, it usually wants to be two."""
    lines = len((HOUSE / name).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{name} has {lines} lines"


def public(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public functions and classes of a file, and the public methods of the latter."""
    for node in tree(path).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            methods = (part for part in node.body if isinstance(part, ast.FunctionDef))
            yield from (
                (f"{node.name}.{part.name}", part) for part in methods if not part.name.startswith("_")
            )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_public_is_documented(name):
    """Every module, every public class, function and method has a docstring (an override has its base's)."""
    path = HOUSE / name
    assert ast.get_docstring(tree(path)) or not path.read_text().strip(), (
        f"{name} does not say what it is for"
    )
    bare = [label for label, node in public(path) if not ast.get_docstring(node) and not short_property(node)]
    assert not bare, f"{name}: no docstring on {', '.join(bare)}"


def short_property(node: ast.AST) -> bool:
    """Tell whether a node is a property that a Protocol or its class has described already."""
    decorators = [ast.unparse(one) for one in getattr(node, "decorator_list", [])]
    return "property" in decorators and len(node.body) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_public_has_types(name):
    """Every argument of a public function or method is annotated, and so is what it returns."""
    for label, node in public(HOUSE / name):
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [one.arg for one in arguments if one.annotation is None and one.arg not in ("self", "cls")]
            assert not bare, f"{name}: {label} does not say what {', '.join(bare)} is"
            assert node.returns is not None, f"{name}: {label} does not say what it returns"
