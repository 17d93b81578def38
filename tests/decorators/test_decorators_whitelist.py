"""whitelisted answers known addresses and refuses the others."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import gen
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.testing import ExpectLog
from tornado.web import Application, RequestHandler

from support.servers import ServerTestCase
from tornadopy.conf import Settings, settings
from tornadopy.decorators.whitelist import _compile, whitelisted
from tornadopy.exceptions import ArgumentError, ConfigError, HttpForbiddenError


class Page(RequestHandler):
    @whitelisted
    def get(self) -> None:
        """Show the page."""
        self.write("get")

    @whitelisted("10.0.0.0/8")
    async def post(self) -> None:
        await asyncio.sleep(0)
        self.write("post")

    @whitelisted(["127.0.0.1", "::1"])
    @gen.coroutine
    def put(self) -> Any:
        yield gen.moment
        self.write("put")

    @whitelisted()
    def delete(self) -> None:
        self.write("delete")

    @whitelisted("192.168.0.0/16", "127.0.0.1")
    def options(self) -> None:
        self.write("options")


class Base(RequestHandler):
    async def get(self) -> None:
        self.write("base")


@whitelisted(["10.0.0.0/8"])
class Closed(Base):
    def post(self) -> None:
        self.write("post")


class TestOverSockets(ServerTestCase):
    """The client's address is set by its X-Real-Ip, as behind a proxy."""

    def get_app(self) -> Application:
        application = Application([("/", Page), ("/closed", Closed), ("/base", Base)])
        application.conf = Settings(WHITELIST=["127.0.0.1", "10.1.0.0/16"])  # type: ignore[attr-defined]
        return application

    def get_httpserver_options(self) -> dict[str, Any]:
        return {"xheaders": True}

    def answer(self, method: str, address: str, path: str = "/") -> int:
        return self.fetch(
            path, method=method, headers={"X-Real-Ip": address}, allow_nonstandard_methods=True, body=None
        ).code

    def forbidden(self, method: str, address: str, path: str = "/") -> bool:
        with ExpectLog("tornado.general", ".*not on the white list"), ExpectLog("tornado.access", "403"):
            return self.answer(method, address, path) == 403

    def test_bare_it_means_the_setting_of_the_application(self) -> None:
        for method in ("GET", "DELETE"):
            assert self.answer(method, "127.0.0.1") == 200
            assert self.answer(method, "10.1.2.3") == 200
            assert self.answer(method, "::ffff:10.1.2.3") == 200
            assert self.forbidden(method, "10.2.0.1")

    def test_a_network_and_an_async_method(self) -> None:
        assert self.answer("POST", "10.200.0.1") == 200
        assert self.forbidden("POST", "127.0.0.1")

    def test_lists_and_a_tornado_coroutine(self) -> None:
        assert self.answer("PUT", "::1") == 200
        assert self.answer("PUT", "127.0.0.1") == 200
        assert self.forbidden("PUT", "::2")

    def test_several_entries(self) -> None:
        assert self.answer("OPTIONS", "192.168.7.7") == 200
        assert self.forbidden("OPTIONS", "192.169.0.1")

    def test_a_class_is_guarded_in_all_that_it_has_and_its_base_is_not(self) -> None:
        for method in ("GET", "POST"):
            assert self.answer(method, "10.0.0.1", "/closed") == 200
            assert self.forbidden(method, "127.0.0.1", "/closed")
        assert self.answer("GET", "127.0.0.1", "/base") == 200
        with ExpectLog("tornado.access", "405"):
            assert self.answer("DELETE", "127.0.0.1", "/closed") == 405


def handler(address: str | None, **attributes: object) -> Page:
    application = Application()
    for name, value in attributes.items():
        setattr(application, name, value)

    class Connection:
        def set_close_callback(self, callback: object) -> None: ...

    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "localhost"}),
        connection=Connection(),  # type: ignore[arg-type]
    )
    request.remote_ip = address
    return Page(application, request)


def test_a_plain_tornado_application_takes_the_process_settings() -> None:
    with settings.override(WHITELIST=["10.0.0.1"]):
        handler("10.0.0.1").get()
        with pytest.raises(HttpForbiddenError) as error:
            handler("10.0.0.2").get()
    assert error.value.status_code == 403


@pytest.mark.parametrize("address", ["", "0.0.0.0", None, "garbage"])
def test_an_empty_list_lets_nobody_in_and_no_address_is_on_none(address: str | None) -> None:
    for conf in (Settings(), Settings(WHITELIST=["::/0", "127.0.0.0/8"])):
        with pytest.raises(HttpForbiddenError):
            handler(address, conf=conf).get()


def test_a_bad_entry_of_the_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"WHITELIST\[1\]: .*'nowhere'"):
        handler("127.0.0.1", conf=SimpleNamespace(WHITELIST=["127.0.0.1", "nowhere"])).get()


def test_the_list_is_compiled_once() -> None:
    _compile.cache_clear()
    conf = Settings(WHITELIST=["127.0.0.1"])
    for _ in range(3):
        handler("127.0.0.1", conf=conf).get()
    assert _compile.cache_info().misses == 1


def test_a_bad_literal_is_refused_when_decorating() -> None:
    with pytest.raises(ArgumentError, match=r"whitelisted\[1\]: .*'nowhere'"):
        whitelisted("127.0.0.1", "nowhere")
    with pytest.raises(ArgumentError, match=r"is no handler"):
        whitelisted(int)


def test_an_empty_literal_list_lets_nobody_in() -> None:
    @whitelisted([])
    def get(self: RequestHandler) -> None: ...

    with pytest.raises(HttpForbiddenError):
        get(handler("127.0.0.1"))


def test_methods_stay_what_they_are() -> None:
    assert Page.get.__doc__ == "Show the page."
    assert not inspect.iscoroutinefunction(Page.get)
    assert inspect.iscoroutinefunction(Page.post)
    assert gen.is_coroutine_function(Page.put)
