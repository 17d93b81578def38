"""Clients that take too long or send too much."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
import tornado.web
from tornado.iostream import StreamClosedError

from support.server import Client, serving
from support.servers import OWN, VARIABLE
from tornadopy.server import clock

pytestmark = pytest.mark.usefixtures("own_server")
SHORT = 0.15  # seconds
PATIENT = 30.0


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, OWN)
    for name in ("IDLE_SECONDS", "HEAD_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(clock, name, PATIENT)


class Echo(tornado.web.RequestHandler):
    async def get(self) -> None:
        await asyncio.sleep(float(self.get_argument("wait", "0")))
        self.finish(self.request.body)

    post = get


@tornado.web.stream_request_body
class Slow(tornado.web.RequestHandler):
    """Takes its body piece by piece, and its time over each."""

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(SHORT * 2)

    def post(self) -> None:
        self.finish("done")


class Plain(tornado.web.Application):
    """A plain application of Tornado's, with what `Site` asks for."""

    active: tuple[()] = ()


@pytest.fixture
def application() -> Plain:
    return Plain([("/", Echo), ("/slow", Slow)], log_function=lambda handler: None)


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


def is_cut_off(client: Client, piece: bytes) -> bool:
    """Send *piece* again and again, fifty times a second; whether the server closes the connection at last."""
    client.socket.settimeout(0.02)
    for _ in range(1000):
        try:
            client.send(piece)
            if client.socket.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


