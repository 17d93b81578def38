"""Pages of tornadopy's loader for Tornado's engine are Tornado's own, byte for byte and error for error."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import re
import string
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tornado.escape
from hypothesis import given
from hypothesis import strategies as st
from template_dialects import TORNADO, write
from tornado.template import BaseLoader, Loader

from tornadopy.template._tornado_code import names_in
from tornadopy.template._tornado_values import escaped, raw

Made = tuple[Any, ...]

ORIGIN = re.compile(r"  # (\S+:\d+(?: \(via .*\))?)$")


def outcome(loader: Any, namespace: Callable[[], dict[str, Any]], name: str = "index.html") -> Made:
    """Return the page, or the error: its class, its message and where the template's frames stand."""
    template = loader.load(name)
    try:
        return ("page", template.generate(**namespace()))
    except Exception as error:
        return ("error", type(error), str(error), origins(error))


def origins(error: Exception) -> list[str]:
    """Return the places in templates that a traceback shows, by the comments in Tornado's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".generated.py")]
    lines = [frame.line or "" for frame in frames]
    return [found[1] if (found := ORIGIN.search(line)) else line for line in lines]  # a statement may span lines


def both(folder: Path, **options: Any) -> tuple[BaseLoader, Any]:
    return Loader(str(folder), **options), TORNADO.loader(folder, **options)


def compare(folder: Path, make_names: Callable[[], dict[str, Any]], **options: Any) -> Made:
    """Return what comes of ``index.html`` in both loaders, after a look that it is the same."""
    theirs, ours = both(folder, **options)
    expected = outcome(theirs, make_names)
    for _ in range(2):
        assert outcome(ours, make_names) == expected
    return expected


# Values

MARKUP = "<a href=\"x\" title='y'>&amp; & é 中 😀</a>"


class Text(str):
    """A string."""

    __slots__ = ()


class Odd(str):
    """A string that encodes itself."""

    __slots__ = ()

    def encode(self, *args: Any, **kwargs: Any) -> bytes:
        return b"<own>"


class NotEncoded(str):
    __slots__ = ()

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        return 3


class Content(bytes):
    """Bytes that decode themselves."""

    def decode(self, *args: Any, **kwargs: Any) -> str:
        return "<decoded>"


class Told:
    """Tells anything about itself."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def __str__(self) -> str:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told  # type: ignore[no-any-return]

    def __html__(self) -> str:
        return "<b>not asked</b>"


