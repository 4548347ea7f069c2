"""The README: what it points to exists, what it tells to type is understood, and its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from nst.dream import parse as parse_dream
from nst.fast import parser as fast_parser
from nst.formats import write
from nst.gan import parser as gan_parser
from nst.gradcheck import main as gradcheck
from nst.look import parser as look_parser
from nst.session.arguments import parse
from nst.session.texture_arguments import parse as parse_texture
from nst.train import parser as train_parser
from nst.universal import parse as parse_universal

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "weights/README.md")


def fences(language: str) -> list[str]:
    """Return the fenced blocks of the README in a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )


def commands(module: str) -> list[list[str]]:
    """Return the arguments of each `python -m MODULE` in the README's shell blocks."""
    lines = [line.partition("#")[0] for block in fences("sh") for line in block.splitlines()]
    return [shlex.split(line.partition(f"-m {module}")[2]) for line in lines if f"-m {module}" in line]


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    """Every relative link and picture of the page is a file of the repository."""
    targets = re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text())
    local = [target for target in targets if "://" not in target]
    missing = [target for target in local if not ((ROOT / page).parent / target).exists()]
    assert not missing


def test_commands_of_the_main_door_are_understood():
    """Each line that calls nst.run, and each flag of the table of wishes, passes the parser."""
    found = commands("nst.run")
    assert len(found) >= 4
    for arguments in found:
        parse(arguments)
    table = re.findall(r"^\|[^|]+\| (`--.*|`photo.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    flags = [flag for cell in table for flag in re.findall(r"`([^`]*--[^`]*)`", cell)]
    assert len(flags) >= 10
    for flag in flags:
        pictures = [] if flag.startswith("photo") else ["photo.jpg", "painting.jpg"]
        parse([*pictures, *shlex.split(flag)])


def test_commands_of_the_doors_that_paint_in_one_pass_are_understood():
    """Each line that calls nst.fast or nst.universal passes its parser."""
    assert len(commands("nst.fast")) >= 2
    for arguments in commands("nst.fast"):
        fast_parser().parse_args(arguments)
    assert len(commands("nst.universal")) >= 4
    for arguments in commands("nst.universal"):
        parse_universal(arguments)


def test_commands_of_the_door_with_a_critic_are_understood():
    """Each line that calls nst.gan passes its parser, and each of its commands is shown."""
    found = commands("nst.gan")
    assert {arguments[0] for arguments in found} == {"toy", "mnist", "texture", "sample"}
    for arguments in found:
        gan_parser().parse_args(arguments)


def test_commands_of_the_texture_door_are_understood():
    """Each line that calls nst.texture passes its parser."""
    found = commands("nst.texture")
    assert len(found) >= 3
    for arguments in found:
        parse_texture(arguments)


def test_commands_that_look_inside_are_understood():
    """Each line that calls nst.look or nst.dream passes the parser."""
    looks, dreams = commands("nst.look"), commands("nst.dream")
    assert len(looks) >= 3 and len(dreams) >= 3
    for arguments in looks:
        look_parser().parse_args(arguments)
    for arguments in dreams:
        parse_dream(arguments)


def test_commands_that_train_are_understood():
    """Each line that calls nst.train passes the parser."""
    found = commands("nst.train")
    assert {arguments[0] for arguments in found} == {"mnist", "cifar10", "folder", "distil", "decoder"}
    for arguments in found:
        train_parser().parse_args(arguments)


def test_commands_of_the_gradient_check_are_understood(capsys):
    """Each line that calls nst.gradcheck runs, here with a single layer."""
    found = commands("nst.gradcheck")
    assert len(found) == 2
    for arguments in found:
        assert gradcheck([*arguments, "--layer", "Flatten"]) == 0
    assert "Flatten" in capsys.readouterr().out


def test_the_python_example_runs(real_weights, pictures, tmp_path, monkeypatch):
    """The README's Python paints a picture, at a tenth of the size and with two iterations."""
    (block,) = fences("python")
    monkeypatch.chdir(tmp_path)
    write("vgg19.h5", real_weights)
    for source, target in zip(pictures, ("photo.jpg", "painting.jpg"), strict=True):
        Image.open(source).convert("RGB").save(target)
    code = block.replace("512", "48").replace("iterations=100", "iterations=2")
    assert code.count("48") and code.count("iterations=2")
    exec(compile(code, "README.md", "exec"), {})
    assert Image.open("out.png").size[0] == 48
