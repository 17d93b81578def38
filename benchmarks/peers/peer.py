"""What the harness knows of a framework: how it is started, and what is honest to say of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from peers.site import Site

ADDRESS = "127.0.0.1"
BACKLOG = 4096
KEEP_ALIVE = 120
"""Seconds that a connection may be idle, where the server has such a limit: no case lasts longer."""

NO_SOCKETS = "WSGI knows no WebSockets"
MINUTES = "takes minutes to start with so many: its time grows with their square"


@dataclass(frozen=True)
class Peer:
    """A framework on a server: one row of each table.

    Attributes:
        name: Of the row, for the command line.
        title: Of the row, for people.
        server: What serves it.
        json: The library that writes its JSON.
        templates: The engine of its page.
        distributions: Whose versions the report names.
        command: Returns the command line of a process that serves a site on a port.
        environment: What the process finds in its environment besides.
        lacks: Names of cases, and why the framework has nothing to measure there.
        notes: How it is set up, and why.
        absent: Why there is no such row here; empty if there is.
    """

    name: str
    title: str
    server: str
    json: str
    templates: str
    distributions: tuple[str, ...]
    command: Callable[[Site, int], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    absent: str = ""

    def versions(self) -> str:
        """Return the versions of its distributions."""
        return ", ".join(f"{name} {_version(name)}" for name in self.distributions)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - no server needs it

    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def python(*arguments: str) -> list[str]:
    """Return the command line of this Python with *arguments*."""
    return [sys.executable, *arguments]


def uvicorn(target: str) -> Callable[[Site, int], list[str]]:
    """Return how the ASGI application that the function *target* makes is started on uvicorn."""

    def command(site: Site, port: int) -> list[str]:
        log = ("--access-log", "--log-level=info") if site.access_log else ("--no-access-log", "--log-level=warning")
        return python(
            "-m", "uvicorn", target, "--factory", f"--host={ADDRESS}", f"--port={port}", f"--backlog={BACKLOG}",
            f"--timeout-keep-alive={KEEP_ALIVE}", "--no-proxy-headers", *log,
        )  # fmt: skip

    return command


def granian(target: str) -> Callable[[Site, int], list[str]]:
    """Return how the ASGI application that the function *target* makes is started on Granian."""

    def command(site: Site, port: int) -> list[str]:
        return python(
            "-m", "granian", target, "--factory", "--interface=asgi", f"--host={ADDRESS}", f"--port={port}",
            "--workers=1", f"--backlog={BACKLOG}", "--http=1", "--http1-header-read-timeout=60000",
            "--log-level=warning" if not site.access_log else "--log-level=info",
            "--access-log" if site.access_log else "--no-access-log",
        )  # fmt: skip

    return command


def gunicorn(target: str) -> Callable[[Site, int], list[str]]:
    """Return how the WSGI application that the expression *target* makes is started on gunicorn."""

    def command(site: Site, port: int) -> list[str]:
        return python(
            "-m", "gunicorn", target, f"--bind={ADDRESS}:{port}", "--workers=1", "--worker-class=gthread",
            "--threads=4", "--worker-connections=20000", f"--backlog={BACKLOG}", f"--keep-alive={KEEP_ALIVE}",
            "--log-level=warning", *(("--access-logfile=-",) if site.access_log else ()),
        )  # fmt: skip

    return command
