"""The lines of source code around a place, wherever they can be found.

A file may be missing, too large, no file at all, or in no encoding; a template's generated code has no file but a
loader. Nothing here raises: what cannot be read has a note that says why.
"""

from __future__ import annotations

import io
import linecache
import stat
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tornadopy.errorpages.budget import Budget, shorten
from tornadopy.utils.masking import mask_source

CONTEXT_LINES = 7
MAX_FILE_BYTES = 4_000_000
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line; in the current one, `focus` is the part that was being executed."""

    number: int
    text: str
    is_current: bool = False
    head: str = ""
    focus: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines around a place, or a note of why there are none."""

    lines: tuple[SourceLine, ...] = ()
    note: str = ""

    @property
    def current(self) -> str:
        """The line at the place itself, stripped; empty if it is not known."""
        return next((line.text.strip() for line in self.lines if line.is_current), "")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, and the columns of it (in bytes of UTF-8) that were being executed, if known."""

    path: str
    line: int
    columns: tuple[int, int] | None = None


class SourceReader:
    """Reads excerpts for one page; each file once.

    Args:
        budget: What the page may still cost.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._files: dict[str, list[str] | str] = {}

    def around(self, place: Place, namespace: Mapping[str, object]) -> Excerpt:
        """Return the lines around a place.

        Args:
            place: The place.
            namespace: The module's globals, which may know a loader of the source.
        """
        if self._budget.exhausted:
            return Excerpt(note="Not shown: the page would become too large.")
        if place.path not in self._files:
            self._files[place.path] = _read(place.path, namespace)
        found = self._files[place.path]
        return Excerpt(note=found) if isinstance(found, str) else self.excerpt(found, place)

    def excerpt(self, lines: list[str], place: Place) -> Excerpt:
        """Return the lines around a place of a source that has been read."""
        if not 1 <= place.line <= len(lines):
            return Excerpt(note=f"The source has {len(lines):,} lines; it was changed after it was loaded.")
        first = max(1, place.line - CONTEXT_LINES)
        shown = lines[first - 1 : place.line + CONTEXT_LINES]
        return Excerpt(tuple(self._line(number, text, place) for number, text in enumerate(shown, first)))

    def _line(self, number: int, raw: str, place: Place) -> SourceLine:
        raw = raw.rstrip()
        text = self._budget.spend(shorten(mask_source(raw), MAX_LINE))
        if number != place.line:
            return SourceLine(number, text)
        start, end = _characters(raw, place.columns) if text == raw else (0, 0)
        return SourceLine(number, text, True, text[:start], text[start:end], text[end:])


def _characters(line: str, columns: tuple[int, int] | None) -> tuple[int, int]:
    """Return the columns in characters; nothing, if they are the whole line, which needs no emphasis."""
    if columns is None:
        return 0, 0
    encoded = line.encode("utf-8", "surrogatepass")
    start, end = (len(encoded[:column].decode("utf-8", "replace")) for column in columns)
    return (start, end) if line[start:end].strip() != line.strip() else (0, 0)


def _read(path: str, namespace: Mapping[str, object]) -> list[str] | str:
    """Return the lines of a source, or a note."""
    try:
        return _lines_of_file(path) or _lines_of_loader(path, namespace) or _lines_of_cache(path) or _missing(path)
    except _TooLargeError:
        return f"The file is too large to be shown (more than {MAX_FILE_BYTES:,} bytes)."
    except Exception as exc:  # a loader is somebody else's code, and the page is shown without this source
        return f"The source cannot be read ({type(exc).__name__})."


def _missing(path: str) -> str:
    if path.startswith("<"):
        return f"The source of {path} was not kept."
    return "There is no such file."


def _lines_of_file(path: str) -> list[str]:
    """Return the lines of a regular file of bearable size; none, if there is no such file.

    Raises:
        OSError: It cannot be read.
        _TooLargeError: It is larger than `MAX_FILE_BYTES`.
    """
    file = Path(path)
    try:
        status = file.stat()
    except (OSError, ValueError):
        return []
    if not stat.S_ISREG(status.st_mode):
        return []
    if status.st_size > MAX_FILE_BYTES:
        raise _TooLargeError
    return _decode(file.read_bytes())


class _TooLargeError(Exception):
    """The file is larger than `MAX_FILE_BYTES`."""


def _decode(code: bytes) -> list[str]:
    """Return the lines of Python source, whatever its encoding; what does not decode is replaced."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(code).readline)
    except SyntaxError:
        encoding = "utf-8"
    text = code.decode(encoding, "replace")
    return list(io.StringIO(text, newline=None))  # the lines that Python counts: not those of str.splitlines()


def _lines_of_loader(path: str, namespace: Mapping[str, object]) -> list[str]:
    """Return the lines that the module's loader knows, as those of a Tornado template or a zipped module."""
    if path.startswith("<") or namespace.get("__file__", path) != path:
        return []  # code that was executed in this module's namespace is not this module's code
    get_source = getattr(namespace.get("__loader__"), "get_source", None)
    name = namespace.get("__name__")
    text = get_source(name) if callable(get_source) and isinstance(name, str) else None
    return list(io.StringIO(text, newline=None)) if isinstance(text, str) else []


def _lines_of_cache(path: str) -> list[str]:
    """Return the lines that an interactive shell keeps of what was typed, under a name such as ``<input-1>``.

    Of other names nothing: `linecache` would open what `_lines_of_file` did not, and wait for a pipe.
    """
    return linecache.getlines(path) if path.startswith("<") else []
