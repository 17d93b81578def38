"""Pages of Tornado's engine in and beside each other, and what is left of them."""

from __future__ import annotations

import gc
import traceback
import weakref
from pathlib import Path
from typing import Any

from template_dialects import TORNADO, page, write


def test_a_page_can_be_made_while_it_is_made(tmp_path: Path) -> None:
    """Each rendering has names of its own."""
    write(tmp_path, index="{{ depth }}{% if depth %}[{% raw inner(depth - 1) %}]{% end %}{{ depth }}")
    template = TORNADO.loader(tmp_path).load("index.html")

    def inner(depth: int) -> bytes:
        return template.generate(depth=depth, inner=inner)

    assert inner(3) == b"3[2[1[00]1]2]3"


def test_nothing_of_a_page_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    class Value:
        def __str__(self) -> str:
            return "value"

    write(tmp_path, index="{{ value }}")
    loader = TORNADO.loader(tmp_path)
    gc.disable()
    try:
        value = Value()
        gone = weakref.ref(value)
        assert page(loader, "index.html", value=value) == "value"
        del value
        assert gone() is None
    finally:
        gc.enable()


def test_a_traceback_shows_the_template_that_failed_and_not_an_older_one(tmp_path: Path) -> None:
    """Of two templates of one name, in two folders, and of a template that has changed."""
    first = write(tmp_path / "first", index="{{ 1 / zero }}")
    second = write(tmp_path / "second", index="{{ 2 / zero }}")
    loader = TORNADO.loader(first, debug=True)
    assert "_tt_tmp = 1 / zero  # index.html:1" in trace(loader)
    assert "_tt_tmp = 2 / zero  # index.html:1" in trace(TORNADO.loader(second))
    write(first, index="\n{{ 33 / zero }}")
    assert "_tt_tmp = 33 / zero  # index.html:2" in trace(loader)


def test_a_value_that_fails_as_it_is_written_shows_the_line_that_writes_it(tmp_path: Path) -> None:
    write(tmp_path, index="\n{{ wrong }}")
    assert "_tt_utf8(str(_tt_tmp))  # index.html:2" in trace(TORNADO.loader(tmp_path), wrong=Wrong())


class Wrong:
    def __str__(self) -> str:
        raise LookupError("no text")


def trace(loader: Any, **names: Any) -> str:
    try:
        loader.load("index.html").generate(zero=0, **names)
    except (ArithmeticError, LookupError) as error:
        return "".join(traceback.format_exception(error))
    raise AssertionError("no error")
