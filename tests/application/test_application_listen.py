"""`Application.listen`: it starts the server of the setting, takes Tornado's arguments, and returns the server."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import tornado.httpserver
import tornado.ioloop
from tornado.httpclient import AsyncHTTPClient

import tornadopy.server
from serving import SECRET
from support.servers import on_both_servers
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError
from tornadopy.handler import WebHandler


class Page(WebHandler):
    def get(self) -> None:
        self.write(self.request.remote_ip)


class Loud(tornado.httpserver.HTTPServer):
    """A server of one's own."""


def make(**conf: Any) -> Application:
    return Application([("/", Page)], conf=Settings(TORNADO_CONF={"cookie_secret": SECRET}, **conf))


async def ask(port: int) -> str:
    """Return the page, asked for as if a proxy did."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        answer = await client.fetch(f"http://127.0.0.1:{port}/", headers={"X-Real-Ip": "203.0.113.7"})
    finally:
        client.close()
    return answer.body.decode()


async def listen(application: Application, *args: Any, **options: Any) -> tornado.httpserver.HTTPServer:
    """Start a server, fetch a page from it, and stop it."""
    server = application.listen(*args, **options)
    try:
        [sock] = server._sockets.values()
        server.answer = await ask(sock.getsockname()[1])  # type: ignore[attr-defined]
    finally:
        server.stop()
        await server.close_all_connections()
    return server


@pytest.mark.usefixtures("no_server_variable")
def test_the_default_is_tornadopys_server() -> None:
    assert type(asyncio.run(listen(make(), 0, "127.0.0.1"))) is tornadopy.server.HTTPServer


@on_both_servers
def test_the_setting_chooses(http_server: str) -> None:
    server = asyncio.run(listen(make(HTTP_SERVER=http_server), 0, "127.0.0.1"))
    assert f"{type(server).__module__}.{type(server).__name__}".replace(".server.http.", ".server.") == http_server


def test_a_class_of_ones_own() -> None:
    assert type(asyncio.run(listen(make(HTTP_SERVER=Loud), 0, "127.0.0.1"))) is Loud


@on_both_servers
def test_what_the_sockets_do_not_take_goes_to_the_server(http_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    bind = tornado.netutil.bind_sockets

    def recorded(port: int, **options: Any) -> list[socket.socket]:
        asked.update(options)
        return bind(port, **options)

    monkeypatch.setattr("tornado.tcpserver.bind_sockets", recorded)
    made = make(HTTP_SERVER=http_server)
    options = {"family": socket.AF_INET, "backlog": 7, "reuse_port": True, "xheaders": True, "no_keep_alive": True}
    server = asyncio.run(listen(made, 0, "127.0.0.1", **options))
    assert (asked["family"], asked["backlog"], asked["reuse_port"]) == (socket.AF_INET, 7, True)
    assert server.conn_params.no_keep_alive
    assert server.answer == "203.0.113.7"  # type: ignore[attr-defined]
    asyncio.run(listen(made, 0, "127.0.0.1"))
    assert asked["backlog"] == 4096


@on_both_servers
def test_before_the_loop_runs(http_server: str) -> None:
    """``listen`` first, then the loop: the usual order of a Tornado script."""
    application = make(HTTP_SERVER=http_server)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        server = application.listen(0, "127.0.0.1")
        [sock] = server._sockets.values()
        answer = loop.run_until_complete(ask(sock.getsockname()[1]))
        assert answer == "127.0.0.1"
        server.stop()
        loop.run_until_complete(server.close_all_connections())
    finally:
        tornado.ioloop.IOLoop.current().close()
        asyncio.set_event_loop(None)


@pytest.mark.parametrize("declared", ["tornado.web.Application", object])
def test_what_is_no_server(declared: str | type) -> None:
    with pytest.raises(ConfigError, match=r"HTTP_SERVER: .* is no HTTP server"):
        make(HTTP_SERVER=declared).listen(0, "127.0.0.1")
