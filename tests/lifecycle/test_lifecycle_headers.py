"""The headers of a response are Tornado's to whoever looks, though they are kept in another way."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError
from tornado.web import RequestHandler

from tornadopy.handler import WebHandler
from tornadopy.lifecycle.headers import header_of, plain_line
from tornadopy.server.exchange import _encode, _status_line
from tornadopy.utils.headerlines import Stamp

names = st.sampled_from(
    ["Content-Type", "content-type", "X-A", "x-a", "SERVER", "Server", "date", "Set-Cookie", "x_b", "X-É", "X A", "X:A"]
)


class Media(str, Enum):  # noqa: UP042  # whose text is another than its value
    JSON = "application/json"


NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
texts = st.one_of(st.sampled_from(["", "1", "a, b", "a\tb", "é", "日", "a\r\nX-B: 1", "\x7f"]), st.text(max_size=3))
values: st.SearchStrategy[Any] = st.one_of(
    texts,
    st.sampled_from([0, -12, 10**30, True, b"a", b"\xe9", b"\r\n", NOON, NOON.replace(tzinfo=None), 1.5, None, *Media]),
)
METHODS = ["set_header", "add_header", "clear_header", "clear"]
LOOKS = ["get", "in", "delete", "all", "assign", "copy"]
steps = st.tuples(st.sampled_from([*METHODS, *LOOKS]), names, values)


def ours() -> Any:
    """Return a handler of ours as far as headers need one."""
    handler: Any = WebHandler.__new__(WebHandler)
    handler.context = SimpleNamespace(request_id_if_known=None)
    handler._plan = WebHandler._plan_of_class
    handler.clear()
    return handler


def tornados() -> Any:
    handler = RequestHandler.__new__(RequestHandler)
    handler.clear()
    return handler


def take(handler: Any, kind: str, name: str, value: Any) -> Any:
    """Take a step; return what it gives."""
    match kind:
        case "set_header" | "add_header":
            return getattr(handler, kind)(name, value)
        case "clear_header":
            return handler.clear_header(name)
        case "clear":
            return handler.clear()
        case "get":
            return handler._headers.get(name), handler._headers.get_list(name)
        case "in":
            return name in handler._headers, len(handler._headers)
        case "delete":
            del handler._headers[name]
        case "all":
            return everything(handler._headers)
        case "assign":
            handler._headers = HTTPHeaders({"X-A": "assigned"})
        case "copy":
            return everything(copy.copy(handler._headers))
    return None


def everything(headers: HTTPHeaders) -> list[tuple[str, str]]:
    """Return all of them but for the date, which need not be the same; its order is nobody's affair."""
    return sorted((name, value) for name, value in headers.get_all() if name != "Date")


def outcome(handler: Any, step: tuple[str, str, Any]) -> Any:
    """Return what a step gives, an error by its class."""
    try:
        return take(handler, *step)
    except (KeyError, ValueError, TypeError, HTTPInputError) as error:
        return type(error)


@given(st.lists(steps, max_size=8))
@example([("set_header", "X-A", "1"), ("set_header", "x-a", "2"), ("all", "", "")])
@example([("set_header", "date", "never"), ("get", "Date", ""), ("delete", "Server", ""), ("all", "", "")])
@example([("set_header", "X-A", "1"), ("assign", "", ""), ("set_header", "X-A", "2"), ("all", "", "")])
@example([("set_header", "X-A", "1"), ("all", "", ""), ("clear", "", ""), ("set_header", "X-A", "2"), ("all", "", "")])
def test_whatever_is_done_they_are_tornados(taken: list[tuple[str, str, Any]]) -> None:
    mine, plain = ours(), tornados()
    for step in taken:
        assert outcome(mine, step) == outcome(plain, step), step
    assert everything(mine._headers) == everything(plain._headers)
    assert "Date" in mine._headers or "Date" not in plain._headers


@given(names, values)
def test_what_is_kept_as_a_line_cannot_break_one(name: str, value: Any) -> None:
    handler = ours()
    outcome(handler, ("set_header", name, value))
    for kept, sent in (handler._lines or {}).items():
        assert sent.isascii()
        assert sent[:-2].isprintable()
        assert sent == f"{kept}: {header_of(handler, kept)}\r\n"
        assert plain_line(kept, header_of(handler, kept) or "") == (kept, sent)


@given(st.lists(st.tuples(names, values), max_size=5))
def test_they_go_out_as_tornados_do(given_headers: list[tuple[str, Any]]) -> None:
    """Line by line, as long as they are lines."""
    mine, plain = ours(), tornados()
    for name, value in given_headers:
        outcome(mine, ("set_header", name, value))
        outcome(plain, ("set_header", name, value))
    lines = mine._lines
    if lines is None:
        head = _encode(200, "OK", mine._headers)
    else:
        head = f"{_status_line(200, 'OK')}\r\n{Stamp().renew(0)}{''.join(lines.values())}\r\n".encode("latin-1")
    shown = [each for each in sorted(head.split(b"\r\n")) if not each.startswith(b"Date: ")]
    expected = sorted(_encode(200, "OK", plain._headers).split(b"\r\n"))
    assert shown == [each for each in expected if not each.startswith(b"Date: ")]


@pytest.mark.parametrize("value", [12, b"a", NOON], ids=["number", "bytes", "time"])
def test_a_value_of_another_kind_is_kept_as_a_line_too(value: Any) -> None:
    mine, plain = ours(), tornados()
    for handler in (mine, plain):
        handler.set_header("X-A", value)
    assert header_of(mine, "X-A") == plain._headers["X-A"]
    assert mine._lines is not None


def test_before_there_are_any_they_are_missing_as_any_attribute() -> None:
    assert not hasattr(WebHandler.__new__(WebHandler), "_headers")


@pytest.mark.parametrize("reason", ["OK\r\nX-A: 1", "OK\n", "\rOK"])
@pytest.mark.parametrize("attempt", ["first", "second"])
def test_a_reason_with_a_line_break_does_not_go_out(reason: str, attempt: str) -> None:
    """However often somebody tries."""
    with pytest.raises(ValueError, match="Illegal characters"):
        _encode(200, reason, tornados()._headers)
    with pytest.raises(ValueError, match="Illegal characters"):
        _status_line(200, reason)
