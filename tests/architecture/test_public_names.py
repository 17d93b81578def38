"""The names of the package itself: all there, imported when they are first used, each from its own room."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import tornadopy


@pytest.mark.parametrize("name", sorted(tornadopy.__all__))
def test_every_public_name_is_importable(name: str) -> None:
    namespace: dict[str, object] = {}
    exec(f"from tornadopy import {name}", namespace)
    assert namespace[name] is getattr(tornadopy, name)


def test_the_list_and_the_homes_agree() -> None:
    assert set(tornadopy._HOMES) | {"__version__"} == set(tornadopy.__all__)
    assert dir(tornadopy) == sorted(tornadopy.__all__)


@pytest.mark.parametrize(("name", "home"), sorted(tornadopy._HOMES.items()))
def test_each_is_the_one_of_its_room(name: str, home: str) -> None:
    assert getattr(importlib.import_module(home), name) is getattr(tornadopy, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tornadopy' has no attribute 'settiings'"):
        _ = tornadopy.settiings
    with pytest.raises(ImportError):
        from tornadopy import settiings  # noqa: F401


def test_a_star_brings_the_public_names() -> None:
    code = "from tornadopy import *\nassert Url and route and include and settings and run and Server"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_type_checkers_see_the_same_names() -> None:
    """The block under TYPE_CHECKING lists what is found lazily."""
    import ast
    from pathlib import Path

    tree = ast.parse(Path(tornadopy.__file__).read_text("utf-8"))
    (block,) = [each for each in tree.body if isinstance(each, ast.If)]
    typed = {alias.name: each.module for each in block.body if isinstance(each, ast.ImportFrom) for alias in each.names}
    assert typed == tornadopy._HOMES