class Pretender(Told):
    """Is a string to `isinstance`, as lazy translations are."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return str

    def encode(self, _encoding: str) -> bytes:
        return str(self).encode()


class Number(int):
    def __str__(self) -> str:
        return "<number>"


class Colour(enum.IntEnum):
    RED = 1


class Size(enum.StrEnum):
    BIG = "<big>"


VALUES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "plain": lambda: "Teapot no. 1",
    **{f"mark {mark!r}": lambda mark=mark: f"{mark}a{mark}" for mark in "&<>\"'"},  # type: ignore[misc]
    "markup": lambda: MARKUP,
    "escaped before": lambda: "&lt;&amp;lt;",
    "surrogate": lambda: "<\ud800>",
    "bytes": MARKUP.encode,
    "wrong bytes": lambda: b"<\xff\xfe>",
    "bytearray": lambda: bytearray(b"<"),
    "none": lambda: None,
    "true": lambda: True,
    "int": lambda: -17,
    "too many digits": lambda: 10**5000,
    "float": lambda: 1e300,
    "nan": lambda: float("nan"),
    "complex": lambda: 1j,
    "decimal": lambda: decimal.Decimal("1.10"),
    "date": lambda: dt.date(2026, 1, 2),
    "list": lambda: ["<", b"<", None],
    "class": lambda: int,
    "subclass of str": lambda: Text(MARKUP),
    "odd str": lambda: Odd("x"),
    "str without encoding": lambda: NotEncoded("x"),
    "subclass of bytes": lambda: Content(b"x"),
    "told": lambda: Told(MARKUP),
    "told subclass": lambda: Told(Text("<")),
    "told odd": lambda: Told(Odd("<")),
    "told none": lambda: Told(None),
    "told bytes": lambda: Told(b"x"),
    "told error": lambda: Told(KeyError("<who>")),
    "told surrogate": lambda: Told("\udfff&"),
    "pretender": lambda: Pretender("<lazy>"),
    "number": lambda: Number(3),
    "enum": lambda: Colour.RED,
    "string enum": lambda: Size.BIG,
    "exception": lambda: ValueError("<wrong>"),
}

FORMS = {
    "expression": "a\n{{ value }}\nb",
    "raw": "a\n{% raw value %}\nb",
    "twice": "{{ value }}{% raw value %}{{ value }}",
    "no escaping": "{% autoescape None %}a\n{{ value }}b",
    "own escaping": "{% autoescape shout %}a\n{{ value }}b",
    "their name": "{% autoescape escape %}\n{{ value }}b",
    "a missing function": "{% autoescape missing %}\n{{ value }}b",
    "module": "a\n{% module Entry(value) %}\nb",
    "apply": "a\n{% apply shout %}b{{ value }}\n{% end %}",
    "apply to raw": "a\n{% apply same %}{% raw value %}\n{% end %}",
    "apply in apply": "{% apply same %}{{ value }}{% apply shout %}{{ value }}\n{% end %}{% end %}{% raw value %}",
    "squeeze": "{% apply squeeze %}{{ 'x' }}\n {% end %}",
    "loop": "{% for each in [value, 1, value] %}\n<{{ each }}>{% raw each %}{% end %}",
    "while": "{% set left = 2 %}{% while left %}{% set left -= 1 %}{{ value }}{{ left }}{% end %}",
    "leaving": "{% for each in 'abc' %}{% if each == 'b' %}{% continue %}{% end %}{{ each }}{% end %}{{ value }}",
    "branches": "{% if not value %}{{ value }}{% elif value is None %}x{% else %}\n{{ value }}{% end %}",
    "try": "{% try %}x{{ value }}{% except Exception as e %}{{ type(e) }}{% else %}1{% finally %}{{ 2 }}{% end %}",
    "try and leave": "{% try %}a{{ value }}{{ 1 / 0 }}{% except ZeroDivisionError %}b{% end %}",
    "set": "{% set other = value %}\n{{ other }}",
    "functions": "\n{{ xhtml_escape('<') }}{{ url_escape('a b') }}{{ json_encode('</') }}{{ value }}",
    "nested": "{{ ''.join(x for x in 'abc') }}{{ (lambda given: given)(value) }}",
    "several lines": "a\n{{ (\nvalue\n) }}\n{{ [value,\n][0]\n}}",
    "with a comment": "{{ value # of it\n}}",
}

STRUCTURES = {
    "block": {
        "base": "<{% block a %}\n{{ value }}{% end %}>{% block b %}-{% end %}",
        "index": "{% extends 'base.html' %}\n{% block b %}\n{% raw value %}{{ value }}{% end %}",
    },
    "include": {
        "part": "{% autoescape None %}\n({{ value }})",
        "index": "\n{{ 1 }}{% include 'part.html' %}{{ value }}",
    },
    "include in blocks": {
        "part": "\n({{ value }})",
        "base": "{% block a %}{% end %}{{ value }}",
        "index": "{% extends 'base.html' %}{% block a %}\n{% include 'part.html' %}{% end %}",
    },
}


class Modules:
    def Entry(self, value: Any) -> Any:
        return value


def names_for(make: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
    def shout(content: bytes) -> str:
        return content.decode().upper() + "<!>"

    return lambda: {"value": make(), "shout": shout, "same": lambda content: content, "_tt_modules": Modules()}


@pytest.mark.parametrize("form", [*FORMS, *STRUCTURES])
def test_each_value_in_each_place(tmp_path: Path, form: str) -> None:
    write(tmp_path, **STRUCTURES.get(form, {"index": FORMS.get(form, "")}))
    theirs, ours = both(tmp_path)
    for value, make in VALUES.items():
        names = names_for(make)
        expected = outcome(theirs, names)
        for _ in range(2):
            assert outcome(ours, names) == expected, value


@pytest.mark.parametrize("mode", ["all", "single", "oneline"])
def test_each_treatment_of_whitespace(tmp_path: Path, mode: str) -> None:
    for form, text in FORMS.items():
        folder = tmp_path / form
        write(folder, index=f" a \n\n\t b {text} <pre>\n\n </pre> {{% whitespace all %}} \n {{{{ value }}}}")
        compare(folder, names_for(VALUES["markup"]), whitespace=mode)


def test_the_corpus_makes_pages_and_errors(tmp_path: Path) -> None:
    """A look that the comparisons above are of both."""
    write(tmp_path, index=FORMS["expression"])
    kinds = {name: compare(tmp_path, names_for(make))[0] for name, make in VALUES.items()}
    failing = {name for name, kind in kinds.items() if kind == "error"}
    assert failing == {
        "surrogate",
        "wrong bytes",
        "too many digits",
        "str without encoding",
        "told none",
        "told bytes",
        "told error",
        "told surrogate",
    }


def test_an_error_stands_where_it_stands_in_tornado(tmp_path: Path) -> None:
    write(tmp_path, index="a\n{{ 1 }}\n{{ value }}\n{{ 2 }}")
    kind, error, _message, places = compare(tmp_path, names_for(VALUES["told error"]))
    assert (kind, error, places) == ("error", KeyError, ["index.html:3"])


# Templates that can tell

TELLING = [
    "{{ sorted(locals()) }}{{ value }}",
    "{{ sorted(vars()) }}{{ value }}",
    "{{ sorted(dir()) }}{{ value }}",
    "{{ sorted(globals()) }}{{ value }}",
    "{{ eval('_tt_tmp') }}",
    "{{ value }}{% set kept = _tt_tmp %}{{ kept }}",
    "{{ callable(_tt_execute) }}{{ value }}",
    "{{ type(__builtins__) }}{{ value }}",
    "{% set str = repr %}{{ 1 }}{{ value }}",
    "{% set isinstance = print %}{{ value }}",
    "{% set xhtml_escape = lambda text: 'mine' %}{{ value }}{% raw value %}",
    "{% set _tt_utf8 = lambda text: b'mine' %}{{ value }}",
    "{% set _tt_string_types = (int,) %}{{ value }}",
    "{% set global str; str = repr %}{{ 1 }}{{ value }}",
    "{{ (_tt_append := print) and '' }}{{ value }}",
    "{% set del _tt_append %}{{ value }}",
    "{% try %}{{ 1 / 0 }}{% except ZeroDivisionError as _tt_append %}{{ value }}{% end %}",
    "{% for _tt_append in [print] %}{{ value }}{% end %}",
    "{% set import os as _tt_append %}{{ value }}",
    "{{ '__builtins__' in (lambda: 0).__globals__ }}{{ value }}",
    "{% set _tt_escaped = _tt_raw = repr %}{{ value }}{{ _tt_raw(value) }}",
    "{% import datetime as str %}{{ value }}",
    "{% from html import escape as xhtml_escape %}{{ value }}",
    "{% try %}{{ 1 / 0 }}{% except ZeroDivisionError as str %}{{ 1 }}{% end %}",
    "{% for isinstance in [lambda a, b: True] %}{{ 'a' }}{{ value }}{% end %}",
    "{{ (str := repr) }}{{ value }}",
    "{{ [str for str in 'ab'] }}{{ value }}",
    "{{ (lambda str: str)(1) }}{{ value }}",
    "{% autoescape shout %}{{ value }}",
]

MIXED = [
    "{{ 1; 2 }}{{ value }}",
    "{{ x = value }}{{ x }}",
    "{{ (x := value) }}{{ x }}",
    "{{ *value, 1 }}",
    "{{ value, }}",
    "{{ value if value else None }}{{ not value }}",
    "{{ f'{value}<' }}{{ '%s' % value }}",
    "{{ str(value) }}{{ isinstance(value, str) }}",
    "{{ __name__ }}{{ __loader__.get_source('') }}",
    "{% set _tt_append(b'<x>') %}{{ value }}{{ len(_tt_buffer) }}",
    "{% set _tt_buffer.clear() %}{{ value }}",
    "{% set _tt_append = [].append %}{{ value }}",
    "{% comment no %}{# nor {{ this }} #}{{! value }}{%! x %}{{ value }}",
    "{{{ value }}}",
    "{{ missing }}",
    "{{ value.missing }}",
    "\n{{ missing(\nvalue) }}",
    "{% raw missing %}",
    "{% apply missing %}{{ value }}{% end %}",
    "{% set missing.x = 1 %}",
    "{{ datetime.date(2026, 1, 1) }}{{ squeeze(' a  b ') }}{{ linkify('http://a.example') }}{{ escape('<') }}",
]


@pytest.mark.parametrize("text", [*TELLING, *MIXED])
@pytest.mark.parametrize("value", ["markup", "int", "bytes", "surrogate"])
def test_a_template_that_looks_at_its_code(tmp_path: Path, text: str, value: str) -> None:
    write(tmp_path, index=text)
    compare(tmp_path, names_for(VALUES[value]))


@pytest.mark.parametrize("text", TELLING)
def test_it_keeps_the_code_that_tornado_made(tmp_path: Path, text: str) -> None:
    write(tmp_path, index=text)
    assert TORNADO.loader(tmp_path).load("index.html").names_read is None  # type: ignore[attr-defined]


def test_an_escape_function_that_is_replaced_later_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, index="{{ value }}")
    template = TORNADO.loader(tmp_path).load("index.html")
    assert template.generate(value="<") == b"&lt;"
    monkeypatch.setattr(tornado.escape, "xhtml_escape", lambda value: b"mine")
    assert template.generate(value="<") == b"mine"


@pytest.mark.parametrize("form", set(FORMS) - {"own escaping", "their name", "a missing function"})
def test_other_templates_do_without_the_names_of_it(tmp_path: Path, form: str) -> None:
    write(tmp_path, index=FORMS[form])
    template: Any = TORNADO.loader(tmp_path).load("index.html")
    assert template.names_read is not None
    assert names_in(template._shorter).isdisjoint({"_tt_tmp", "_tt_string_types", "isinstance"})


@pytest.mark.parametrize("terms", [100, 400, 900, 1500, 2500])
def test_an_expression_of_any_length(tmp_path: Path, terms: int) -> None:
    write(tmp_path, index="{{ " + " + ".join(["value"] * terms) + " }}")
    assert compare(tmp_path, lambda: {"value": 1}) == ("page", str(terms).encode())


def test_blocks_of_any_depth(tmp_path: Path) -> None:
    depth = 90
    write(tmp_path, index="{% if value %}" * depth + "{{ value }}" + "{% end %}" * depth)
    assert compare(tmp_path, lambda: {"value": "<"}) == ("page", b"&lt;")


def test_a_page_by_yield_is_what_it_is_in_tornado(tmp_path: Path) -> None:
    write(tmp_path, index="a{{ yield value }}b")
    for loader in both(tmp_path):
        page: Any = loader.load("index.html").generate(value="<")
        assert isinstance(page, Iterator)
        assert list(page) == ["<"]


@pytest.mark.parametrize(
    "given",
    [
        {"xhtml_escape": lambda _text: "mine"},
        {"_tt_utf8": lambda _text: b"mine"},
        {"_tt_string_types": (int,)},
        {"str": lambda _value: "<mine>"},
        {"isinstance": lambda _value, _types: True},
        {"__builtins__": {"isinstance": isinstance, "str": lambda _value: "<mine>"}},
        {"escape": "mine", "datetime": "mine", "__name__": "mine", "_tt_execute": "mine"},
    ],
)
@pytest.mark.parametrize("where", ["arguments", "loader"])
def test_names_that_are_given_win(tmp_path: Path, given: dict[str, Any], where: str) -> None:
    write(tmp_path, index="{{ '<' }}{{ 1 }}{% raw 2 %}{% raw '<' %}\n{{ escape }}{{ datetime }}{{ __name__ }}")
    in_loader, in_call = (given, {}) if where == "loader" else ({}, given)
    compare(tmp_path, lambda: dict(in_call), namespace=in_loader)


def test_a_name_that_comes_into_the_loader_later_is_seen(tmp_path: Path) -> None:
    write(tmp_path, index="{{ site }}")
    for loader in both(tmp_path):
        template = loader.load("index.html")
        loader.namespace["site"] = "<new>"
        assert template.generate() == b"&lt;new&gt;"


# Values of all kinds

ANYTHING = st.one_of(
    st.text(),
    st.text(alphabet=string.ascii_letters + "&<>\"' "),
    st.text(alphabet=st.characters(categories=["Cs", "Lo", "Po", "Sm"])),
    st.binary(),
    st.text().map(str.encode),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.decimals(),
    st.datetimes(),
    st.lists(st.text() | st.binary()),
    st.text().map(Told),
    st.text().map(Text),
)


def result(function: Callable[[Any], bytes], value: Any) -> Made:
    try:
        return (function(value),)
    except Exception as error:
        return (type(error), str(error), getattr(error, "args", ()))


def as_text(value: Any) -> bytes:
    return tornado.escape.utf8(value if isinstance(value, str | bytes) else str(value))


@given(ANYTHING)
def test_any_value_is_escaped_as_tornado_does(value: Any) -> None:
    assert result(escaped, value) == result(lambda it: as_text(tornado.escape.xhtml_escape(as_text(it))), value)


@given(ANYTHING)
def test_any_value_is_encoded_as_tornado_does(value: Any) -> None:
    assert result(raw, value) == result(as_text, value)
