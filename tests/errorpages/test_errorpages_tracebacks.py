"""What is read of an exception: its frames, its chain, its group, its notes; and its plain text."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest
from tornado.template import DictLoader

from tornadopy.errorpages import frames, tracebacks
from tornadopy.errorpages.budget import Budget
from tornadopy.errorpages.frames import is_library, label_of
from tornadopy.errorpages.text import MAX_CHARACTERS, bounded, traceback_lines
from tornadopy.errorpages.tracebacks import MAX_EXCEPTIONS, MAX_MEMBERS, ExceptionReader, Report


def caught(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except BaseException as exc:
        exc.__traceback__ = exc.__traceback__ and exc.__traceback__.tb_next
        return exc
    raise AssertionError("nothing was raised")


def read(exc: BaseException, budget: Budget | None = None) -> Report:
    return ExceptionReader(budget or Budget(page_bytes=10_000_000, seconds=60)).read(exc, exc.__traceback__)


def outer() -> None:
    number = 7
    inner(number - 7)


def inner(divisor: int) -> float:
    return 1 / divisor


class TestFrames:
    def test_the_newest_frame_comes_first(self) -> None:
        report = read(caught(outer))
        assert [frame.function for frame in report.newest] == ["inner", "outer"]
        assert report.newest[0].excerpt.current == "return 1 / divisor"
        assert report.newest[0].variables == (("divisor", "0"),)
        assert report.newest[1].variables == (("number", "7"),)
        assert report.origin is report.newest[0]
        assert (report.full_name, report.message) == ("ZeroDivisionError", "division by zero")

    def test_the_executed_expression_is_marked(self) -> None:
        (line,) = [line for line in read(caught(outer)).newest[0].excerpt.lines if line.is_current]
        assert (line.head, line.focus, line.tail) == ("    return ", "1 / divisor", "")

    def test_code_that_kept_no_columns_is_shown_without_a_mark(self) -> None:
        code = compile("raise ValueError", __file__, "exec").replace(co_linetable=b"")
        newest = read(caught(lambda: exec(code))).newest[0]
        assert not [line for line in newest.excerpt.lines if line.focus]

    def test_a_traceback_made_by_hand_is_shown(self) -> None:
        exc = ValueError()
        exc.__traceback__ = TracebackType(None, sys._getframe(), -1, 3)
        assert read(exc).newest[0].line == 3

    def test_the_origin_is_the_newest_frame_of_the_users_code(self) -> None:
        report = read(caught(lambda: json.loads("{")))
        assert report.newest[0].is_library
        assert report.newest[0].label == "json/decoder.py"
        assert report.origin is not None
        assert report.origin.path == __file__

    def test_a_function_that_calls_itself_is_shown_by_its_first_and_last_frame(self) -> None:
        def again(count: int) -> None:
            if count:
                return again(count - 1)
            raise ValueError

        report = read(caught(lambda: again(100)))
        assert [frame.repeated for frame in report.newest] == [0, 98, 0, 0]
        assert "  [98 more of the same line]" in traceback_lines(report)

    def test_of_very_many_frames_the_middle_is_left_out(self) -> None:
        def ping(count: int) -> None:
            pong(count - 1)

        def pong(count: int) -> None:
            ping(count)

        report = read(caught(lambda: ping(0)))
        assert report.name == "RecursionError"
        assert len(report.newest) == tracebacks.NEWEST_FRAMES
        assert len(report.oldest) == tracebacks.OLDEST_FRAMES
        assert report.omitted > 500
        assert f"  [{report.omitted:,} frames left out]" in traceback_lines(report)

    def test_a_template_of_tornado_shows_its_generated_code_and_its_place(self) -> None:
        page = DictLoader({"page.html": "<p>\n{{ 1 / zero }}\n</p>"}).load("page.html")
        newest = read(caught(lambda: page.generate(zero=0))).newest[0]
        assert newest.template == "page.html:2"
        assert "1 / zero" in newest.excerpt.current
        assert not newest.is_library
        assert not [name for name, _ in newest.variables if name.startswith("_tt_")]

    def test_executed_text_has_no_source(self) -> None:
        newest = read(caught(lambda: exec("x = 1\nraise ValueError", {}))).newest[0]
        assert (newest.path, newest.line, newest.function) == ("<string>", 2, "<module>")
        assert newest.excerpt.note == "The source of <string> was not kept."

    def test_a_syntax_error_shows_the_place_it_complains_of(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.py"
        path.write_text("x = 1\ny = = 2\n")
        newest = read(caught(lambda: compile(path.read_text(), str(path), "exec"))).newest
        assert (newest[0].path, newest[0].line, newest[0].excerpt.current) == (str(path), 2, "y = = 2")
        assert newest[1].path == __file__

    def test_a_syntax_error_without_a_place_is_shown_all_the_same(self) -> None:
        assert read(SyntaxError("no place")).newest == ()

    def test_very_many_variables_are_left_out(self) -> None:
        namespace = {f"name{number}": number for number in range(1000)}
        newest = read(caught(lambda: exec("raise ValueError", namespace))).newest[0]
        assert len(newest.variables) == frames.MAX_VARIABLES + 1
        assert newest.variables[-1][0] == "…"

    def test_names_of_variables_that_are_no_names_are_shown(self) -> None:
        newest = read(caught(lambda: exec("raise ValueError", {1: 2, "a\x00": 3}))).newest[0]
        assert dict(newest.variables)["a\\x00"] == "3"
        assert dict(newest.variables)["1"].startswith("<it raised KeyError")

    def test_a_frame_that_cannot_be_read_does_not_hide_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def read_frame(entry: TracebackType, *rest: object) -> frames.Frame:
            if entry.tb_frame.f_code is inner.__code__:
                raise RuntimeError
            return original(entry, *rest)  # type: ignore[arg-type]  # handed on as it came

        original = frames.read_frame
        monkeypatch.setattr(tracebacks, "read_frame", read_frame)
        report = read(caught(outer))
        assert [frame.function for frame in report.newest] == ["(this frame cannot be read: RuntimeError)", "outer"]

    def test_once_the_page_is_full_frames_have_neither_source_nor_variables(self) -> None:
        newest = read(caught(outer), Budget(page_bytes=0, seconds=1)).newest
        assert [frame.excerpt.lines for frame in newest] == [(), ()]
        assert newest[0].variables == (("…", "1 more"),)
        assert [frame.function for frame in newest] == ["inner", "outer"]


class TestLibraries:
    def test_python_packages_and_tornadopy_are_libraries(self) -> None:
        for path in (json.__file__, pytest.__file__, tracebacks.__file__, "<frozen importlib._bootstrap>"):
            assert is_library(path), path

    @pytest.mark.parametrize("path", [__file__, "<string>", "page_html.generated.py", "", "/srv/site/handlers/a.py"])
    def test_everything_else_is_the_users(self, path: str) -> None:
        assert not is_library(path)

    def test_labels_are_as_short_as_can_be(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        folder = str(Path.cwd())
        assert label_of(f"{folder}/blog/urls.py") == "blog/urls.py"
        assert label_of(f"{folder}/.venv/lib/python3/site-packages/x/y.py") == ".venv/lib/python3/site-packages/x/y.py"
        assert label_of(pytest.__file__) == "pytest/__init__.py"
        assert label_of(tracebacks.__file__) == "tornadopy/errorpages/tracebacks.py"
        assert label_of("/elsewhere/a.py") == "/elsewhere/a.py"

    def test_without_a_working_folder_paths_stay_absolute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Path:
            raise FileNotFoundError

        monkeypatch.setattr(Path, "cwd", fail)
        assert label_of("/elsewhere/a.py") == "/elsewhere/a.py"


class TestChain:
    def test_a_cause_is_followed(self) -> None:
        def fail() -> None:
            try:
                outer()
            except ZeroDivisionError as exc:
                raise ValueError("wrong") from exc

        report = read(caught(fail))
        assert (report.name, report.relation) == ("ValueError", "cause")
        assert report.previous is not None
        assert report.previous.name == "ZeroDivisionError"

    def test_a_context_is_followed_unless_it_is_suppressed(self) -> None:
        def fail(suppress: bool) -> None:
            try:
                outer()
            except ZeroDivisionError:
                if suppress:
                    raise ValueError("wrong") from None
                raise ValueError("wrong")  # noqa: B904 - the implicit context is what is tested

        assert read(caught(lambda: fail(False))).relation == "context"
        report = read(caught(lambda: fail(True)))
        assert (report.previous, report.relation) == (None, "")

    def test_a_chain_that_comes_back_to_itself_ends(self) -> None:
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        report = read(first)
        assert report.previous is not None
        assert report.previous.previous is None

    def test_a_very_long_chain_ends(self) -> None:
        exc = ValueError("0")
        for number in range(1, 200):
            following = ValueError(str(number))
            following.__cause__ = exc
            exc = following
        depth, report = 0, read(exc)
        while report.previous is not None:
            depth, report = depth + 1, report.previous
        assert depth == MAX_EXCEPTIONS - 1

    def test_an_exception_without_truth_is_a_cause_all_the_same(self) -> None:
        class Falsy(Exception):
            def __bool__(self) -> bool:
                raise RuntimeError

        exc = ValueError()
        exc.__cause__ = Falsy("x")
        previous = read(exc).previous
        assert previous is not None
        assert previous.message == "x"

    def test_an_exception_whose_attributes_raise_is_shown(self) -> None:
        class Odd(Exception):
            @property
            def __cause__(self) -> BaseException:  # type: ignore[override]  # what must be borne
                raise RuntimeError

        report = read(Odd("x"))
        assert report.message == "x"
        assert report.notes == ("<what it follows from cannot be read: RuntimeError>",)


class TestGroup:
    def test_the_members_of_a_group_are_read_with_their_own_chains(self) -> None:
        inside = caught(outer)
        report = read(ExceptionGroup("several", [inside, ExceptionGroup("more", [TypeError("t")])]))
        assert [member.name for member in report.members] == ["ZeroDivisionError", "ExceptionGroup"]
        assert report.members[1].members[0].message == "t"
        assert report.more_members == 0

    def test_very_many_members_are_left_out(self) -> None:
        report = read(ExceptionGroup("many", [ValueError(number) for number in range(100)]))
        assert len(report.members) == MAX_MEMBERS
        assert report.more_members == 100 - MAX_MEMBERS


class TestTexts:
    def test_the_class_is_named_with_its_module(self) -> None:
        class Own(Exception):
            pass

        report = read(Own())
        assert report.module == __name__
        assert report.full_name == f"{__name__}.TestTexts.test_the_class_is_named_with_its_module.<locals>.Own"

    def test_secrets_in_messages_and_notes_are_masked(self) -> None:
        exc = ValueError("cannot reach redis://:pw@host with password='pw'")
        exc.add_note("token=pw")
        report = read(exc)
        assert report.message == "cannot reach redis://:********@host with password='********'"
        assert report.notes == ("token=********",)

    def test_a_message_that_cannot_be_made_is_shown_as_such(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("mute")

        assert read(Mute()).message == "<it raised RuntimeError: mute>"

    def test_a_huge_message_is_cut(self) -> None:
        assert len(read(ValueError("x" * 10_000_000)).message) < 5_000

    @pytest.mark.parametrize(("notes", "expected"), [("text", ("text",)), (None, ("None",)), ([1, "b"], ("1", "b"))])
    def test_notes_of_any_kind_are_shown(self, notes: object, expected: tuple[str, ...]) -> None:
        exc = ValueError()
        exc.__notes__ = notes  # type: ignore[assignment]  # anyone may put anything there
        assert read(exc).notes == expected


class TestText:
    def test_a_plain_traceback_reads_as_pythons_own(self) -> None:
        def fail() -> None:
            try:
                outer()
            except ZeroDivisionError as exc:
                error = ValueError("wrong\nin two lines")
                error.add_note("a note")
                raise error from exc

        exc = caught(fail)
        own = [line.rstrip("\n") for line in traceback.format_exception(exc)]
        expected = [line for entry in own for line in entry.split("\n") if "~" not in line and "^" not in line]
        lines = [line for line in traceback_lines(read(exc)) if line]
        if sys.version_info < (3, 13):  # Python names functions by their plain names there
            lines = [line.replace(f"{fail.__qualname__}", "fail") for line in lines]
        assert [line.partition(", in ")[0] for line in lines] == [
            line.partition(", in ")[0] for line in expected if line
        ]

    def test_groups_are_indented(self) -> None:
        lines = traceback_lines(read(ExceptionGroup("g", [ValueError(n) for n in range(20)])))
        assert lines[:3] == ["ExceptionGroup: g (20 sub-exceptions)", "  +---- 1 of 20 ----", "  | ValueError: 0"]
        assert lines[-1] == "  +---- and 5 more ----"

    def test_an_exception_without_a_message_has_no_colon(self) -> None:
        assert traceback_lines(read(ValueError())) == ["ValueError"]

    def test_a_long_text_keeps_its_beginning_and_its_end(self) -> None:
        text = bounded(["begin", "x" * 200_000, "end"])
        assert text.startswith("begin")
        assert text.endswith("end")
        assert len(text) < MAX_CHARACTERS + 100
