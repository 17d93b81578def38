"""Importing by dotted name, and what is said when that fails."""

from __future__ import annotations

import json
import json.decoder
import sys
from typing import TYPE_CHECKING

import pytest

from tornadopy.utils.imports import import_string

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with a healthy module and several sick ones, importable for one test."""
    folder = tmp_path / "importable"
    folder.mkdir()
    (folder / "__init__.py").write_text("shadow = 'attribute'\n")
    (folder / "shadow.py").write_text("inside = 'module'\n")
    (folder / "healthy.py").write_text("class Handler:\n    class Inner:\n        value = 7\n")
    (folder / "needy.py").write_text("import surely_not_installed\n")
    (folder / "partial.py").write_text("from importable.healthy import Absent\n")
    (folder / "broken.py").write_text("raise RuntimeError('boom at import')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "importable"
    for name in [name for name in sys.modules if name.partition(".")[0] == "importable"]:
        del sys.modules[name]


def test_an_attribute_of_a_module() -> None:
    assert import_string("json.decoder.JSONDecoder") is json.decoder.JSONDecoder


def test_a_nested_attribute(package: str) -> None:
    assert import_string("importable.healthy.Handler.Inner.value") == 7


def test_a_submodule_that_nobody_has_imported_yet(package: str) -> None:
    assert import_string("importable.healthy").__name__ == "importable.healthy"


def test_the_attribute_wins_as_last_part_and_the_module_before_it(package: str) -> None:
    assert import_string("importable.shadow") == "attribute"
    assert import_string("importable.shadow.inside") == "module"


@pytest.mark.parametrize("name", ["", "json", "json.", ".json.loads", "json..loads", "json.a b", "json.loads()"])
def test_what_is_no_dotted_name_is_said_so(name: str) -> None:
    with pytest.raises(ImportError, match="is not a dotted name"):
        import_string(name)


def test_a_missing_top_module_is_named() -> None:
    with pytest.raises(ImportError, match=r"no module 'nosuchthing' \(for 'nosuchthing.a.B'\)"):
        import_string("nosuchthing.a.B")


def test_a_missing_submodule_is_named(package: str) -> None:
    with pytest.raises(ImportError, match=r"module 'importable' has no attribute 'helthy'.*"):
        import_string("importable.helthy.Handler")


def test_a_missing_attribute_is_named_with_the_nearest(package: str) -> None:
    expected = "module 'importable.healthy' has no attribute 'Handlr' .*did you mean 'Handler'"
    with pytest.raises(ImportError, match=expected):
        import_string("importable.healthy.Handlr")
    with pytest.raises(ImportError, match=r"object 'importable\.healthy\.Handler' has no attribute 'zzz'"):
        import_string("importable.healthy.Handler.zzz")


def test_an_import_error_inside_a_module_keeps_its_cause(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed") as missing:
        import_string("importable.needy.Handler")
    assert missing.value.name == "surely_not_installed"
    with pytest.raises(ImportError, match="cannot import name 'Absent'"):
        import_string("importable.partial.Handler")
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        import_string("importable.needy")


def test_any_other_error_inside_a_module_comes_out_unchanged(package: str) -> None:
    with pytest.raises(RuntimeError, match="boom at import"):
        import_string("importable.broken.Handler")
