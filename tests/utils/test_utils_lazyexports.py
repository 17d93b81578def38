"""Public names that are imported when they are first used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tornadopy.utils.lazyexports import lazy_exports

PACKAGES = ["tornadopy", "tornadopy.cache", "tornadopy.errorpages"]


def test_a_name_is_imported_from_its_home_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    package = importlib.import_module("tornadopy.utils")
    monkeypatch.setattr(package, "sha256", None, raising=False)  # to be taken back afterwards
    find = lazy_exports(package.__name__, {"sha256": "hashlib"})
    assert find("sha256") is vars(package)["sha256"] is importlib.import_module("hashlib").sha256


def test_another_name_is_an_attribute_error() -> None:
    find = lazy_exports("tornadopy.utils", {"sha256": "hashlib"})
    with pytest.raises(AttributeError, match=r"module 'tornadopy\.utils' has no attribute 'sha255'"):
        find("sha255")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_of_a_package_has_a_home(name: str) -> None:
    package = importlib.import_module(name)
    assert {*package._HOMES, *({"__version__"} & set(package.__all__))} == set(package.__all__)
    for each, home in package._HOMES.items():
        assert getattr(package, each) is getattr(importlib.import_module(home), each)


@pytest.mark.parametrize("name", PACKAGES)
def test_type_checkers_see_the_same_homes(name: str) -> None:
    package = importlib.import_module(name)
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    (block,) = [each for each in tree.body if isinstance(each, ast.If)]
    typed = {alias.name: each.module for each in block.body if isinstance(each, ast.ImportFrom) for alias in each.names}
    assert typed == package._HOMES


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_inside_hides_a_public_name(name: str) -> None:
    """A module of the package becomes its attribute when it is imported, and would be found in the name's place."""
    code = (
        f"import importlib, {name} as package\n"
        "for home in sorted(set(package._HOMES.values())): importlib.import_module(home)\n"
        "for each, home in package._HOMES.items():\n"
        "    assert getattr(package, each) is getattr(importlib.import_module(home), each), each\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
