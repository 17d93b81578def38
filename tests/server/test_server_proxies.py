"""Forwarding headers count when they come from a trusted proxy, for one request, and never from anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.netutil import bind_unix_socket
from tornado.testing import bind_unused_port

from serving import serving
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError
from tornadopy.handler import WebHandler
from tornadopy.server.proxies import TrustedProxies, incoming_request_id


class Who(WebHandler):
    def get(self) -> None:
        self.write({
            "ip": self.request.remote_ip, "scheme": self.request.protocol, "id": self.context.request_id_if_known,
        })  # fmt: skip

    def post(self) -> None:
        self.get()


def make(trusted: Any = (), *, xheaders: bool = True) -> TrustedProxies:
    application = Application([("/", Who)], conf=Settings(XHEADERS=xheaders), middlewares=())
    return TrustedProxies(application, trusted)


def ask(delegate: TrustedProxies, headers: Any) -> Any:
    async def main() -> Any:
        async with serving(delegate) as get:
            return json.loads((await get("/", headers=headers)).body)

    return asyncio.run(main())


class TestTrustedPeer:
    @pytest.mark.parametrize(
        ("headers", "ip", "scheme"),
        [
            ({}, "127.0.0.1", "http"),
            ({"X-Real-Ip": "203.0.113.9"}, "203.0.113.9", "http"),
            ({"X-Forwarded-For": "203.0.113.9"}, "203.0.113.9", "http"),
            ({"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}, "203.0.113.9", "http"),
            ({"X-Forwarded-For": "198.51.100.1, 203.0.113.9, 127.0.0.1,::1"}, "203.0.113.9", "http"),
            ({"X-Forwarded-For": "127.0.0.2, 127.0.0.1"}, "127.0.0.2", "http"),
            ({"X-Real-Ip": "203.0.113.1", "X-Forwarded-For": "203.0.113.9"}, "203.0.113.1", "http"),
            ({"X-Real-Ip": "2001:db8::1"}, "2001:db8::1", "http"),
            ({"X-Real-Ip": "not an address"}, "127.0.0.1", "http"),
            ({"X-Forwarded-For": "203.0.113.9, unknown"}, "127.0.0.1", "http"),
            ({"X-Forwarded-For": ", ,"}, "127.0.0.1", "http"),
            ({"X-Real-Ip": "203.0.113.9\t"}, "203.0.113.9", "http"),
            ({"X-Scheme": "https"}, "127.0.0.1", "https"),
            ({"X-Forwarded-Proto": "HTTPS"}, "127.0.0.1", "https"),
            ({"X-Forwarded-Proto": "http, https"}, "127.0.0.1", "https"),
            ({"X-Scheme": "https", "X-Forwarded-Proto": "http"}, "127.0.0.1", "https"),
            ({"X-Scheme": "javascript"}, "127.0.0.1", "http"),
        ],
    )
    def test_its_headers_count(self, headers: dict[str, str], ip: str, scheme: str) -> None:
        found = ask(make(), headers)
        assert (found["ip"], found["scheme"]) == (ip, scheme)

    def test_several_lines_of_one_header_are_one_chain(self) -> None:
        headers = HTTPHeaders()
        headers.add("X-Forwarded-For", "198.51.100.1")
        headers.add("X-Forwarded-For", "203.0.113.9")
        assert ask(make(), headers)["ip"] == "203.0.113.9"

    @pytest.mark.parametrize("trusted", [["127.0.0.1"], ["127.0.0.0/8"], ["10.0.0.1", "127.0.0.0/30"]])
    def test_it_is_one_by_address_or_network(self, trusted: list[str]) -> None:
        assert ask(make(trusted), {"X-Real-Ip": "203.0.113.9"})["ip"] == "203.0.113.9"

    def test_a_chain_of_proxies_is_walked_back_to_the_first_stranger(self) -> None:
        chain = {"X-Forwarded-For": "192.0.2.66, 203.0.113.9, 10.1.2.3, 10.9.9.9"}
        assert ask(make(["127.0.0.1", "10.0.0.0/8"]), chain)["ip"] == "203.0.113.9"
        assert ask(make(["127.0.0.1"]), chain)["ip"] == "10.9.9.9"


class TestAnybodyElse:
    @pytest.mark.parametrize(
        "headers",
        [{"X-Real-Ip": "203.0.113.9"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "10.0.0.1"},
         {"X-Scheme": "https"}, {"X-Forwarded-Proto": "https"}, {"X-Request-Id": "0123456789abcdef"}],
    )  # fmt: skip
    def test_nothing_of_it_is_believed(self, headers: dict[str, str]) -> None:
        assert ask(make(["10.0.0.1"]), headers) == {"ip": "127.0.0.1", "scheme": "http", "id": None}


class TestRequestId:
    @pytest.mark.parametrize("given_id", ["01234567", "0123456789abcdef", "a" * 128, "6f9619ff-8b86-d011"])
    def test_a_well_formed_one_is_kept(self, given_id: str) -> None:
        assert ask(make(), {"X-Request-Id": given_id})["id"] == given_id

    @pytest.mark.parametrize("given_id", ["", "short", "a" * 129, "12345678 9", "<script>x()", "-1234567", "é1234567"])
    def test_any_other_is_not(self, given_id: str) -> None:
        assert incoming_request_id(HTTPHeaders({"X-Request-Id": given_id})) is None

    @given(st.text())
    def test_what_is_kept_may_stand_in_headers_logs_and_pages(self, given_id: str) -> None:
        headers = HTTPHeaders()
        with contextlib.suppress(Exception):  # Tornado refuses some itself
            headers["X-Request-Id"] = given_id
        kept = incoming_request_id(headers)
        assert kept is None or (kept.isascii() and not set(kept) & set("<>&\"' \r\n\t") and len(kept) >= 8)

    def test_without_xheaders_none_is(self) -> None:
        application = Application([("/", Who)], conf=Settings(), middlewares=())

        async def main() -> Any:
            async with serving(application) as get:
                return json.loads((await get("/", headers={"X-Request-Id": "0123456789abcdef"})).body)

        assert asyncio.run(main())["id"] is None


class TestConnection:
    """Several requests of one connection: what one says is gone with it."""

    def talk(self, delegate: TrustedProxies, requests: list[tuple[str, dict[str, str]]]) -> Any:
        sock, port = bind_unused_port()

        def client() -> list[Any]:
            found = []
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                for method, headers in requests:
                    connection.request(method, "/", headers=headers, body=b"x=1" if method == "POST" else None)
                    found.append(json.loads(connection.getresponse().read()))
            return found

        async def main() -> list[Any]:
            server = HTTPServer(delegate)
            server.add_socket(sock)
            try:
                return await asyncio.to_thread(client)
            finally:
                server.stop()
                await server.close_all_connections()

        return asyncio.run(main())

    def test_nothing_leaks_into_the_next_request(self) -> None:
        forwarded = {"X-Real-Ip": "203.0.113.9", "X-Scheme": "https", "X-Request-Id": "0123456789abcdef"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        found = self.talk(
            make(), [("GET", forwarded), ("GET", {}), ("POST", {**forwarded, **form}), ("POST", form), ("GET", {})]
        )
        first, plain = {"ip": "203.0.113.9", "scheme": "https", "id": "0123456789abcdef"}, ["127.0.0.1", "http", None]
        assert found[0] == found[2] == first
        assert [list(found[index].values()) for index in (1, 3, 4)] == [plain] * 3

    def test_each_request_brings_its_own_client(self) -> None:
        clients = [f"203.0.113.{number}" for number in range(20)]
        found = self.talk(make(), [("GET", {"X-Forwarded-For": each}) for each in clients])
        assert [each["ip"] for each in found] == clients

    def test_a_client_that_goes_away_leaves_nothing(self) -> None:
        sock, port = bind_unused_port()

        async def main() -> Any:
            server = HTTPServer(make())
            server.add_socket(sock)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 203.0.113.9\r\nContent-Length: 10\r\n\r\nab")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            server.stop()
            await server.close_all_connections()

        asyncio.run(main())


class TestUnixSocket:
    def ask(self, tmp_path: Path, trusted: list[str]) -> Any:
        path = str(tmp_path / "s.sock")
        listening = bind_unix_socket(path)

        def client() -> bytes:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
                sock.settimeout(10)
                sock.connect(path)
                sock.sendall(b"GET / HTTP/1.0\r\nX-Real-Ip: 203.0.113.9\r\n\r\n")
                return b"".join(iter(lambda: sock.recv(4096), b""))

        async def main() -> bytes:
            server = HTTPServer(make(trusted))
            server.add_socket(listening)
            try:
                return await asyncio.to_thread(client)
            finally:
                server.stop()
                await server.close_all_connections()

        return json.loads(asyncio.run(main()).partition(b"\r\n\r\n")[2])["ip"]

    def test_its_peers_are_trusted_unless_addresses_are_named(self, tmp_path: Path) -> None:
        assert self.ask(tmp_path, []) == "203.0.113.9"
        assert self.ask(tmp_path, ["127.0.0.1"]) != "203.0.113.9"


@pytest.mark.parametrize("entry", ["localhost", "10.0.0.0/33", "", "10.0.0.1-5"])
def test_an_entry_that_is_neither_address_nor_network_is_named(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"TRUSTED_PROXIES\[1\]: .*expected an address"):
        make(["127.0.0.1", entry])


def test_mapped_addresses_count_as_what_they_map() -> None:
    proxies = make(["10.0.0.1"])
    assert proxies.is_trusted("::ffff:10.0.0.1")
    assert not proxies.is_trusted("::ffff:10.0.0.2")
    assert not proxies.is_trusted("10.0.0.1, 10.0.0.1")
