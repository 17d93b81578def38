"""Tables that fit, and colours where they are seen."""

from __future__ import annotations

import io
import sys

import pytest

from tornadopy.management.output import style, table, terminal_width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_in_a_pipe_is_plain_and_unbroken() -> None:
    lines = list(table(("NAME", "VALUE"), [("a", "x" * 300), ("long name", "")], width=None))
    assert lines == ["NAME       VALUE", f"a          {'x' * 300}", "long name"]


def test_a_table_fits_the_terminal() -> None:
    rows = [("short", "x" * 90, "some words that can be wrapped " * 3), ("b", "", "c")]
    lines = list(table(("A", "B", "C"), rows, width=60))
    assert max(map(len, lines)) <= 60
    text = "".join(line[7:].split("  ")[0] for line in lines)
    assert text.count("x") == 90


def test_a_narrow_terminal_gets_what_fits_least() -> None:
    lines = list(table(("A", "B"), [("x" * 30, "y" * 30)], width=5))
    assert max(map(len, lines)) == 18


def test_an_empty_table_has_its_headings() -> None:
    assert list(table(("A", "B"), [], width=20)) == ["A  B"]


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert style("x", colour="red") == "x"
    assert terminal_width() is None
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert style("x", colour="red", bold=True) == "\x1b[31m\x1b[1mx\x1b[0m"
    assert isinstance(terminal_width(), int)
    monkeypatch.setenv("NO_COLOR", "1")
    assert style("x", colour="red") == "x"
