"""The server of the setting in a process of its own, from the start to the graceful stop."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serving import Project

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "http_server.py"
SETTINGS = """
    INSTALLED_APPS = ["shop"]
    TORNADO_CONF = {"cookie_secret": "zFp1Lk7Wm3Xc9Vb5Nq2Rt8Yh4Jd6Gs0A"}
"""
FILES = {
    "settings/__init__.py": "",
    "settings/setting.py": SETTINGS,
    "shop/__init__.py": "",
    "shop/urls.py": """
        import asyncio
        import sys

        from tornadopy import Url, route
        from tornadopy.handler import WebHandler
        from tornadopy.websocket import WebSocketHandler


        class Who(WebHandler):
            async def get(self):
                await asyncio.sleep(float(self.get_argument("wait", "0")))
                request = self.request
                self.write({"server": type(request.server_connection).__name__, "ip": request.remote_ip,
                            "id": self.request_id, "loop": type(asyncio.get_running_loop()).__module__,
                            "imported": sorted({"httptools", "uvloop"} & sys.modules.keys())})


        class Talk(WebSocketHandler):
            def on_message(self, message):
                self.write_message(message)


        u = Url()
        urls = route(u("/", Who), u("/talk", Talk))
    """,
    "runserver.py": """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy.webserver import run

        run()
    """,
}
LOGGED = "--disable_log=False"

pytestmark = pytest.mark.usefixtures("no_server_variable")


def test_from_start_to_stop(tmp_path: Path) -> None:
    with Project(tmp_path, FILES).running(LOGGED) as running:
        answer = json.loads(running.fetch("/").text)
        assert answer["server"] == "ServerConnection"
        assert answer["ip"] == "127.0.0.1"
        assert answer["loop"] == "uvloop"
        slow = socket.create_connection(("127.0.0.1", running.port))
        slow.sendall(b"GET /?wait=0.5 HTTP/1.1\r\nHost: x\r\n\r\n")
        idle = socket.create_connection(("127.0.0.1", running.port))
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        assert running.stop(signal.SIGTERM) == 0
        with slow.makefile("rb") as received:
            finished = received.read()
        assert finished.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in finished
        assert idle.recv(1) == b""
        slow.close()
        idle.close()


def test_behind_a_proxy(tmp_path: Path) -> None:
    files = {**FILES, "settings/setting.py": SETTINGS + "    XHEADERS = True\n"}
    with Project(tmp_path, files).running(LOGGED) as running:
        told = {"X-Forwarded-For": "9.8.7.6", "X-Request-Id": "0123456789abcdef"}
        answer = json.loads(running.fetch("/", headers=told).text)
        assert (answer["ip"], answer["id"]) == ("9.8.7.6", "0123456789abcdef")
        assert json.loads(running.fetch("/").text)["ip"] == "127.0.0.1"
        assert running.stop() == 0


def test_without_uvloop_it_runs_on_plain_asyncio(tmp_path: Path) -> None:
    hidden = {"uvloop.py": "raise ModuleNotFoundError(\"No module named 'uvloop'\", name='uvloop')\n"}
    with Project(tmp_path, {**FILES, **hidden}).running(LOGGED) as running:
        answer = json.loads(running.fetch("/").text)
        assert answer["server"] == "ServerConnection"
        assert answer["loop"].startswith("asyncio.")
        assert running.stop() == 0


def test_the_setting_chooses_tornados_server(tmp_path: Path) -> None:
    """It runs on plain asyncio, as Tornado does, and nothing of tornadopy's server is imported."""
    files = {**FILES, "settings/setting.py": SETTINGS + "    HTTP_SERVER = 'tornado.httpserver.HTTPServer'\n"}
    with Project(tmp_path, files).running(LOGGED) as running:
        answer = json.loads(running.fetch("/").text)
        assert answer["server"] == "HTTP1ServerConnection"
        assert answer["loop"].startswith("asyncio.")
        assert not answer["imported"]
        assert running.stop() == 0


def test_the_benchmark_runs() -> None:
    """Its figures are never asserted."""
    ended = subprocess.run(
        [
            sys.executable,
            str(BENCHMARK),
            "--rounds=1",
            "--requests=5",
            "--connections=2",
            "--case=headers",
            "--case=post",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout.count("own-uvloop") == 2