class TestDefaults:
    """Without a word of the user's; the seconds are made short for the tests."""

    @pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET", HEAD, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
    def test_an_idle_connection_and_a_slow_head_are_closed(
        self, sent: bytes, application: Plain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("IDLE_SECONDS", "HEAD_SECONDS"):
            monkeypatch.setattr(clock, name, SHORT)
        with serving(application) as site, site.connect() as client:
            client.send(sent)
            if sent.endswith(b"\r\n\r\n"):
                assert client.receive().status == 200
            assert client.is_closed()

    def test_a_head_that_comes_byte_by_byte_gets_no_more_time(
        self, application: Plain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clock, "HEAD_SECONDS", SHORT)
        with serving(application) as site, site.connect() as client:
            assert is_cut_off(client, b"a")

    def test_a_body_that_stops_coming_is_given_up(self, application: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clock, "BODY_SECONDS", SHORT)
        with serving(application) as site, site.connect() as client:
            client.send(POST + b"x" * 1000)
            assert client.is_closed()

    def test_a_body_that_trickles_is_given_up(self, application: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each byte buys a five hundredth of a second."""
        monkeypatch.setattr(clock, "BODY_SECONDS", SHORT)
        with serving(application) as site, site.connect() as client:
            client.send(POST)
            assert is_cut_off(client, b"x")

    def test_the_time_that_the_application_takes_does_not_count(
        self, application: Plain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("BODY_SECONDS", "IDLE_SECONDS", "HEAD_SECONDS"):
            monkeypatch.setattr(clock, name, SHORT)
        with serving(application) as site, site.connect() as client:
            assert client.fetch("POST", "/slow", b"x" * 100_000).body == b"done"
        with serving(application) as site, site.connect() as client:
            assert client.get(f"/?wait={SHORT * 3}").status == 200

    def test_a_pipelined_request_is_not_idle(self, application: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clock, "IDLE_SECONDS", SHORT)
        with serving(application) as site, site.connect() as client:
            client.send(HEAD.replace(b"/ ", b"/?wait=%.2f " % (SHORT * 2)) + b"\r\n" + HEAD + b"\r\n")
            assert [client.receive().status for _ in range(2)] == [200, 200]


class TestContinue:
    def test_who_waits_for_it_is_told_to_go_on(self, application: Plain) -> None:
        with serving(application) as site, site.connect() as client:
            client.send(HEAD.replace(b"GET", b"POST") + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
            assert client.receive_head().status == 100
            client.send(b"hi")
            assert client.receive().body == b"hi"

    def test_who_would_not_understand_it_is_not(self, application: Plain) -> None:
        with serving(application) as site, site.connect() as client:
            client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
            assert client.receive().body == b"hi"

    def test_a_refusal_comes_in_its_place(self, application: Plain) -> None:
        with serving(application, max_body_size=1) as site, site.connect() as client:
            client.send(HEAD.replace(b"GET", b"POST") + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert client.receive_head().status == 400


class TestOptions:
    """The arguments of Tornado's server."""

    def test_idle_connection_timeout(self, application: Plain) -> None:
        with serving(application, idle_connection_timeout=SHORT) as site, site.connect() as client:
            assert client.get("/").status == 200
            assert client.is_closed()

    def test_body_timeout_is_for_the_whole_body(self, application: Plain) -> None:
        with serving(application, body_timeout=SHORT) as site, site.connect() as client:
            client.send(POST)
            assert is_cut_off(client, b"x" * 50)

    def test_no_keep_alive(self, application: Plain) -> None:
        with serving(application, no_keep_alive=True) as site, site.connect() as client:
            response = client.get("/")
            assert response.headers["Connection"] == "close"
            assert client.is_closed()

    def test_max_header_size(self, application: Plain) -> None:
        with serving(application, max_header_size=1000) as site, site.connect() as client:
            assert client.get("/", A="b" * 900).status == 200
            assert client.get("/", A="b" * 1000).status == 431
            assert client.is_closed()

    def test_a_head_may_be_larger_than_what_is_kept_otherwise(self, application: Plain) -> None:
        with serving(application, max_header_size=1_000_000) as site, site.connect() as client:
            assert client.get("/", A="b" * 500_000).status == 200

    def test_max_body_size_and_its_default(self, application: Plain) -> None:
        with serving(application, max_body_size=10) as site, site.connect() as client:
            assert client.fetch("POST", "/", b"x" * 10).body == b"x" * 10
            assert client.fetch("POST", "/", b"x" * 11).status == 400
            assert client.is_closed()
        with serving(application, max_buffer_size=10) as site, site.connect() as client:
            assert client.fetch("POST", "/", b"x" * 11).status == 400

    def test_decompress_request(self, application: Plain) -> None:
        import gzip

        with serving(application, decompress_request=True) as site, site.connect() as client:
            assert client.fetch("POST", "/", gzip.compress(b"hello"), Content_Encoding="gzip").body == b"hello"

    def test_protocol_and_xheaders(self) -> None:
        class Who(tornado.web.RequestHandler):
            def get(self) -> None:
                self.write(f"{self.request.protocol} {self.request.remote_ip}")

        told = {"X_Forwarded_For": "1.2.3.4, 5.6.7.8", "X_Scheme": "http"}
        with serving(Plain([("/", Who)]), protocol="https") as site, site.connect() as client:
            assert client.get("/", **told).body == b"https 127.0.0.1"
        options: dict[str, Any] = {"xheaders": True, "trusted_downstream": ["5.6.7.8"]}
        with serving(Plain([("/", Who)]), **options) as site, site.connect() as client:
            assert client.get("/", **told).body == b"http 1.2.3.4"
            assert client.get("/").body == b"http 127.0.0.1"


class TestBackPressure:
    def test_what_waits_may_be_the_beginning_of_a_large_head(self, application: Plain) -> None:
        """Reading stops while the first request is served, and must go on for the second."""
        large = HEAD + b"A: " + b"b" * 300_000
        with serving(application, max_header_size=1_000_000) as site, site.connect() as client:
            client.send(HEAD.replace(b"/ ", b"/?wait=0.2 ") + b"\r\n" + large + b"\r\n\r\n")
            assert [client.receive().status for _ in range(2)] == [200, 200]

    def test_a_client_that_pipelines_without_end_is_not_read_without_end(self) -> None:
        gate = asyncio.Event()

        class Gate(tornado.web.RequestHandler):
            async def get(self) -> None:
                await gate.wait()

        one = HEAD + b"A: " + b"b" * 1000 + b"\r\n\r\n"
        with serving(Plain([("/", Gate)], log_function=lambda handler: None)) as site, site.connect() as client:
            client.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.send(one * 50_000)
            client.close()
            site.loop.call_soon_threadsafe(gate.set)

    def test_a_client_that_does_not_read_holds_the_handler(self) -> None:
        written = 0

        class Endless(tornado.web.RequestHandler):
            async def get(self) -> None:
                nonlocal written
                with suppress(StreamClosedError):
                    while written < 1_000_000_000:
                        self.write(b"x" * 100_000)
                        await self.flush()
                        written += 100_000

        with serving(Plain([("/", Endless)], log_function=lambda handler: None)) as site, site.connect() as client:
            client.request("GET", "/")
            client.receive_head()
            last = -1
            while last != written:
                last = written
                site.call(asyncio.sleep(0.05))
            assert written < 100_000_000
