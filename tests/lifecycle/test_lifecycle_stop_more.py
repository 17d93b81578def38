"""The graceful stop of one process: bytes on their way in either direction, and hooks that do not end."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import pytest

from support.server import ConnectionEnded
from support.stopping import BOUND, GRACE, running

BIG = 30_000_000


# With asynchronous hooks, and without any; what is said when there is nothing more to do but to send.
big_answers = pytest.mark.parametrize(
    ("path", "word"),
    [("/big", "endcall"), ("/big/stream", "endcall"), ("/big/bare", "closed"), ("/big/stream/bare", "closed")],
)


@big_answers
def test_a_slow_reader_gets_the_whole_answer(path: str, word: str, tmp_path: Path) -> None:
    """The stop waits for the bytes of an answer whose handler has long returned; the connection ends after them."""
    with running(tmp_path) as process, process.connect() as client:
        client.request("GET", path)
        process.until(f"{word} {path}")
        process.stop()
        with pytest.raises(subprocess.TimeoutExpired):
            process.popen.wait(GRACE)
        answer = client.receive()
        assert answer.status == 200
        assert len(answer.body) == BIG
        assert client.is_closed()
        assert process.status() == 0
        assert "on_shutdown" in process.said
        assert "Traceback" not in process.logged
        assert "SHUTDOWN_TIMEOUT" not in process.logged


@big_answers
def test_a_reader_that_does_not_read_is_cut_off_and_named(path: str, word: str, tmp_path: Path) -> None:
    """SHUTDOWN_TIMEOUT holds for the bytes of an answer too."""
    with running(tmp_path, GRACE) as process, process.connect() as client:
        client.request("GET", path)
        process.until(f"{word} {path}")
        process.stop()
        assert process.status() == 0
        with pytest.raises((ConnectionEnded, ConnectionResetError)):
            client.receive()
        assert "on_shutdown" in process.said
        assert f"GET {path} (" in process.logged
        assert "SHUTDOWN_TIMEOUT" in process.logged
        assert "left behind" not in process.logged
        assert "Traceback" not in process.logged


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_body_on_its_way_is_waited_for(coding: str, tmp_path: Path) -> None:
    """A request whose head has come is answered, though its body's second half comes after the signal."""
    with running(tmp_path) as process, process.connect() as client:
        head = b"POST /form HTTP/1.1\r\nHost: x\r\n"
        if coding == "length":
            first, second = b"Content-Length: 10\r\n\r\nfirst", b"other"
        else:
            first, second = b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n", b"5\r\nother\r\n0\r\n\r\n"
        client.send(head + first)
        process.until("call /form")
        process.stop()
        client.send(second)
        answer = client.receive()
        assert (answer.status, answer.body) == (200, b"firstother")
        assert answer.headers["Connection"] == "close"
        assert client.is_closed()
        assert process.status() == 0
        said = process.said.splitlines()
        assert said.index("endcall /form") < said.index("closed /form") < said.index("on_shutdown")
        assert "Traceback" not in process.logged


def test_a_body_that_does_not_come_is_named_and_cut_off(tmp_path: Path) -> None:
    """SHUTDOWN_TIMEOUT holds for what a client still has to send, too; what the call hooks have opened is closed."""
    with running(tmp_path, GRACE) as process, process.connect() as client:
        client.send(b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst")
        process.until("call /form")
        begun = time.monotonic()
        process.stop()
        assert client.is_closed()
        assert GRACE * 0.9 <= time.monotonic() - begun < BOUND
        assert process.status() == 0
        said = process.said.splitlines()
        assert said.index("closed /form") < said.index("on_shutdown")
        assert "POST /form" in process.logged
        assert "SHUTDOWN_TIMEOUT" in process.logged
        assert "left behind" not in process.logged
        assert "Traceback" not in process.logged


def test_a_client_that_gives_up_its_body_does_not_hold_the_stop(tmp_path: Path) -> None:
    with running(tmp_path, 60) as process, process.connect() as client:
        client.send(b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst")
        process.until("call /form")
        process.stop()
        client.close()
        assert process.popen.wait(BOUND) == 0
        assert "closed /form" in process.said


def test_an_open_connection_gets_one_more_answer(tmp_path: Path) -> None:
    """While something else is running, a request on a connection that was idle is answered; it is the last there."""
    with running(tmp_path) as process, process.connect() as client, process.connect() as idle:
        assert idle.get("/").headers.get("Connection") is None
        client.request("GET", "/slow")
        process.until("request /slow")
        process.stop()
        answer = idle.get("/")
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert idle.is_closed()
        process.release()
        assert client.receive().body == b"done"
        assert process.status() == 0


@pytest.mark.parametrize("phase", ["response", "endcall"])
def test_a_hook_that_does_not_end_is_cancelled_at_the_deadline(phase: str, tmp_path: Path) -> None:
    """The handler's own task may be over or wait for the hook; what the request has opened is closed in any case."""
    path = f"/hang/{phase}"
    with running(tmp_path, GRACE) as process, process.connect() as client:
        client.request("GET", path)
        process.until(f"{phase} hangs")
        begun = time.monotonic()
        process.stop()
        with contextlib.suppress(ConnectionEnded, ConnectionResetError):
            answer = client.receive()
            assert (phase, answer.status, answer.body) == ("endcall", 200, b"index")
        assert process.status() == 0
        assert GRACE * 0.9 <= time.monotonic() - begun < BOUND
        said = process.said.splitlines()
        assert said.index(f"closed {path}") < said.index("on_shutdown")
        assert said.count(f"endcall {path}") == 1
        assert f"GET {path} (" in process.logged
        assert "left behind" not in process.logged
        assert "Traceback" not in process.logged
