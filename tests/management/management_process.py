"""Projects in temporary folders, and the command line as a real process in them."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from support.servers import environment

SETTINGS = """
DEBUG = True
INSTALLED_APPS = ["site_app"]
TORNADO_CONF = {"cookie_secret": "a-secret-of-the-tests-long-enough", "xsrf_cookies": True}
"""
URLS = """
from tornadopy import Url, route

u = Url("site_app.handlers")
urls = route(u(name="index", pattern=r"/", handler="Index"))
"""
HANDLERS = """
from tornadopy.handler import WebHandler

class Index(WebHandler):
    def get(self):
        self.write("the index")
"""
RUNSERVER = """
from tornadopy.webserver import run

run()
"""


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, text by relative path, below *folder*."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(dedent(text).lstrip("\n"), "utf-8")


def make_project(folder: Path, files: Mapping[str, str] = {}, *, settings: str = "") -> Path:
    """Write a project of one route, with *files* over it and *settings* after its own; return its folder."""
    write_files(
        folder,
        {
            "settings/__init__.py": "",
            "settings/setting.py": SETTINGS + dedent(settings),
            "site_app/__init__.py": "",
            "site_app/urls.py": URLS,
            "site_app/handlers.py": HANDLERS,
            "runserver.py": RUNSERVER,
            **files,
        },
    )
    return folder


def tornadopy(
    *arguments: str, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m tornadopy`` with *arguments* in *cwd* until it ends."""
    return python("-m", "tornadopy", *arguments, cwd=cwd, stdin=stdin, env=env)


def python(
    *arguments: str, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with *arguments* in *cwd* until it ends."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd, input=stdin, env=environment(**(env or {})), capture_output=True, encoding="utf-8", timeout=60,
        check=False,
    )  # fmt: skip


@contextlib.contextmanager
def serving(
    *arguments: str, cwd: Path, port: int, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a server, Python with *arguments*, from when it answers on *port* until the block ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd, env=environment(**(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    try:
        wait_until_answering(process, port)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_until_answering(process: subprocess.Popen[str], port: int, seconds: float = 30) -> None:
    """Return when something listens on *port*; fail if *process* ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output = process.stdout.read() if process.stdout else ""
            raise AssertionError(f"the server has ended with status {process.returncode}:\n{output}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing answers on port {port} after {seconds} s")


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of *url*."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(url, headers=names)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()
