"""Values as the debug page shows them: laid out, bounded in size and time, without secrets.

The frames and the settings of a page come here; what this knows of them is a name and a value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice

from tornadopy.errorpages.budget import Budget, noted, shorten
from tornadopy.utils.masking import ELLIPSIS, MASK, is_secret, is_secret_pair, mask_text, mask_url, name_of

MAX_TEXT = 2_000
MAX_STRING = 600
MAX_ITEMS = 40
MAX_DEPTH = 5
LINE_WIDTH = 88

# Much longer than what is shown, so that a secret is masked as a whole before its text is cut.
_MAX_RAW = 20_000
_AT_ONCE = (int, float, complex, bool, type(None), str, bytes)
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}
_CONTAINER_REPRS: dict[object, type] = {kind.__repr__: kind for kind in _BRACKETS}


def describe(name: str, value: object, budget: Budget, *, limit: int = MAX_TEXT) -> str:
    """Return the text that stands for *value* on the page.

    Mappings and sequences are laid out over several lines where one is too short. Values under secret names and URLs'
    passwords are masked. A ``__repr__`` that raises, or takes too long, is shown as such.

    Args:
        name: The name of the value; a secret one hides it.
        value: Anything.
        budget: What the page may still cost.
        limit: How many characters may be shown.
    """
    if is_secret(name):
        return budget.spend(MASK)
    layout = _Layout()
    # PERF: a thread for each number would be most of the page's cost, and these cannot run the code of others.
    text = noted(lambda: layout.of(value)) if type(value) in _AT_ONCE else budget.run(lambda: layout.of(value))
    return budget.spend(shorten(mask_url(text), limit))


class _Layout:
    """The layout of one value: containers by their items, the rest by its ``repr``."""

    def __init__(self) -> None:
        self._path: list[int] = []

    def of(self, value: object) -> str:
        if isinstance(value, str) and type(value).__repr__ is str.__repr__:
            return _string(mask_text(value[:_MAX_RAW]), len(value))
        if isinstance(value, bytes) and type(value).__repr__ is bytes.__repr__:
            text = mask_text(value[:_MAX_RAW].decode("latin-1"))
            return _string(text.encode("latin-1"), len(value))
        if isinstance(value, Mapping):
            return self._nested(value, lambda: self._mapping(value))
        kind = _CONTAINER_REPRS.get(type(value).__repr__)
        if kind is not None and isinstance(value, Collection):
            return self._nested(value, lambda: self._items(kind, value))
        names = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and isinstance(names, tuple):
            return self._nested(value, lambda: self._fields(names, value))
        return mask_text(repr(value)[:_MAX_RAW])

    def _nested(self, value: object, lay_out: Callable[[], str]) -> str:
        if id(value) in self._path or len(self._path) >= MAX_DEPTH:
            return ELLIPSIS
        self._path.append(id(value))
        try:
            return lay_out()
        finally:
            self._path.pop()

    def _mapping(self, value: Mapping[object, object]) -> str:
        head, tail = ("{", "}") if type(value) is dict else (f"{type(value).__name__}({{", "})")
        items = (f"{self.of(key)}: {self._named(key, item)}" for key, item in value.items())
        return _join(head, items, len(value), tail)

    def _items(self, kind: type, value: Collection[object]) -> str:
        head, tail = _BRACKETS[kind]
        if isinstance(value, tuple):
            if is_secret_pair(value):
                return f"({self.of(value[0])}, {MASK})"
            tail = ",)" if len(value) == 1 else ")"
        if kind is set and not value:
            return "set()"
        return _join(head, map(self.of, value), len(value), tail)

    def _fields(self, names: tuple[str, ...], value: tuple[object, ...]) -> str:
        items = (f"{name}={self._named(name, item)}" for name, item in zip(names, value, strict=False))
        return _join(f"{type(value).__name__}(", items, len(value), ")")

    def _named(self, name: object, value: object) -> str:
        return MASK if is_secret(name_of(name)) else self.of(value)


def _string(value: str | bytes, size: int) -> str:
    """Return the ``repr`` of a string, cut if it is long, with its full length."""
    return repr(value) if size <= MAX_STRING else f"{value[:MAX_STRING]!r}… ({size:,} in all)"


def _join(head: str, items: Iterable[str], size: int, tail: str) -> str:
    """Lay out the items of a container: on one line if they fit, else on a line each."""
    shown = list(islice(items, MAX_ITEMS))
    if size > len(shown):
        shown.append(f"… {size - len(shown):,} more")
    line = f"{head}{', '.join(shown)}{tail}"
    if len(line) <= LINE_WIDTH and "\n" not in line:
        return line
    indented = ",\n    ".join(item.replace("\n", "\n    ") for item in shown)
    return f"{head}\n    {indented},\n{tail.lstrip(',')}"
