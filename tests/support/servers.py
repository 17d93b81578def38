"""The two HTTP servers that the tests run on.

``TORNADOPY_HTTP_SERVER``, which overrides the setting ``HTTP_SERVER``, decides for the helpers here as well. A folder
whose tests are to run on both says so in the ``pytest_generate_tests`` of its ``conftest.py``.
"""

from __future__ import annotations

import os

import pytest
from tornado.httpserver import HTTPServer

from tornadopy.utils.imports import import_string

VARIABLE = "TORNADOPY_HTTP_SERVER"
STOCK = "tornado.httpserver.HTTPServer"
OWN = "tornadopy.server.HTTPServer"


def server_class() -> type[HTTPServer]:
    """Return the class of the server that a test is to run on."""
    chosen: type[HTTPServer] = import_string(os.environ.get(VARIABLE, STOCK))
    return chosen


@pytest.fixture
def http_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test on the server that is its parameter; see `on_both_servers`."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)


def on_both_servers(metafunc: pytest.Metafunc) -> None:
    """Let a test that is being collected run on Tornado's server, and on tornadopy's."""
    metafunc.fixturenames.insert(0, "http_server")
    metafunc.parametrize("http_server", [STOCK, OWN], ids=["stock", "own"], indirect=True)
