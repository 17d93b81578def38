"""Escaping of control characters: one line stays one line, printable text stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.utils.escaping import escape_control, escape_quoted

# Text with surrogates, and with far more controls than chance would give.
ANY_TEXT = st.text(st.one_of(st.characters(), st.sampled_from('\n\r\t\x00\x1b\x7f\x85\x9b\u2028\u2029\ud800\udfff"\\')))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, ümläut, 中文, 😀", "plain text, ümläut, 中文, 😀"),
        ("", ""),
        ("a\nb", r"a\x0ab"),
        ("\x00\x1f\x7f\x80\x9f\xa0", "\\x00\\x1f\\x7f\\x80\\x9f\xa0"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ('"\\', '"\\'),
    ],
)
def test_controls_become_escapes_and_the_rest_stays(text: str, expected: str) -> None:
    assert escape_control(text) == expected


@given(ANY_TEXT)
def test_what_is_escaped_is_one_line_that_can_be_encoded(text: str) -> None:
    for escaped in (escape_control(text), escape_quoted(text)):
        assert len(escaped.splitlines()) <= 1
        assert not any(unicodedata.category(each) in {"Cc", "Zl", "Zp", "Cs"} for each in escaped)
        escaped.encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"])))
def test_printable_text_is_unchanged(text: str) -> None:
    assert escape_control(text) is text


@given(ANY_TEXT)
def test_escaping_twice_is_escaping_once(text: str) -> None:
    assert escape_control(escape_control(text)) == escape_control(text)


@given(st.lists(ANY_TEXT, min_size=1))
def test_quoted_fields_can_be_told_apart_and_read_back(fields: list[str]) -> None:
    """No field ends another one, and no two texts look the same."""
    line = " ".join(f'"{escape_quoted(field)}"' for field in fields)
    assert _read_fields(line) == fields


def _read_fields(line: str) -> list[str]:
    fields, position = [], 0
    while position < len(line):
        assert line[position] == '"'
        position += 1
        field = ""
        while line[position] != '"':
            if line[position] != "\\":
                field, position = field + line[position], position + 1
            elif line[position + 1] in '"\\':
                field, position = field + line[position + 1], position + 2
            else:
                width = {"x": 2, "u": 4}[line[position + 1]]
                field += chr(int(line[position + 2 : position + 2 + width], 16))
                position += 2 + width
        fields.append(field)
        position += 2
    return fields
