"""The graceful stop of one process: SIGTERM and SIGINT, with requests, streams and WebSockets under way."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import pytest

from support.server import ConnectionEnded
from support.stopping import BOUND, GRACE, running
from support.websocket import CLOSE, close_code, receive_frame, send_frame, shake_hands

both_signals = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])


@both_signals
def test_idle_connections_are_closed_and_hooks_run(number: signal.Signals, tmp_path: Path) -> None:
    """Nothing is running: the process ends at once, with status 0, whatever connections are open."""
    with running(tmp_path) as process, process.connect() as idle, process.connect() as silent:
        with process.connect() as half:
            half.send(b"GET / HTTP/1.1\r\nHost: x")
            assert idle.get("/").body == b"index"
            process.until("closed /")
            begun = time.monotonic()
            process.stop(number)
            assert idle.is_closed()
            assert silent.is_closed()
            assert half.is_closed()
        assert process.status() == 0
        assert time.monotonic() - begun < 5
        assert process.said.splitlines()[-1] == "on_shutdown"
        assert "Traceback" not in process.logged


@both_signals
def test_running_requests_are_finished(number: signal.Signals, tmp_path: Path) -> None:
    """An answer and a stream come to their ends, their connections are closed, their closers run before on_shutdown."""
    with running(tmp_path) as process, process.connect() as client, process.connect() as streaming:
        client.request("GET", "/slow")
        streaming.request("GET", "/stream")
        process.until("request /slow")
        process.until("flushed")
        process.stop(number)
        process.release()
        answer = client.receive()
        assert (answer.status, answer.body) == (200, b"done")
        assert streaming.receive().body == b"first,last"
        assert client.is_closed()
        assert streaming.is_closed()
        assert process.status() == 0
        said = process.said.splitlines()
        for path in ("/slow", "/stream"):
            assert said.index(f"endcall {path}") < said.index(f"closed {path}") < said.index("on_shutdown")
        assert "Traceback" not in process.logged
        assert "is cancelled" not in process.logged


def test_a_pipelined_request_does_not_hold_the_stop(tmp_path: Path) -> None:
    """What was not begun may be left; the process ends all the same."""
    with running(tmp_path) as process, process.connect() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        process.until("request /slow")
        process.stop()
        process.release()
        assert client.receive().body == b"done"
        assert process.status() == 0


@both_signals
def test_websockets_are_told(number: signal.Signals, tmp_path: Path) -> None:
    """They get 1001, and on_close runs."""
    with running(tmp_path) as process, process.connect() as client:
        assert shake_hands(client, "/echo").status == 101
        send_frame(client, b"hello")
        assert receive_frame(client)[1] == b"hello"
        process.stop(number)
        opcode, payload = receive_frame(client)
        assert (opcode, close_code(payload)) == (CLOSE, 1001)
        send_frame(client, payload[:2], CLOSE)
        assert process.status() == 0
        said = process.said.splitlines()
        assert any(line.startswith("on_close") for line in said)
        assert said.index("closed /echo") < said.index("on_shutdown")
        assert "Traceback" not in process.logged


def test_a_websocket_that_does_not_answer_is_dropped(tmp_path: Path) -> None:
    with running(tmp_path, GRACE) as process, process.connect() as client:
        assert shake_hands(client, "/echo").status == 101
        process.until("open")
        process.stop()
        assert receive_frame(client)[0] == CLOSE
        assert process.status() == 0
        assert "on_shutdown" in process.said


@pytest.mark.parametrize("path", ["/never", "/later", "/stubborn", "/stream"])
def test_what_does_not_end_is_cancelled_and_named(path: str, tmp_path: Path) -> None:
    """After SHUTDOWN_TIMEOUT; its endcall and closers run, then the hooks, and the status is 0."""
    with running(tmp_path, GRACE) as process, process.connect() as client:
        client.request("GET", path)
        process.until("flushed" if path == "/stream" else f"request {path}")
        begun = time.monotonic()
        process.stop()
        with contextlib.suppress(ConnectionEnded, ConnectionResetError):
            assert client.receive().status == 500 or path == "/stream"
        assert process.status() == 0
        assert GRACE * 0.9 <= time.monotonic() - begun < BOUND
        said = process.said.splitlines()
        assert said.index(f"endcall {path}") < said.index(f"closed {path}") < said.index("on_shutdown")
        assert said.count(f"endcall {path}") == 1
        assert f"GET {path} (" in process.logged
        assert "SHUTDOWN_TIMEOUT" in process.logged


def test_an_upload_that_does_not_end_is_cancelled(tmp_path: Path) -> None:
    with running(tmp_path, GRACE) as process, process.connect() as client:
        client.send(b"PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome")
        process.until("data")
        process.stop()
        assert process.status() == 0
        said = process.said.splitlines()
        assert said.index("endcall /upload") < said.index("closed /upload") < said.index("on_shutdown")
        assert "PUT /upload (" in process.logged


@both_signals
def test_a_second_signal_ends_at_once(number: signal.Signals, tmp_path: Path) -> None:
    """Whoever asks twice does not want to wait for the time to run out."""
    with running(tmp_path, 60) as process, process.connect() as client:
        client.request("GET", "/never")
        process.until("request /never")
        process.stop(number)
        process.popen.send_signal(number)
        process.popen.wait(BOUND)
        assert "on_shutdown" in process.said
