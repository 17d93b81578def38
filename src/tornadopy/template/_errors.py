"""What the loaders of all engines tell about templates that are wrong or fail while they run.

It knows no engine: a loader finds out file and line in its engine's way and comes here for the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from types import CodeType, FrameType

from tornadopy.exceptions import TemplateSyntaxError


def syntax_error(
    path: str | Path, line: int, problem: str, kind: type[TemplateSyntaxError] = TemplateSyntaxError
) -> TemplateSyntaxError:
    """Return the error for a template that cannot be compiled.

    Args:
        path: The template's file; the error's attribute ``filename``.
        line: Counted from 1; the error's attribute ``lineno``.
        problem: What the engine says.
        kind: The class of the error.
    """
    error = kind(f"{path}, line {line}: {problem}")
    error.filename, error.lineno = str(path), line
    return error


def line_of(source: str, pattern: str) -> int:
    """Return the first line in which *pattern* is found; 1 if there is none.

    For the few errors of which an engine tells no line.
    """
    found = re.search(pattern, source)
    return source.count("\n", 0, found.start()) + 1 if found else 1


def note_position(error: BaseException, name: str, line: int) -> None:
    """Add to an error that came out of a template where in the template it was raised."""
    note = f"template {name}, line {line}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def frames_of_page(error: BaseException, entry: CodeType) -> Iterator[tuple[FrameType, int]]:
    """Yield frames and lines of the page whose ``generate()`` has caught *error*.

    Args:
        error: Being handled in that ``generate()``.
        entry: The code of ``generate()``: where it occurs again, a page within this page begins, which has spoken for
            itself.
    """
    for depth, (frame, line) in enumerate(walk_tb(error.__traceback__)):
        if depth and frame.f_code is entry:
            return
        yield frame, line
