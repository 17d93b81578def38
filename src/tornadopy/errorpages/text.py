"""The plain form of a report: a traceback as Python prints it, and the request in a few lines.

It is the page of clients that want text, the block to copy of the HTML page, and the traceback of the JSON one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tornadopy.errorpages.frames import Frame
from tornadopy.errorpages.tracebacks import Report

MAX_CHARACTERS = 60_000

_TURNS = {
    "cause": "The above exception was the direct cause of the following exception:",
    "context": "During handling of the above exception, another exception occurred:",
}


def traceback_lines(report: Report) -> list[str]:
    """Return the traceback of an exception and of those it follows from, in the order of Python's own."""
    lines: list[str] = []
    if report.previous is not None:
        lines += [*traceback_lines(report.previous), "", _TURNS[report.relation], ""]
    if report.newest:
        lines.append("Traceback (most recent call last):")
    lines += _frame_lines(report)
    lines += f"{report.full_name}: {report.message}".removesuffix(": ").split("\n")
    for note in report.notes:
        lines += note.split("\n")
    return lines + list(_member_lines(report))


def bounded(lines: Iterable[str]) -> str:
    """Return the lines as one text; of a long one the beginning and the end."""
    text = "\n".join(lines)
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n\n[{len(text) - MAX_CHARACTERS:,} characters left out]\n\n{text[-half:]}"


def _frame_lines(report: Report) -> Iterator[str]:
    for frame in reversed(report.oldest):
        yield from _lines_of(frame)
    if report.omitted:
        yield f"  [{report.omitted:,} frames left out]"
    for frame in reversed(report.newest):
        yield from _lines_of(frame)


def _lines_of(frame: Frame) -> Iterator[str]:
    template = f" ({frame.template})" if frame.template else ""
    if frame.repeated:
        yield f"  [{frame.repeated:,} more of the same line]"
    yield f'  File "{frame.path}", line {frame.line}, in {frame.function}{template}'
    if frame.excerpt.current:
        yield f"    {frame.excerpt.current}"


def _member_lines(report: Report) -> Iterator[str]:
    total = len(report.members) + report.more_members
    for number, member in enumerate(report.members, 1):
        yield f"  +---- {number} of {total} ----"
        for line in traceback_lines(member):
            yield f"  | {line}".rstrip()
    if report.more_members:
        yield f"  +---- and {report.more_members} more ----"
