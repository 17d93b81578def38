"""One frame of a traceback, as the pages show it."""

from __future__ import annotations

import os
import re
import site
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path, PurePath
from types import FrameType, TracebackType

from tornadopy.errorpages.budget import Budget, noted, printable, shorten
from tornadopy.errorpages.source import Excerpt, Place, SourceReader
from tornadopy.errorpages.values import describe

MAX_VARIABLES = 60
MAX_PATH = 400

# What Tornado's template compiler writes after each line of its code.
_TEMPLATE_PLACE = re.compile(r"  # (\S+:\d+)(?: \(via [^)]*\))?$")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: where it is, the source around, the local variables.

    Args:
        path: The file as the code object names it.
        label: The same, relative to the project or to the library's folder.
        line: The line's number.
        function: The function's qualified name.
        is_library: Whether the code is not the user's.
        excerpt: The source around the line.
        variables: Name and text of each local variable.
        template: Place in the template that this generated code comes from, as ``page.html:3``.
        repeated: How many frames of the same line came just before it and are not shown.
    """

    path: str
    label: str
    line: int
    function: str
    is_library: bool = False
    excerpt: Excerpt = field(default_factory=Excerpt)
    variables: tuple[tuple[str, str], ...] = ()
    template: str = ""
    repeated: int = 0


def read_frame(entry: TracebackType, sources: SourceReader, budget: Budget) -> Frame:
    """Return what the pages show of one entry of a traceback."""
    frame, line = entry.tb_frame, entry.tb_lineno or 0
    code = frame.f_code
    place = Place(code.co_filename, line, _columns(entry, line))
    excerpt = sources.around(place, frame.f_globals)
    template = _TEMPLATE_PLACE.search(excerpt.current) if place.path.endswith(".generated.py") else None
    return Frame(
        path=_shown_path(place.path),
        label=label_of(place.path),
        line=line,
        function=printable(shorten(code.co_qualname, MAX_PATH)),
        is_library=is_library(place.path),
        excerpt=excerpt,
        variables=tuple(_variables(frame, budget)),
        template=template[1] if template else "",
    )


def place_of_syntax_error(error: SyntaxError, sources: SourceReader) -> Frame | None:
    """Return a frame for the place that a `SyntaxError` complains of, which no traceback has."""
    path, line = error.filename, error.lineno
    if not isinstance(path, str) or not isinstance(line, int):
        return None
    excerpt = sources.around(Place(path, line), {})
    return Frame(_shown_path(path), label_of(path), line, "(being compiled)", is_library(path), excerpt)


def label_of(path: str) -> str:
    """Return a path as short as it can be understood: relative to the library's folder or to the working folder."""
    roots = (*_label_roots(), _working_folder()) if is_library(path) else (_working_folder(),)
    root = next((root for root in roots if root and path.startswith(root + os.sep)), "")
    return _shown_path(path[len(root) + 1 :] if root else path)


def is_library(path: str) -> bool:
    """Whether a file belongs to Python, to an installed package, or to tornadopy."""
    parts = PurePath(path).parts
    if path.startswith("<frozen ") or "site-packages" in parts or "dist-packages" in parts:
        return True
    return any(path.startswith(root + os.sep) for root in (*_library_folders(), _own_folder()))


@cache
def _library_folders() -> tuple[str, ...]:
    """Return the folders of Python and of installed packages, the innermost first: one lies inside the other."""
    paths = sysconfig.get_paths()
    names = ("purelib", "platlib", "stdlib", "platstdlib")
    return tuple(sorted({paths[name] for name in names} | {site.getusersitepackages()}, key=len, reverse=True))


@cache
def _own_folder() -> str:
    return str(Path(__file__).parents[1])


def _label_roots() -> tuple[str, ...]:
    return (*_library_folders(), str(Path(_own_folder()).parent))


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the folder was removed under the process: paths stay absolute
        return ""


def _shown_path(path: str) -> str:
    return printable(shorten(path, MAX_PATH))


def _columns(entry: TracebackType, line: int) -> tuple[int, int] | None:
    """Return the columns of the instruction that was being executed, where it is all on its line."""
    if entry.tb_lasti < 0:
        return None
    positions = next(islice(entry.tb_frame.f_code.co_positions(), entry.tb_lasti // 2, None), None)
    if positions is None:
        return None
    first, last, start, end = positions
    return (start, end) if first == last == line and start is not None and end is not None else None


def _variables(frame: FrameType, budget: Budget) -> Iterator[tuple[str, str]]:
    """Yield the local variables: not those that Python and Tornado's templates keep for themselves."""
    names = (name for name in map(str, frame.f_locals) if not name.startswith(("__", "_tt_")))
    for count, name in enumerate(names):
        if count == MAX_VARIABLES or budget.exhausted:
            yield "…", f"{len(frame.f_locals) - count} more"
            return
        yield printable(shorten(name, MAX_PATH)), noted(partial(_variable, frame, name, budget))


def _variable(frame: FrameType, name: str, budget: Budget) -> str:
    return describe(name, frame.f_locals[name], budget)
