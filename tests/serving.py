"""Serve an application in this process, or a project in a process of its own, for the tests of other modules."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.testing import bind_unused_port

from support.servers import environment, server_class

SECRET = "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"
PATIENCE = 30.0  # seconds for a process to start or to end, on a busy machine

Fetch = Callable[..., Awaitable[HTTPResponse]]

# In this process


@contextlib.asynccontextmanager
async def serving(application: HTTPServerConnectionDelegate, **kwargs: Any) -> AsyncIterator[Fetch]:
    """Serve *application* on a free port; give a function that fetches a path of it."""
    sock, port = bind_unused_port()
    server = server_class()(application, **kwargs)
    server.add_socket(sock)
    client = AsyncHTTPClient(force_instance=True)

    async def fetch(path: str, **options: Any) -> HTTPResponse:
        return await client.fetch(
            f"http://127.0.0.1:{port}{path}", raise_error=False, **{"follow_redirects": False, **options}
        )

    try:
        yield fetch
    finally:
        client.close()
        server.stop()
        await server.close_all_connections()


def fetch(application: HTTPServerConnectionDelegate, path: str, **options: Any) -> HTTPResponse:
    """Serve *application* for one request."""

    async def main() -> HTTPResponse:
        async with serving(application) as get:
            return await get(path, **options)

    return asyncio.run(main())


# In a process of its own


@dataclass
class Answer:
    """What a server has answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int = 0

    @property
    def output(self) -> str:
        """What it has written to standard output and standard error so far."""
        return self.log.read_text("utf-8", "replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match of *pattern* in the output."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.output)
            if found is not None:
                return found
            assert not ended, f"ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.output}"
            time.sleep(0.01)

    def fetch(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Fetch *path* over a new connection."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Project:
    """A project in a folder."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self.write(files)

    def write(self, files: Mapping[str, str]) -> None:
        """Write *files*: a relative path and a text each."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def _command(self, script: str, args: tuple[str, ...], env: Mapping[str, str] | None) -> dict[str, Any]:
        own = {"PYTHONUNBUFFERED": "1", **(env or {})}
        return {"args": [sys.executable, script, *args], "cwd": self.folder, "env": environment(**own)}

    def run(
        self, *args: str, script: str = "runserver.py", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run *script* to its end."""
        return subprocess.run(
            **self._command(script, args, env), capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    @contextlib.contextmanager
    def running(
        self,
        *args: str,
        script: str = "runserver.py",
        env: Mapping[str, str] | None = None,
        ready: str = r"serving on \[\('[^']+', (\d+)|http://[^:\s]+:(\d+)",
        port: str | None = "0",
    ) -> Iterator[Running]:
        """Run *script* as a server; it is killed at the end, if it has not been stopped."""
        log = self.folder / "output.txt"
        options = args if port is None else (f"--port={port}", *args)
        with log.open("wb") as file:
            process = subprocess.Popen(
                **self._command(script, options, env), stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        running = Running(process, log)
        try:
            found = running.wait_for(ready)
            running.port = int(next(filter(None, found.groups()), 0))
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
