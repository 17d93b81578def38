"""Settings modules written by a test, and an environment without overrides."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WriteModule = Callable[..., str]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the test run says about settings."""
    for name in list(os.environ):
        if name.lower().startswith("tornadopy_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Return a function that writes a module below a folder of the path and returns its dotted name."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(dotted: str, text: str = "") -> str:
        *packages, name = dotted.split(".")
        folder = tmp_path
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return dotted

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
