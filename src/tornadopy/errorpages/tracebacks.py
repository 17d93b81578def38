"""An exception and all that belongs to it, as the pages show it: its chain, its group, its notes, its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from types import CodeType, TracebackType
from typing import Literal, NamedTuple

from tornadopy.errorpages.budget import Budget, noted, shorten
from tornadopy.errorpages.frames import Frame, place_of_syntax_error, read_frame
from tornadopy.errorpages.source import SourceReader
from tornadopy.utils.masking import mask_text

MAX_MESSAGE = 4_000
MAX_NOTES = 20
MAX_EXCEPTIONS = 24
MAX_MEMBERS = 15
NEWEST_FRAMES = 40
OLDEST_FRAMES = 10

_MAX_RAW = 20_000

Relation = Literal["", "cause", "context"]


@dataclass(frozen=True, slots=True)
class Report:
    """One exception.

    Args:
        module: The module of its class; empty for Python's own.
        name: The name of its class.
        message: What it says.
        notes: What was added by ``add_note``.
        newest: The frames nearest to the place where it was raised, that place first.
        omitted: How many frames between these and the oldest are left out.
        oldest: The outermost frames, if some are left out between.
        previous: The exception that it follows from.
        relation: Whether `previous` is its cause, or was being handled.
        members: The exceptions of a group.
        more_members: How many of them are left out.
    """

    module: str
    name: str
    message: str
    notes: tuple[str, ...] = ()
    newest: tuple[Frame, ...] = ()
    omitted: int = 0
    oldest: tuple[Frame, ...] = ()
    previous: Report | None = None
    relation: Relation = ""
    members: tuple[Report, ...] = ()
    more_members: int = 0

    @property
    def full_name(self) -> str:
        """The class's name with its module, as Python prints it."""
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def origin(self) -> Frame | None:
        """The newest frame of the user's code, else the newest of all."""
        frames = self.newest + self.oldest
        return next((frame for frame in frames if not frame.is_library), frames[0] if frames else None)


class _Run(NamedTuple):
    """One entry of a traceback, and how many of the same line came just before it."""

    entry: TracebackType
    repeated: int = 0


class ExceptionReader:
    """Reads one exception with its chain and its group.

    Args:
        budget: What the page may still cost.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._sources = SourceReader(budget)
        self._seen: set[int] = set()

    def read(self, exc: BaseException, entry: TracebackType | None) -> Report:
        """Return what the pages show of an exception and of a traceback of it."""
        self._seen.add(id(exc))
        newest, omitted, oldest = self._frames(exc, entry)
        report = Report(
            module=self._class_part(exc, "__module__").removeprefix("builtins"),
            name=self._class_part(exc, "__qualname__"),
            message=self._text(lambda: str(exc)),
            notes=tuple(self._notes(exc)),
            newest=newest,
            omitted=omitted,
            oldest=oldest,
        )
        try:
            return self._with_group(self._with_previous(report, exc), exc)
        except Exception as failure:  # an exception's own attributes may raise; what is known of it is shown
            note = f"<what it follows from cannot be read: {type(failure).__name__}>"
            return replace(report, notes=(*report.notes, note))

    def _with_previous(self, report: Report, exc: BaseException) -> Report:
        previous, relation = _previous_of(exc)
        if previous is None or not self._is_new(previous):
            return report
        return replace(report, previous=self.read(previous, previous.__traceback__), relation=relation)

    def _with_group(self, report: Report, exc: BaseException) -> Report:
        if not isinstance(exc, BaseExceptionGroup):
            return report
        members = [
            self.read(member, member.__traceback__) for member in exc.exceptions[:MAX_MEMBERS] if self._is_new(member)
        ]
        return replace(report, members=tuple(members), more_members=len(exc.exceptions) - len(members))

    def _is_new(self, exc: BaseException) -> bool:
        """Whether an exception is to be read: not twice, where a chain comes back to it, and not after too many."""
        return id(exc) not in self._seen and len(self._seen) < MAX_EXCEPTIONS

    def _class_part(self, exc: BaseException, attribute: str) -> str:
        return self._budget.spend(shorten(noted(lambda: str(getattr(type(exc), attribute))), 200))

    def _text(self, function: Callable[[], str]) -> str:
        text = self._budget.run(lambda: mask_text(function()[:_MAX_RAW]))
        return self._budget.spend(shorten(text, MAX_MESSAGE))

    def _notes(self, exc: BaseException) -> Iterator[str]:
        notes = getattr(exc, "__notes__", ())
        if not isinstance(notes, list | tuple):
            notes = (notes,)
        for note in notes[:MAX_NOTES]:
            yield self._text(partial(str, note))

    def _frames(
        self, exc: BaseException, entry: TracebackType | None
    ) -> tuple[tuple[Frame, ...], int, tuple[Frame, ...]]:
        oldest, omitted, newest = _ends(entry)
        frames = [self._frame(each) for each in reversed(newest)]
        if isinstance(exc, SyntaxError) and (frame := place_of_syntax_error(exc, self._sources)) is not None:
            frames.insert(0, frame)
        return tuple(frames), omitted, tuple(self._frame(each) for each in reversed(oldest))

    def _frame(self, run: _Run) -> Frame:
        try:
            return replace(read_frame(run.entry, self._sources, self._budget), repeated=run.repeated)
        except Exception as exc:  # one frame that cannot be read must not hide the others
            return Frame("", "?", run.entry.tb_lineno, f"(this frame cannot be read: {type(exc).__name__})")


def _previous_of(exc: BaseException) -> tuple[BaseException | None, Relation]:
    """Return the exception that one follows from, as Python's own tracebacks decide."""
    if exc.__cause__ is not None:
        return exc.__cause__, "cause"
    return (None, "") if exc.__suppress_context__ else (exc.__context__, "context")


def _ends(entry: TracebackType | None) -> tuple[list[_Run], int, list[_Run]]:
    """Return the oldest runs of a traceback, the number of frames left out after them, and the newest runs."""
    runs = [run for _, group in groupby(_entries(entry), _line_of) for run in _runs(group)]
    if len(runs) <= OLDEST_FRAMES + NEWEST_FRAMES:
        return [], 0, runs
    omitted = sum(1 + run.repeated for run in runs[OLDEST_FRAMES:-NEWEST_FRAMES])
    return runs[:OLDEST_FRAMES], omitted, runs[-NEWEST_FRAMES:]


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _line_of(entry: TracebackType) -> tuple[CodeType, int]:
    return entry.tb_frame.f_code, entry.tb_lineno


def _runs(same: Iterator[TracebackType]) -> Iterator[_Run]:
    """Yield the frames of a function that calls itself on one line: the first and the last stand for all."""
    first, *rest = same
    yield _Run(first)
    if rest:
        yield _Run(rest[-1], len(rest) - 1)
