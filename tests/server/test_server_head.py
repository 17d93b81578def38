"""The head of a request: whatever llhttp lets pass is read as Tornado reads it, and Tornado would have let it pass."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError, parse_request_start_line

from tornadopy.server._llhttp import Body, HeadReader
from tornadopy.server.head import RequestHeaders, parse_request_line
from tornadopy.server.heads import Heads

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


LENGTHS = [b"0", b"1", b"3", b"03", b"+3", b"3 ", b"3, 3", b"\xb3", b"", b"999999999", b"9999999999"]
JUDGED = [
    b"Content-Length: 3",
    b"Expect: 100-continue",
    b"Transfer-Encoding: chunked",
    b"Upgrade: other\r\nConnection: upgrade",
    b"Connection: close",
    b"Folded: a\r\n b",
]


@given(
    length=st.sampled_from(LENGTHS),
    others=st.lists(st.sampled_from(JUDGED), max_size=2),
    following=st.one_of(
        st.binary(min_size=1, max_size=6), st.sampled_from([b"\r\n\r\n", b"a\r\n\r\n", b"GET / HTTP/1.1"])
    ),
    version=st.sampled_from(["HTTP/1.0", "HTTP/1.1"]),
)
def test_a_body_that_comes_with_its_head_is_the_one_that_comes_after_it(
    length: bytes, others: list[bytes], following: bytes, version: str
) -> None:
    fields = b"\r\nHost: x\r\nContent-Length: " + b"\r\n".join([length, *others]) + b"\r\n\r\n"
    apart, together = HeadReader(), HeadReader()
    try:
        expected = apart.read(fields, version, RequestHeaders(fields))
    except HTTPInputError:
        with pytest.raises(HTTPInputError):
            together.read(fields, version, RequestHeaders(fields), following)
    else:
        persistent, body = together.read(fields, version, RequestHeaders(fields), following)
        assert persistent == expected[0]
        if isinstance(body, bytes):
            assert isinstance(expected[1], Body)
            assert expected[1].feed(following) == len(body)
            assert expected[1].is_complete
            assert expected[1].take() == body
        else:
            assert type(body) is type(expected[1])
    # Whatever it was, the next head is read as if it were the first.
    simple = b"\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
    assert together.read(simple, "HTTP/1.1", RequestHeaders(simple), b"ab") == (True, b"ab")


@pytest.mark.parametrize("following", [b"", b"ab", b"abcdef"])
def test_a_body_is_read_with_its_head_if_all_of_it_is_there(following: bytes) -> None:
    fields = b"\r\nHost: x\r\ncontent-length:\t3 \r\n\r\n"
    _, body = HeadReader().read(fields, "HTTP/1.1", RequestHeaders(fields), following)
    assert body == b"abc" if len(following) >= 3 else isinstance(body, Body)


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


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
def test_only_whole_line_ends_may_come_before_a_head(line_end: bytes) -> None:
    rest = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert Heads(HeadReader()).read(b"\r\n\r\n" + rest)[0].path == "/"
    with pytest.raises(HTTPInputError):
        Heads(HeadReader()).read(b"\r\n" + line_end + rest)


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

    def test_a_name_that_no_field_can_have_is_not_there(self) -> None:
        headers = RequestHeaders(b"\r\nk: 1\r\nX: a: b\r\n\r\n")
        for name in ("\u212a", "X: a", "", "\xe9"):  # the first is the sign for Kelvin, which is a "k" in lower case
            assert name not in headers
            assert headers.get(name) is None

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
