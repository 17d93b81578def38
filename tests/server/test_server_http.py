"""The server's interface: how it is started and stopped, what it serves, on which kinds of sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tornado.test
import tornado.web
import tornado.websocket
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from tornado.netutil import bind_sockets, bind_unix_socket

import tornadopy.server
from server.fuzz_streams import frame
from server.loops import ask, listening, loops, run
from support.servers import backlog_of, expected_backlog
from tornadopy.server import HTTPServer

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CERTIFICATES = Path(str(tornado.test.__file__)).parent


class Hello(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write("hello")

    post = get


class Talk(tornado.websocket.WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


def plain(*routes: Any) -> tornado.web.Application:
    return tornado.web.Application([*routes, ("/", Hello), ("/talk", Talk)], log_function=lambda handler: None)


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "test.crt", CERTIFICATES / "test.key")
    return context


def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class TestStart:
    @loops
    def test_listen(self, loop: str) -> None:
        async def main() -> None:
            server = HTTPServer(plain())
            server.listen(0, "127.0.0.1")
            [sock] = server._sockets.values()
            port = sock.getsockname()[1]
            assert (await ask(port, GET)).endswith(b"hello")
            server.stop()
            with pytest.raises(ConnectionRefusedError):
                await ask(port, GET)
            server.stop()
            await server.close_all_connections()

        run(loop, main())

    @loops
    def test_bind_and_start(self, loop: str) -> None:
        async def main() -> None:
            server = HTTPServer(plain())
            server.bind(0, "127.0.0.1")
            server.start()
            [sock] = server._sockets.values()
            assert (await ask(sock.getsockname()[1], GET)).endswith(b"hello")
            server.stop()
            await server.close_all_connections()

        run(loop, main())

    def test_the_backlog_is_4096(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []
        monkeypatch.setattr(
            tornado.tcpserver, "bind_sockets", lambda *args, backlog, **kwargs: asked.append(backlog) or []
        )
        server = HTTPServer(plain())
        server.bind(0)
        server.bind(0, backlog=7)
        assert asked == [4096, 7]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
    def test_the_system_lets_as_many_wait(self) -> None:
        async def main() -> None:
            server = HTTPServer(plain())
            server.listen(0, "127.0.0.1")
            server.listen(0, "127.0.0.1", backlog=7)
            assert [backlog_of(sock) for sock in server._sockets.values()] == [expected_backlog(), 7]
            server.stop()

        asyncio.run(main())

    @loops
    def test_unix_socket(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            class Who(tornado.web.RequestHandler):
                def get(self) -> None:
                    self.write(f"{self.request.remote_ip} {self.request.connection.context}")

            server = HTTPServer(plain(("/who", Who)))
            server.add_socket(bind_unix_socket(str(tmp_path / "socket")))
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
            writer.write(GET.replace(b"/ ", b"/who "))
            assert (await reader.read()).partition(b"\r\n\r\n")[2].startswith(b"0.0.0.0 ")
            writer.close()
            server.stop()
            await server.close_all_connections()

        run(loop, main())

    @loops
    def test_both_families_on_one_server(self, loop: str) -> None:
        async def main() -> None:
            server = HTTPServer(plain())
            server.add_sockets(bind_sockets(0, "localhost"))
            for sock in list(server._sockets.values()):
                host, port = sock.getsockname()[:2]
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(GET)
                assert (await reader.read()).endswith(b"hello")
                writer.close()
            server.stop()
            await server.close_all_connections()

        run(loop, main())

    @loops
    @pytest.mark.parametrize("protocol", [0, socket.IPPROTO_TCP])
    def test_answers_do_not_wait_for_one_another(self, loop: str, protocol: int) -> None:
        """Nagle's algorithm is off, also where a listening socket does not name its protocol."""

        class Delay(tornado.web.RequestHandler):
            def get(self) -> None:
                stream = self.request.connection.stream
                self.write(str(stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

        async def main() -> None:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            server = HTTPServer(plain(("/delay", Delay)))
            server.add_socket(sock)
            answer = await ask(sock.getsockname()[1], GET.replace(b"/ ", b"/delay "))
            assert int(answer.rpartition(b"\r\n\r\n")[2]) > 0
            server.stop()
            await server.close_all_connections()

        run(loop, main())

    @loops
    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("turns", range(8))
    def test_connections_that_come_while_it_stops_are_closed(self, loop: str, is_secure: bool, turns: int) -> None:
        """However far they have come: `close_all_connections` returns, and each client sees the end."""

        async def main() -> None:
            async with listening(plain(), **({"ssl_options": server_tls()} if is_secure else {})) as (server, port):
                clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                server.stop()
                await server.close_all_connections()
                assert not server._open
            for sock in server._sockets.values():
                sock.close()
            for client in clients:
                with client, suppress(ConnectionResetError):
                    assert client.recv(1) == b""

        run(loop, main())

    def test_the_package_has_nothing_else(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'FTPServer'"):
            _ = tornadopy.server.FTPServer

    @loops
    def test_file_descriptors_that_run_out(
        self, loop: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Accepting pauses, and goes on by itself."""
        monkeypatch.setattr("tornadopy.server.accepting._PAUSE", 0.05)

        async def main() -> None:
            async with listening(plain()) as (_, port):
                spare: list[int] = []
                client = socket.socket()
                client.setblocking(False)
                with suppress(OSError):
                    while True:
                        spare.append(os.dup(0))
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
                while "cannot accept" not in caplog.text:
                    await asyncio.sleep(0.01)
                for each in spare:
                    os.close(each)
                await asyncio.get_running_loop().sock_sendall(client, GET)
                assert (await asyncio.get_running_loop().sock_recv(client, 1000)).startswith(b"HTTP/1.1 200")
                client.close()

        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        try:
            run(loop, main())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert 1 <= caplog.text.count("cannot accept connections") < 10


class TestWhatItServes:
    @loops
    def test_a_function(self, loop: str) -> None:
        def answer(request: HTTPServerRequest) -> None:
            body = request.method.encode() + request.body
            connection = request.connection
            connection.write_headers(
                ResponseStartLine("", 200, "OK"), HTTPHeaders({"Content-Length": str(len(body))}), body
            )
            connection.finish()

        async def main() -> None:
            async with listening(answer) as (_, port):
                post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n!!"
                received = await ask(port, post * 300 + GET)
                assert received.count(b"POST!!") == 300
                assert received.endswith(b"GET")

        run(loop, main())

    @loops
    def test_a_delegate_is_told_of_each_end_once(self, loop: str) -> None:
        """Either finish() or on_connection_close(); an error in one of its methods ends the connection."""
        told: list[str] = []

        class Delegate(HTTPMessageDelegate):
            def __init__(self, connection: Any) -> None:
                self.connection = connection

            def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Any:
                self.path = start_line.path
                told.append(f"head {self.path}")
                return asyncio.sleep(0) if self.path == "/wait" else None

            def data_received(self, chunk: bytes) -> Any:
                told.append(f"data {len(chunk)}")
                return asyncio.sleep(0)

            def finish(self) -> None:
                told.append("finish")
                self.connection.write_headers(ResponseStartLine("", 204, "No Content"), HTTPHeaders())
                self.connection.finish()

            def on_connection_close(self) -> None:
                told.append("close")

        class Server(HTTPServerConnectionDelegate):
            def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
                return Delegate(request_conn)

        async def main() -> None:
            async with listening(Server(), chunk_size=4) as (_, port):
                head = b"POST /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\n"
                assert (await ask(port, head + b"123456")).startswith(b"HTTP/1.1 204")
                assert told == ["head /wait", "data 4", "data 2", "finish"]
                told.clear()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head + b"1")
                while "data 1" not in told:
                    await asyncio.sleep(0)
                writer.close()
                while "close" not in told:
                    await asyncio.sleep(0)
                assert told == ["head /wait", "data 1", "close"]
                assert await reader.read() == b""

        run(loop, main())

    @loops
    @pytest.mark.parametrize("method", ["headers_received", "data_received", "finish"])
    @pytest.mark.parametrize("is_async", [False, True])
    def test_an_error_in_a_delegate_ends_the_connection(
        self, loop: str, method: str, is_async: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        if method == "finish" and is_async:
            return  # it is synchronous
        closed: list[str] = []

        def fail(self: Any, *args: Any) -> Any:
            async def later() -> None:
                await asyncio.sleep(0)
                raise ValueError("of the delegate")

            if is_async:
                return later()
            raise ValueError("of the delegate")

        names = {method: fail, "on_connection_close": lambda self: closed.append("close")}
        delegate = type("Delegate", (HTTPMessageDelegate,), names)

        class Server(HTTPServerConnectionDelegate):
            def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
                return delegate()

        async def main() -> None:
            async with listening(Server()) as (_, port):
                with suppress(ConnectionResetError):
                    assert await ask(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1") == b""

        run(loop, main())
        assert "ValueError: of the delegate" in caplog.text
        assert closed == ["close"]


class TestTls:
    @loops
    def test_requests_and_the_certificate(self, loop: str) -> None:
        class Who(tornado.web.RequestHandler):
            def get(self) -> None:
                assert self.request.connection.stream.socket.getpeername()[0] == "127.0.0.1"
                self.write(f"{self.request.protocol} {self.request.get_ssl_certificate()}")

        async def main() -> None:
            async with listening(plain(("/who", Who)), ssl_options=server_tls()) as (_, port):
                get = GET.replace(b"/ ", b"/who ")
                assert (await ask(port, get, ssl=client_tls())).endswith(b"https None")
                large = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
                assert (await ask(port, large + b"x" * 300_000, ssl=client_tls())).endswith(b"hello")

        run(loop, main())

    @loops
    def test_options_as_a_dictionary(self, loop: str) -> None:
        async def main() -> None:
            files = {"certfile": str(CERTIFICATES / "test.crt"), "keyfile": str(CERTIFICATES / "test.key")}
            async with listening(plain(), ssl_options=files) as (_, port):
                assert (await ask(port, GET, ssl=client_tls())).endswith(b"hello")

        run(loop, main())

    @loops
    def test_a_client_without_tls_is_turned_away(self, loop: str, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async with listening(plain(), ssl_options=server_tls()) as (server, port):
                with suppress(ConnectionResetError):
                    assert b"HTTP" not in await ask(port, GET)
                assert (await ask(port, GET, ssl=client_tls())).endswith(b"hello")
                while server._handshakes:
                    await asyncio.sleep(0)

        run(loop, main())
        assert "SSL Error" in caplog.text

    @loops
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_a_websocket_whose_frames_come_with_the_handshake(self, loop: str, is_secure: bool) -> None:
        """Whatever overtakes what: first the 101, then the frames, in order; large ones too."""
        handshake = (
            b"GET /talk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        large = b"\x81\xff" + (2_000_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 2_000_000

        async def main() -> None:
            options = {"ssl_options": server_tls()} if is_secure else {}
            secure = {"ssl": client_tls()} if is_secure else {}
            async with listening(plain(), **options) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, **secure)
                writer.write(handshake + frame(1, b"one", b"abcd") + frame(1, b"two", b"abcd") + large)
                top = await reader.readuntil(b"\r\n\r\n")
                assert top.startswith(b"HTTP/1.1 101 ")
                assert await reader.readexactly(10) == frame(1, b"one") + frame(1, b"two")
                assert await reader.readexactly(10) == b"\x81\x7f" + (2_000_000).to_bytes(8, "big")
                assert await reader.readexactly(2_000_000) == b"x" * 2_000_000
                writer.write(frame(8, b"\x03\xe8", b"abcd"))
                assert await reader.read() == frame(8, b"\x03\xe8")
                writer.close()

        run(loop, main())


class TestDetach:
    @loops
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_the_stream_gives_what_came_after_the_head(self, loop: str, is_secure: bool) -> None:
        class Tunnel(tornado.web.RequestHandler):
            async def get(self) -> None:
                stream = self.detach()
                await stream.write(b"welcome\n")
                line = await stream.read_until(b"\n")
                await stream.write(line.upper())
                await stream.write(b"x" * 1_000_000)
                assert await stream.read_until_close() == b"bye"

        async def main() -> None:
            options = {"ssl_options": server_tls()} if is_secure else {}
            secure = {"ssl": client_tls()} if is_secure else {}
            async with listening(plain(("/tunnel", Tunnel)), **options) as (server, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, **secure)
                writer.write(b"GET /tunnel HTTP/1.1\r\nHost: x\r\n\r\nhello\n")
                assert await reader.readline() == b"welcome\n"
                assert not server._open
                assert await reader.readline() == b"HELLO\n"
                assert await reader.readexactly(1_000_000) == b"x" * 1_000_000
                writer.write(b"bye")
                writer.close()
                await writer.wait_closed()
                assert await reader.read() == b""

        run(loop, main())

    @loops
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_upgrades_leave_nothing_behind(self, loop: str, is_secure: bool) -> None:
        """No file descriptor, no connection: after a thousand of them."""
        handshake = (
            b"GET /talk HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

        async def main() -> None:
            options = {"ssl_options": server_tls()} if is_secure else {}
            secure = {"ssl": client_tls()} if is_secure else {}
            async with listening(plain(), **options) as (server, port):
                before = -1
                for number in range(100 if is_secure or loop == "uvloop" else 1000):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port, **secure)
                    writer.write(handshake)
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
                    if number % 2:
                        writer.write(frame(8, b"\x03\xe8", b"abcd"))
                        assert await reader.read() == frame(8, b"\x03\xe8")
                    writer.close()
                    await writer.wait_closed()
                    if number == 10:
                        before = await descriptors()
                assert not server._open
                assert await descriptors(at_most=before) <= before

        run(loop, main())


async def descriptors(at_most: int = 0) -> int:
    """Return how many file descriptors are open, once they are no more than *at_most*, or after a second."""
    for _ in range(100):
        count = len(os.listdir("/proc/self/fd"))
        if count <= at_most:
            break
        await asyncio.sleep(0.01)
    return count
