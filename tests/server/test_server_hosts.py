"""A site answers for the hosts in ALLOWED_HOSTS; others get 400 before anything else happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from serving import serving
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import HttpBadRequestError
from tornadopy.handler import WebHandler
from tornadopy.hosts import HostFilter


def passes(allowed: list[str], host: str) -> bool:
    start_line = RequestStartLine("GET", "/", "HTTP/1.1")
    try:
        HostFilter(allowed).check(HTTPServerRequest(start_line=start_line, headers=HTTPHeaders({"Host": host})))
    except HttpBadRequestError:
        return False
    return True


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["*"], "anything"),
        (["a.example", "*"], "b.example"),
        (["a.example"], "a.example"),
        (["a.example"], "A.EXAMPLE:8000"),
        (["A.Example"], "a.example."),
        ([".example"], "example"),
        ([".example"], "a.b.example"),
        (["[::1]"], "[::1]:8000"),
        (["127.0.0.1"], "127.0.0.1:80"),
    ],
)
def test_allowed(allowed: list[str], host: str) -> None:
    assert passes(allowed, host)


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ([], "a.example"),
        (["a.example"], "b.a.example"),
        (["a.example"], "a.example.evil"),
        (["a.example"], "evil-a.example"),
        ([".example"], "badexample"),
        (["a.example"], ""),
        ([".example"], ".example.evil"),
    ],
)
def test_refused(allowed: list[str], host: str) -> None:
    assert not passes(allowed, host)


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


class Mark:
    """A middleware that tells which phases it has met."""

    met: list[str] = []  # noqa: RUF012 - the test empties it

    def process_call(self, request: Any, clear: Any) -> None:
        self.met.append("call")

    def process_endcall(self, handler: Any, clear: Any) -> None:
        self.met.append("endcall")


def test_the_check_stands_before_routing_and_middlewares(caplog: pytest.LogCaptureFixture) -> None:
    conf = Settings(ALLOWED_HOSTS=["good.example"])
    application = Application([("/", Page)], conf=conf, middlewares=[Mark])

    async def main() -> None:
        async with serving(application) as get:
            bad = await get("/", headers={"Host": "evil.example"})
            assert (bad.code, "call" in Mark.met) == (400, False)
            assert b"evil" not in bad.body
            assert (await get("/nowhere", headers={"Host": "evil.example"})).code == 400
            Mark.met.clear()
            good = await get("/", headers={"Host": "good.example:99"})
            assert (good.code, good.body) == (200, b"page")
            assert "call" in Mark.met

    asyncio.run(main())
    assert caplog.text.count("the host 'evil.example' is not in ALLOWED_HOSTS") == 2
