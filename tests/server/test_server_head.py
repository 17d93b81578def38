"""The head of a request: whatever llhttp lets pass is read as Tornado reads it, and Tornado would have let it pass."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError, parse_request_start_line

from tornadopy.server._llhttp import HeadReader
from tornadopy.server.head import RequestHeaders, parse_request_line

FIELDS = b"\r\nHost: x\r\nAccept: a\r\naccept:  b \t\r\nX-Empty:\r\ncookie: \xe9=1; b=2\r\n\r\n"

reader = HeadReader()

pieces = st.one_of(
    st.sampled_from(
        [b"A", b"b-C", b":", b" ", b"\t", b"\r\n", b"\r", b"\n", b"\0", b"\x7f", b"\x80", b"\xff", b",", b"Host"]
    ),
    st.binary(max_size=3),
)


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_fields_that_pass_are_read_as_tornado_reads_them(lines: bytes) -> None:
    fields = b"\r\nX: y\r\n" + lines + b"\r\n\r\n"
    if b"\r\n\r\n" in fields[:-4]:
        return  # that would be the end of the head
    headers = RequestHeaders(fields)
    try:
        reader.read(fields, "HTTP/1.1", headers)
    except HTTPInputError:
        return
    assert list(headers.get_all()) == list(HTTPHeaders.parse(fields[2:-2].decode("latin-1")).get_all())


@given(
    st.lists(st.one_of(st.sampled_from([b"GET", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"a"]), st.binary(max_size=2)))
)
def test_request_lines_that_pass_are_read_as_tornado_reads_them(parts: list[bytes]) -> None:
    line = b"".join(parts)
    try:
        parsed = parse_request_line(line)
    except HTTPInputError:
        return
    assert parsed == parse_request_start_line(line.decode("latin-1"))


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"OTHER * HTTP/1.0", b"get http://x/ HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1"]
)
def test_request_lines_that_tornado_knows_pass(line: bytes) -> None:
    assert parse_request_line(line) == parse_request_start_line(line.decode("latin-1"))


class TestHeaders:
    """They are Tornado's `HTTPHeaders` to whoever looks."""

    def headers(self) -> RequestHeaders:
        return RequestHeaders(FIELDS)

    def test_nothing_is_parsed_before_somebody_asks(self) -> None:
        headers = self.headers()
        assert headers["Host"] == "x"
        assert headers._parsed is None
        assert headers["ACCEPT"] == "a,b"
        assert headers._parsed is not None

    def test_each_way_of_asking(self) -> None:
        assert self.headers()["host"] == "x"
        assert "X-Empty" in self.headers()
        assert "Other" not in self.headers()
        assert self.headers().get("Other") is None
        assert self.headers().get("Other", "default") == "default"
        assert self.headers().get("accept") == "a,b"
        assert self.headers().get_list("Accept") == ["a", "b"]
        assert self.headers().get_list("Other") == []
        assert len(self.headers()) == 4
        assert list(self.headers()) == ["Host", "Accept", "X-Empty", "Cookie"]
        assert self.headers()["Cookie"] == "\xe9=1; b=2"

    def test_each_way_of_changing(self) -> None:
        headers = self.headers()
        headers["New"] = "1"
        headers.add("Accept", "c")
        del headers["Host"]
        assert headers.get("New") == "1"
        assert headers.get("Accept") == "a,b,c"
        assert headers.get("Host") is None

    def test_copies_are_independent(self) -> None:
        for copied in (self.headers().copy(), copy.copy(self.headers()), copy.deepcopy(self.headers())):
            assert list(copied.get_all()) == list(self.headers().get_all())
            copied["Host"] = "y"
        assert self.headers()["Host"] == "x"

    def test_an_unknown_attribute_is_none(self) -> None:
        with pytest.raises(AttributeError, match="nothing_of_the_kind"):
            _ = self.headers().nothing_of_the_kind  # type: ignore[attr-defined]
