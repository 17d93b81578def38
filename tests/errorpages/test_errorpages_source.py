"""Where the source lines of the debug page come from, and what is shown where there are none."""

from __future__ import annotations

import linecache
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from tornadopy.errorpages import source
from tornadopy.errorpages.budget import Budget
from tornadopy.errorpages.source import Excerpt, Place, SourceReader


def around(
    path: Path | str,
    line: int,
    *,
    columns: tuple[int, int] | None = None,
    namespace: Mapping[str, object] | None = None,
) -> Excerpt:
    reader = SourceReader(Budget(page_bytes=100_000, seconds=1))
    return reader.around(Place(str(path), line, columns), namespace or {})


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "code.py"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_seven_lines_before_and_after_are_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"line {number}\n" for number in range(1, 31)))
    excerpt = around(path, 15)
    assert [line.number for line in excerpt.lines] == list(range(8, 23))
    assert [line.number for line in excerpt.lines if line.is_current] == [15]
    assert excerpt.current == "line 15"
    assert [line.number for line in around(path, 1).lines] == list(range(1, 9))
    assert [line.number for line in around(path, 30).lines] == list(range(23, 31))


def test_lines_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    """A form feed or a line separator inside a line does not end it."""
    path = write(tmp_path, "a = '\x0c'\r\nb = '\u2028'\rc = 1\n")
    assert around(path, 3).current == "c = 1"


def test_the_executed_part_of_the_line_is_marked_in_characters(tmp_path: Path) -> None:
    path = write(tmp_path, "name = 'ä' + call(x)\n")
    encoded = path.read_bytes()
    start = encoded.index(b"call")
    (line,) = around(path, 1, columns=(start, start + len(b"call(x)"))).lines
    assert (line.head, line.focus, line.tail) == ("name = 'ä' + ", "call(x)", "")


@pytest.mark.parametrize("columns", [None, (0, 7), (0, 999)])
def test_a_line_that_was_executed_as_a_whole_is_not_marked(tmp_path: Path, columns: tuple[int, int] | None) -> None:
    (line,) = around(write(tmp_path, "call(x)\n"), 1, columns=columns).lines
    assert (line.text, line.focus) == ("call(x)", "")


def test_a_masked_line_is_not_marked(tmp_path: Path) -> None:
    (line,) = around(write(tmp_path, "call(password='pw')\n"), 1, columns=(0, 4)).lines
    assert (line.text, line.focus) == ("call(password='********')", "")


def test_long_lines_are_cut(tmp_path: Path) -> None:
    (line,) = around(write(tmp_path, "x" * 10_000), 1).lines
    assert len(line.text) < 400


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = '\xff'\n", "name = '\ufffd'"),
        (b"# coding: latin-1\nname = '\xe4'\n", "name = 'ä'"),
        (b"# coding: nonsense\nname = 1\n", "name = 1"),
        (b"\xef\xbb\xbfname = 1\n", "name = 1"),
        (b"name = '\x00\x1b[31m'\n", "name = '\\x00\\x1b[31m'"),
    ],
)
def test_any_encoding_is_shown(tmp_path: Path, content: bytes, expected: str) -> None:
    assert around(write(tmp_path, content), content.count(b"\n")).current == expected


def test_a_missing_source_is_said_to_be_missing(tmp_path: Path) -> None:
    assert around(tmp_path / "none.py", 1) == Excerpt(note="There is no such file.")
    assert around(tmp_path, 1) == Excerpt(note="There is no such file.")
    assert around("bad\0name", 1).note
    assert around("<string>", 1) == Excerpt(note="The source of <string> was not kept.")


def test_a_line_beyond_the_end_is_said_to_be_changed(tmp_path: Path) -> None:
    assert around(write(tmp_path, "a\nb\n"), 5).note == "The source has 2 lines; it was changed after it was loaded."
    assert not around(write(tmp_path, "a\nb\n"), 0).lines


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_FILE_BYTES", 10)
    assert around(write(tmp_path, "x = 4\n" * 10), 1).note == "The file is too large to be shown (more than 10 bytes)."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.py"
    os.mkfifo(path)
    assert around(path, 1).note == "There is no such file."


def test_source_of_interactive_code_comes_from_the_line_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(linecache.cache, "<input-1>", (1, None, ["x = 1\n"], "<input-1>"))
    assert around("<input-1>", 1).current == "x = 1"


class TestLoader:
    def test_source_without_a_file_comes_from_the_loader(self) -> None:
        namespace = {"__name__": "page", "__loader__": SimpleNamespace(get_source=lambda name: f"# {name}\ncode\n")}
        assert around("page_html.generated.py", 2, namespace=namespace).current == "code"

    def test_code_executed_in_a_module_does_not_show_the_source_of_that_module(self) -> None:
        namespace = {
            "__name__": "page",
            "__file__": "/page.py",
            "__loader__": SimpleNamespace(get_source=lambda name: "code\n"),
        }
        assert around("/page.py", 1, namespace=namespace).current == "code"
        assert not around("/other.py", 1, namespace=namespace).lines
        assert not around("<string>", 1, namespace=namespace).lines

    def test_a_loader_that_fails_is_noted(self) -> None:
        def fail(name: str) -> str:
            raise RuntimeError

        namespace = {"__name__": "page", "__loader__": SimpleNamespace(get_source=fail)}
        assert around("page.generated.py", 1, namespace=namespace).note == "The source cannot be read (RuntimeError)."

    @pytest.mark.parametrize("loader", [None, object(), SimpleNamespace(get_source=lambda name: None)])
    def test_a_loader_without_source_is_passed_over(self, loader: object) -> None:
        assert around("p.py", 1, namespace={"__name__": "p", "__loader__": loader}).note == "There is no such file."


def test_without_budget_no_source_is_read(tmp_path: Path) -> None:
    reader = SourceReader(Budget(page_bytes=0, seconds=1))
    assert "too large" in reader.around(Place(str(write(tmp_path, "x\n")), 1), {}).note


def test_each_file_is_read_once(tmp_path: Path) -> None:
    reader = SourceReader(Budget(page_bytes=100_000, seconds=1))
    path = write(tmp_path, "a\n")
    assert reader.around(Place(str(path), 1), {}).current == "a"
    path.unlink()
    assert reader.around(Place(str(path), 1), {}).current == "a"
