"""What a small site does not use is not imported by its start."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import asyncio, json, os, sys

for name in list(os.environ):
    if name.lower().startswith("tornadopy_"):
        del os.environ[name]
os.environ["TORNADOPY_HTTP_SERVER"] = sys.argv.pop()
os.environ["TORNADOPY_TORNADO_CONF__cookie_secret"] = "a secret that signs nothing in this test"

import tornadopy
from tornadopy.handler import ApiHandler, WebHandler
from tornadopy.websocket import WebSocketHandler

class Page(WebHandler):
    def get(self):
        self.write("page")

class Api(ApiHandler):
    def get(self):
        self.write({"answer": 42})

class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

async def imported():
    serving = asyncio.ensure_future(server.serve())
    for path in ("page", "api"):
        reader, writer = await asyncio.open_connection(*server.addresses[0][:2])
        writer.write(f"GET /{path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
        assert b" 200 OK" in await reader.readline()
        writer.close()
    names = sorted(sys.modules)
    server.stop()
    await serving
    return names

server = tornadopy.Server()
server.parse_command(["site", "--port=0", "--address=127.0.0.1", f"--logging_dir={sys.argv.pop()}"])
server.load_urls()
server.load_application(tornadopy.Application([("/page", Page), ("/api", Api), ("/echo", Echo)]))
server.load_httpserver()
print(json.dumps(asyncio.run(imported())))
"""

UNUSED = [
    # libraries
    *("IPython", "alembic", "click", "jinja2", "mako", "msgpack", "orjson", "pymemcache", "redis", "sqlalchemy"),
    # what is slow to import in the standard library and in Tornado
    *("decimal", "difflib", "importlib.metadata", "importlib.resources", "pkgutil", "platform", "secrets", "sqlite3"),
    *("uuid", "tornado.autoreload", "tornado.testing"),
    # rooms of our own
    *("tornadopy.cache.backends", "tornadopy.cache.outages", "tornadopy.cache.pages", "tornadopy.cache.pings"),
    *("tornadopy.db", "tornadopy.decorators", "tornadopy.errorpages.debug", "tornadopy.errorpages.accept"),
    *("tornadopy.i18n", "tornadopy.management", "tornadopy.server.banner", "tornadopy.server.handover"),
    *("tornadopy.server.proxies", "tornadopy.server.reload", "tornadopy.sessions", "tornadopy.tokens"),
    *("tornadopy.template.tornado_loader", "tornadopy.types", "tornadopy.utils.functional"),
    *("tornadopy.utils.threadpool",),
]


@pytest.fixture(scope="module", params=["tornado.httpserver.HTTPServer", "tornadopy.server.HTTPServer"])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a site that has answered its first requests."""
    folder: Path = tmp_path_factory.mktemp("logs")
    ended = subprocess.run(
        [sys.executable, "-c", START, str(folder), request.param],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},  # it imports, too
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_the_site_has_started(started: set[str]) -> None:
    assert {"tornadopy.application", "tornadopy.webserver", "tornadopy.websocket"} <= started


@pytest.mark.parametrize("name", UNUSED)
def test_a_small_site_starts_without(started: set[str], name: str) -> None:
    assert not {each for each in started if each == name or each.startswith(f"{name}.")}


@pytest.mark.parametrize("name", [each for each in UNUSED if each.startswith("tornadopy.")])
def test_what_is_named_here_exists(name: str) -> None:
    """A module that is renamed would not be looked for any more."""
    assert importlib.util.find_spec(name) is not None
