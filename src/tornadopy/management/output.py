"""What commands print: tables that fit a terminal and stay plain in a pipe, colours where a terminal shows them."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

GAP = "  "
NARROWEST = 8
"""Columns of characters that a cell gets at least."""


def terminal_width() -> int | None:
    """Return the width of the terminal in columns, or None if standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def style(text: str, *, colour: str | None = None, bold: bool = False) -> str:
    """Return *text* in colour, if standard output is a terminal and ``NO_COLOR`` (https://no-color.org) is not set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None)


@contextmanager
def progress(length: int, label: str) -> Iterator[Callable[[str], None]]:
    """Give what is to be called with a line about each step that is done.

    On a terminal the steps are a bar, and the lines stand below it at the end, even if that is an error's; elsewhere
    each line is printed at once.

    Args:
        length: How many steps there are.
        label: What stands before the bar.
    """
    if not sys.stderr.isatty():
        yield click.echo
        return
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        bar.update(1)

    try:
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            yield note
    finally:
        for line in lines:
            click.echo(line)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None) -> Iterator[str]:
    """Yield the lines of a table.

    Args:
        headings: One for each column.
        rows: The cells of each row.
        width: Columns of characters; cells that do not fit are broken. None breaks nothing.
    """
    natural = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    widths = natural if width is None else _fit(natural, width - len(GAP) * (len(headings) - 1))
    yield style(_line(headings, widths), bold=True)
    for row in rows:
        cells = [_break(cell, limit) for cell, limit in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            yield _line([cell[line] if line < len(cell) else "" for cell in cells], widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _break(cell: str, width: int) -> list[str]:
    return textwrap.wrap(cell, width) or [""]


def _fit(widths: Sequence[int], available: int) -> list[int]:
    """Take from the widest column, again and again, until the sum fits or all are narrow."""
    fitted = list(widths)
    while sum(fitted) > available and max(fitted) > NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted
