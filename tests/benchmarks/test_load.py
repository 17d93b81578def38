"""The load generator counts right answers and refuses every other; it reads them in whatever pieces they come."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generator uses epoll")

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
cases = importlib.import_module("harness.cases")
load = importlib.import_module("harness.load")
wire = importlib.import_module("harness.wire")

RIGHT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


def answer(body: bytes) -> bytes:
    return RIGHT % (len(body), body)


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"1;x=y\r\n%c\r\n" % each for each in body) + b"0\r\n\r\n"


def case(connections: int = 1, pipeline: int = 1) -> Any:
    return cases.LoadCase(
        "item",
        "Item",
        request=cases.get("/item/\0"),
        connections=connections,
        pipeline=pipeline,
        **cases.text("item \0"),
    )


@contextmanager
def server(respond: Callable[[list[bytes]], list[bytes]]) -> Iterator[int]:
    """Serve each connection in a thread: *respond* turns the numbers of requests into the pieces that are sent."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.settimeout(30)
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            while new := connection.recv(65536):
                received += new
                *requests, received = received.split(b"\r\n\r\n")
                pieces = respond([each.split()[1].rpartition(b"/")[2] for each in requests])
                for piece in pieces:
                    connection.sendall(piece)
                if not pieces:
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it has been shut down
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        for each in threads:
            each.join(30)


def bodies(numbers: list[bytes]) -> list[bytes]:
    return [b"item " + each for each in numbers]


@pytest.mark.parametrize(("connections", "pipeline", "requests"), [(1, 1, 5), (3, 1, 100), (4, 16, 200), (5, 4, 3)])
def test_every_request_is_answered_and_counted(connections: int, pipeline: int, requests: int) -> None:
    with (
        server(lambda numbers: [b"".join(map(answer, bodies(numbers)))]) as port,
        load.Load(case(connections, pipeline), 0, port) as client,
    ):
        assert client.run(60.0, requests) == requests
        assert len(client.latencies) == requests
        assert all(each > 0 for each in client.latencies)


@pytest.mark.parametrize("encode", [answer, chunked])
def test_answers_may_come_in_pieces(encode: Callable[[bytes], bytes]) -> None:
    """Byte for byte, many at once, with a length or in chunks."""

    def respond(numbers: list[bytes]) -> list[bytes]:
        whole = b"".join(map(encode, bodies(numbers)))
        return [whole[index : index + 1] for index in range(len(whole))]

    with server(respond) as port, load.Load(case(2, 3), 0, port) as client:
        assert client.run(60.0, 12) == 12


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        (lambda numbers: [answer(b"item 99999999")], "was expected"),
        (lambda numbers: [answer(b"item")], "was expected"),
        (lambda numbers: [answer(b"item " + numbers[0] + b"!")], "was expected|more came"),
        (lambda numbers: [b"HTTP/1.1 500 No\r\nContent-Length: 13\r\n\r\nitem " + numbers[0]], "was expected"),
        (lambda numbers: [answer(b"item " + numbers[0]) * 2], "more came"),
        (lambda numbers: [b"HTTP/1.1 200 OK\r\n\r\n"], "where this answer ends"),
        (lambda numbers: [b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"], "no answer of HTTP/1.1"),
        (lambda numbers: [], "closed a connection"),
    ],
)
def test_a_wrong_answer_ends_the_run(respond: Callable[[list[bytes]], list[bytes]], message: str) -> None:
    with (
        server(respond) as port,
        load.Load(case(), 0, port) as client,
        pytest.raises(wire.WrongAnswerError, match=message),
    ):
        client.run(60.0, 2)


def test_a_turn_says_what_it_took() -> None:
    with server(lambda numbers: [b"".join(map(answer, bodies(numbers)))]) as port:
        turn = load.run(load.Job(case(connections=16), 0, port, (os.getpid(),), 60.0, 50))
    assert turn.answered == 50
    assert turn.cpu >= turn.own_cpu > 0
    assert 0 < turn.p50 <= turn.p99


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_a_cut_answer_is_incomplete_and_never_wrong(payloads: list[bytes], data: st.DataObject) -> None:
    """Whatever comes after an answer does not change it, and no part of it is taken for the whole."""
    encoded = [data.draw(st.sampled_from([answer, chunked]))(each) for each in payloads]
    stream, start = b"".join(encoded), 0
    for payload, each in zip(payloads, encoded, strict=True):
        cut = data.draw(st.integers(start, start + len(each) - 1))
        assert wire.parse(stream[:cut], start) is None
        found = wire.parse(stream, start)
        assert (found.status, found.body, found.end) == (200, payload, start + len(each))
        start = found.end


def test_numbers_go_on_from_turn_to_turn() -> None:
    """Nobody gets away with remembering what was asked in the last one."""
    met: list[bytes] = []

    def respond(numbers: list[bytes]) -> list[bytes]:
        met.extend(numbers)
        return [b"".join(map(answer, bodies(numbers)))]

    with server(respond) as port:
        for _ in range(2):
            with load.Load(case(), 0, port) as client:
                client.run(60.0, 5)
    assert len(set(met)) == len(met) == 10


def test_no_two_requests_are_the_same() -> None:
    """Each case puts its number into the request, without changing its length."""
    for each in cases.CASES:
        if isinstance(each, cases.LoadCase):
            first, second = each.request(b"10000000"), each.request(b"10000001")
            assert first != second
            assert len(first) == len(second)
            head, _, body = first.partition(b"\r\n\r\n")
            assert (b"Content-Length: %d" % len(body) in head) is bool(body)


def test_bodies_have_the_size_that_their_titles_say() -> None:
    by_name = {each.name: each for each in cases.CASES}
    assert len(by_name["post"].request(b"10000000").partition(b"\r\n\r\n")[2]) == 1024
    assert len(by_name["upload"].request(b"10000000").partition(b"\r\n\r\n")[2]) == 1024**2
    (headers,) = by_name["headers"].request(b"10000000").split(b"\r\n\r\n")[:1]
    assert headers.count(b"\r\n") == 12
