"""Writes new projects and apps from the templates below ``scaffolding``.

Called by the commands ``startproject`` and ``startapp``. Files ending in ``.tmpl`` are rendered by Tornado's template
engine, the others are copied. What is written appears as a whole or not at all.
"""

from __future__ import annotations

import importlib.util
import keyword
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado.template import Template

from tornadopy.exceptions import ArgumentError
from tornadopy.utils.errors import describe_error

TEMPLATES = Path(__file__).parent / "scaffolding"
SUFFIX = ".tmpl"
# What must not lie under its own name in this repository, or is named after what is written.
_RENAMED = {"dot-": "."}
_RESERVED = frozenset({"test", "tests", "tornadopy", "tornado", "settings", "middlewares", "httpmodules"})


def check_name(name: str, kind: str) -> None:
    """Refuse a *name* that Python code could not import, or that would hide another module.

    Args:
        name: The name of what is to be written.
        kind: What that is, for the message: ``project`` or ``app``.

    Raises:
        ArgumentError: The name cannot be used; the message says why.
    """
    if not name.isidentifier() or not name.isascii():
        raise ArgumentError(
            f"{name!r} cannot be the name of {_a(kind)}: use letters, digits and underscores, and begin with a letter"
        )
    if keyword.iskeyword(name):
        raise ArgumentError(
            f"{name!r} cannot be the name of {_a(kind)}: it is a keyword of Python; choose another name"
        )
    if name in _RESERVED or _is_module(name):
        raise ArgumentError(
            f"{name!r} cannot be the name of {_a(kind)}: it would hide the Python module of this name; choose another"
        )


def write(template: str, folder: Path, values: Mapping[str, Any]) -> None:
    """Write the tree *template* into *folder*, which must be missing or empty.

    Args:
        template: The name of a folder below ``scaffolding``.
        folder: Where to write.
        values: What the templates see; ``name`` also replaces ``NAME`` in the names of files and folders.

    Raises:
        ArgumentError: The folder holds something, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentError(f"{folder} exists and is not empty; choose another folder, or remove it")
    folder = folder.resolve()
    scratch = folder.parent / f".{folder.name}-{secrets.token_hex(4)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write_tree(TEMPLATES / template, scratch, values)
        _move(scratch, folder)
    except OSError as exc:
        raise ArgumentError(f"cannot write {folder}: {describe_error(exc)}; choose another folder") from exc
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_tree(source: Path, target: Path, values: Mapping[str, Any]) -> None:
    target.mkdir()
    for each in sorted(source.iterdir()):
        place = target / _target_name(each.name, values)
        if each.is_dir():
            if each.name != "__pycache__":
                _write_tree(each, place, values)
        elif each.suffix == SUFFIX:
            place.write_bytes(render(each.read_text("utf-8"), values).rstrip() + b"\n")
        else:
            place.write_bytes(each.read_bytes())


def render(text: str, values: Mapping[str, Any]) -> bytes:
    """Return the template *text* with *values*."""
    return Template(text, autoescape=None, whitespace="all").generate(**values)


def _target_name(name: str, values: Mapping[str, Any]) -> str:
    for prefix, replacement in _RENAMED.items():
        if name.startswith(prefix):
            name = replacement + name.removeprefix(prefix)
    return name.removesuffix(SUFFIX).replace("NAME", values["name"])


def _move(scratch: Path, folder: Path) -> None:
    """Put the finished tree in its place; an existing, empty folder stays the same folder."""
    if not folder.exists():
        scratch.rename(folder)
        return
    moved: list[Path] = []
    try:
        for each in sorted(scratch.iterdir()):
            each.rename(folder / each.name)
            moved.append(folder / each.name)
    except OSError:
        for each in moved:
            each.rename(scratch / each.name)
        raise


def _a(kind: str) -> str:
    return f"an {kind}" if kind.startswith("a") else f"a {kind}"


def _is_module(name: str) -> bool:
    """Whether *name* can be imported; a mere folder, which Python would take for a namespace, does not count."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None
