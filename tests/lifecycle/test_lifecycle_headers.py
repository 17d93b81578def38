"""The headers of a response are Tornado's to whoever looks, though they are kept in another way."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import tornado
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError, format_timestamp

from tornadopy.lifecycle.headers import ResponseHeaders
from tornadopy.server.exchange import _encode

SECOND = 1_700_000_000
HTML = "text/html; charset=UTF-8"

names = st.sampled_from(
    ["Content-Type", "content-type", "X-A", "x-a", "SERVER", "Server", "date", "Set-Cookie", "x_b", "X-É", "X A", "X:A"]
)
values = st.one_of(st.sampled_from(["", "1", "a, b", "a\tb", "é", "日", "a\r\nX-B: 1", "\x7f"]), st.text(max_size=3))
KINDS = [
    "put", "set", "add", "get", "get_list", "getitem", "delete", "in", "iterate", "items", "all", "copy", "copied",
    "pickled", "str", "length", "equal", "pop", "setdefault", "update", "parse_line",
]  # fmt: skip
steps = st.tuples(st.sampled_from(KINDS), names, values)


def tornados() -> HTTPHeaders:
    return HTTPHeaders(
        {"Server": f"TornadoServer/{tornado.version}", "Date": format_timestamp(SECOND), "Content-Type": HTML}
    )


def take(headers: HTTPHeaders, kind: str, name: str, value: str) -> Any:  # noqa: C901 - a table
    """Take a step; return what it gives, an error by its class."""
    match kind:
        case "put":  # what `set_header` does
            if not (isinstance(headers, ResponseHeaders) and headers.put(name, value)):
                headers[name] = value
        case "set":
            headers[name] = value
        case "add":
            headers.add(name, value)
        case "get":
            return headers.get(name), headers.get(name, value)
        case "get_list":
            return list(headers.get_list(name))
        case "getitem":
            return headers[name]
        case "delete":
            del headers[name]
        case "in":
            return name in headers, 1 in headers
        case "iterate":
            return list(headers), list(headers.keys()), list(headers.values())
        case "items":
            return list(headers.items())
        case "all":
            return list(headers.get_all())
        case "copy":
            return list(headers.copy().get_all()), type(headers.copy())
        case "copied":
            return [list(made(headers).get_all()) for made in (copy.copy, copy.deepcopy)]
        case "pickled":
            return list(pickle.loads(pickle.dumps(headers)).get_all())
        case "str":
            return str(headers)
        case "length":
            return len(headers), bool(headers)
        case "equal":
            return headers == tornados(), headers == dict(headers)
        case "pop":
            return headers.pop(name, value)
        case "setdefault":
            return headers.setdefault(name, value)
        case "update":
            headers.update({name: value})
        case "parse_line":
            headers.parse_line(f"{name}: {value}")
    return None


def outcome(headers: HTTPHeaders, step: tuple[str, str, str]) -> Any:
    try:
        return take(headers, *step)
    except (KeyError, HTTPInputError) as error:
        return type(error)


@given(st.lists(steps, max_size=8))
@example([("put", "X-A", "1"), ("put", "x-a", "2"), ("get_list", "X-A", ""), ("all", "", "")])
@example([("put", "date", "never"), ("get", "Date", ""), ("delete", "Server", ""), ("all", "", "")])
@example([("in", "Server", ""), ("get", "server", ""), ("put", "X-A", "1"), ("str", "", "")])
def test_whatever_is_done_they_are_tornados(taken: list[tuple[str, str, str]]) -> None:
    ours, plain = ResponseHeaders(HTML, SECOND), tornados()
    for step in taken:
        assert outcome(ours, step) == outcome(plain, step), step
    assert list(ours.get_all()) == list(plain.get_all())


@given(names, values)
def test_only_plain_values_are_put(name: str, value: str) -> None:
    """What has not been put changes nothing; what has been put can break no line."""
    headers = ResponseHeaders(HTML, SECOND)
    before = list(copy.copy(headers).get_all())
    headers = ResponseHeaders(HTML, SECOND)
    if headers.put(name, value):
        assert headers.plain is not None
        assert (name + value).isascii()
        assert (name + value).isprintable()
        assert headers[name] == value
    else:
        assert list(headers.get_all()) == before


@given(st.lists(st.tuples(names, values), max_size=5))
def test_they_go_out_as_tornados_do(given_headers: list[tuple[str, str]]) -> None:
    """Plain or not, line by line; and what would break a line does not go out."""
    ours, plain = ResponseHeaders(HTML, SECOND), tornados()
    for name, value in given_headers:
        take(ours, "put", name, value)
        take(plain, "set", name, value)
    try:
        expected = sorted(_encode(200, "OK", plain).split(b"\r\n"))
    except (ValueError, UnicodeEncodeError) as error:
        with pytest.raises(type(error)):
            _encode(200, "OK", ours)
    else:
        assert sorted(_encode(200, "OK", ours).split(b"\r\n")) == expected


@pytest.mark.parametrize("reason", ["OK\r\nX-A: 1", "OK\n", "\rOK"])
@pytest.mark.parametrize("attempt", ["first", "second"])
def test_a_reason_with_a_line_break_does_not_go_out(reason: str, attempt: str) -> None:
    """With plain headers as with any, and however often somebody tries."""
    for headers in (ResponseHeaders(HTML, SECOND), tornados()):
        with pytest.raises(ValueError, match="Illegal characters"):
            _encode(200, reason, headers)
