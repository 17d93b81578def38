"""The HTTP server that the tests run on.

Every test that serves asks here, or starts a process that reads the setting ``HTTP_SERVER``. The variable
``TORNADOPY_HTTP_SERVER``, which overrides that setting, decides for both. The whole suite on Tornado's server:

    TORNADOPY_HTTP_SERVER=tornado.httpserver.HTTPServer scripts/test tests
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import AsyncHTTPTestCase

from tornadopy.conf.defaults import Defaults
from tornadopy.server.choice import import_server

VARIABLE = "TORNADOPY_HTTP_SERVER"
STOCK = "tornado.httpserver.HTTPServer"
OWN = "tornadopy.server.HTTPServer"

on_both_servers = pytest.mark.parametrize("http_server", [OWN, STOCK], ids=["own", "stock"], indirect=True)
"""Run a test on tornadopy's server and on Tornado's, whatever the variable says; for tests about the choice itself."""


def server_class() -> type[HTTPServer]:
    """Return the class of the server that a test is to run on."""
    return import_server(os.environ.get(VARIABLE, Defaults.HTTP_SERVER))


def environment(**values: str) -> dict[str, str]:
    """Return the environment of a process: without what would set settings, but for the server; with *values*."""
    clean = {
        name: text for name, text in os.environ.items() if not name.upper().startswith("TORNADOPY_") or name == VARIABLE
    }
    # The bytecode of one version of a file must not stand in for the next, written within the same second.
    return {**clean, "PYTHONDONTWRITEBYTECODE": "1", **values}


class ServerTestCase(AsyncHTTPTestCase):
    """Tornado's test case, with the server that the tests run on."""

    def get_http_server(self) -> HTTPServer:
        """Return a server for the application of this case."""
        return server_class()(self._app, **self.get_httpserver_options())


@pytest.fixture
def http_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test on the server that is its parameter; see `on_both_servers`."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)


@pytest.fixture
def no_server_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test set ``HTTP_SERVER`` itself, or look at its default."""
    monkeypatch.delenv(VARIABLE, raising=False)


def backlog_of(sock: socket.socket) -> int:
    """Return how many connections the system lets wait at a listening socket; Linux alone tells."""
    information = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("8B24I", information)[8 + 5])  # tcpi_sacked, see tcp_get_info()


def expected_backlog() -> int:
    """Return 4096, or the most that the system allows."""
    return min(4096, int(Path("/proc/sys/net/core/somaxconn").read_text()))
