"""The request that is taken apart late is Tornado's request to whoever looks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tornado.web
from hypothesis import given
from hypothesis import strategies as st
from tornado import httputil
from tornado.escape import parse_qs_bytes
from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine

from server.loops import ask, listening, loops, run
from tornadopy.server.head import RequestHeaders
from tornadopy.server.request import HTTPServerRequest, parse_query

NAMES = (
    "method", "uri", "version", "path", "query", "host", "host_name", "arguments", "query_arguments", "body_arguments",
    "files", "body", "remote_ip", "protocol", "_finish_time",
)  # fmt: skip


def connection() -> Any:
    return SimpleNamespace(context=SimpleNamespace(remote_ip="1.2.3.4", protocol="https", host="", host_line=b""))


targets = st.lists(
    st.sampled_from(["/", "a", "b", "?", "&", "=", "%20", "%", "%zz", "+", ";", "\xe9", "#", "//", ":"]), max_size=12
).map("".join)
_HOST_PARTS = ["x", "X.y", ":", "80", "[", "::1", "]", ",", "%41", "%", "_", "/", "@", " ", "\xe9"]
hosts = st.one_of(st.none(), st.lists(st.sampled_from(_HOST_PARTS), max_size=5).map("".join))


def read(kind: type, fields: str) -> HTTPHeaders:
    """Return header fields as the server of *kind* reads them."""
    if kind is HTTPServerRequest:
        return RequestHeaders(f"\r\n{fields}\r\n".encode("latin-1"))
    return HTTPHeaders.parse(fields)


def made(kind: type, uri: str, fields: str, version: str, on: Any) -> dict[str, Any] | str:
    start_line = RequestStartLine("GET", uri, version)
    try:
        headers = read(kind, fields)
        request = kind(connection=on, server_connection=on, start_line=start_line, headers=headers)
    except HTTPInputError as error:
        return str(error)
    return {name: getattr(request, name) for name in NAMES}


def host_field(host: str | None) -> str:
    return "" if host is None else f"Host: {host}\r\n"


@given(targets, hosts, st.sampled_from(["HTTP/1.0", "HTTP/1.1"]))
def test_it_has_what_tornados_has_or_refuses_what_tornado_refuses(uri: str, host: str | None, version: str) -> None:
    fields, on = host_field(host), connection()
    expected = made(httputil.HTTPServerRequest, uri, fields, version, on)
    assert [made(HTTPServerRequest, uri, fields, version, on) for _ in range(2)] == [expected] * 2


@given(
    st.lists(st.lists(st.sampled_from(["Host: x", "Host: x:8", "host: x", "Host:x ", "A: b", "Host: y"]), max_size=3))
)
def test_the_hosts_of_a_connection_are_not_mixed_up(heads: list[list[str]]) -> None:
    on = connection()
    for lines in heads:
        fields = "".join(f"{line}\r\n" for line in lines)
        expected = made(httputil.HTTPServerRequest, "/", fields, "HTTP/1.1", connection())
        assert made(HTTPServerRequest, "/", fields, "HTTP/1.1", on) == expected


def test_too_many_arguments_are_refused_as_early_as_by_tornado() -> None:
    limit = httputil._DEFAULT_PARSE_BODY_CONFIG.urlencoded.max_arguments
    for count in (limit - 1, limit, limit + 1):
        outcomes = [
            type(made(kind, "/?" + "&".join(["a=1"] * count), host_field("x"), "HTTP/1.1", connection()))
            for kind in (HTTPServerRequest, httputil.HTTPServerRequest)
        ]
        assert outcomes == ([str, str] if count > limit else [dict, dict])


def test_changes_are_kept() -> None:
    """Arguments can be changed, and are the request's own."""
    start_line = RequestStartLine("GET", "/?a=1", "HTTP/1.1")
    request = HTTPServerRequest(connection(), connection(), start_line, RequestHeaders(b"\r\nHost: X:1\r\n\r\n"))
    assert repr(request).startswith("HTTPServerRequest(protocol='https', host='X:1'")
    assert isinstance(request, httputil.HTTPServerRequest)
    request.arguments["b"] = [b"2"]
    assert request.arguments == {"a": [b"1"], "b": [b"2"]}
    assert request.query_arguments == {"a": [b"1"]}
    request.query_arguments = {}
    assert request.query_arguments == {}
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = request.nothing_of_the_kind


@loops
def test_a_router_gets_it_and_a_router_with_a_way_of_its_own_is_let_alone(loop: str) -> None:
    seen: list[type] = []

    class Handler(tornado.web.RequestHandler):
        def get(self) -> None:
            seen.append(type(self.request))
            self.write(self.get_argument("a") + str(self.request.query_arguments))

    class Own(tornado.web.Application):
        def start_request(self, server_conn: object, request_conn: Any) -> Any:
            seen.append(Own)
            return super().start_request(server_conn, request_conn)

    async def main() -> None:
        for kind in (tornado.web.Application, Own):
            async with listening(kind([("/", Handler)], log_function=lambda handler: None)) as (_, port):
                received = await ask(port, b"GET /?a=%31&b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert received.endswith(b"1{'a': [b'1'], 'b': [b'']}")

    run(loop, main())
    assert seen == [HTTPServerRequest, Own, httputil.HTTPServerRequest]


@given(st.text(alphabet="ab=&;%+2\xe9 \t", max_size=12))
def test_a_query_is_read_as_tornado_reads_it(query: str) -> None:
    assert parse_query(query) == parse_qs_bytes(query, keep_blank_values=True)
