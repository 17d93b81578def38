"""The process ends, whatever its handlers do, and says which of them it had to cut off."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
from pathlib import Path

from serving import Project, Running

FILES = {
    "settings/__init__.py": "",
    "settings/setting.py": """
        SHUTDOWN_TIMEOUT = 0.3
        INSTALLED_APPS = ("shop",)
        TORNADO_CONF = {"cookie_secret": "0123456789abcdef0123456789abcdef"}
    """,
    "shop/__init__.py": "",
    "shop/hooks.py": """
        def on_shutdown(application):
            print("shut down", flush=True)
    """,
    "shop/urls.py": """
        import asyncio

        from tornadopy import Url, route
        from tornadopy.handler import WebHandler


        class Stubborn(WebHandler):
            async def get(self):
                print("stubborn began", flush=True)
                while True:
                    try:
                        await asyncio.sleep(60)
                    except BaseException:
                        print("not me", flush=True)


        class Slow(WebHandler):
            async def get(self):
                print("slow began", flush=True)
                try:
                    await asyncio.sleep(60)
                finally:
                    print("slow ended", flush=True)


        u = Url()
        urls = route(u("/stubborn", Stubborn), u("/slow", Slow))
    """,
    "runserver.py": """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy.webserver import run

        run()
    """,
}


def ask(server: Running, path: str) -> threading.Thread:
    """Ask for *path* in a thread, whatever becomes of it."""

    def request() -> None:
        with contextlib.suppress(http.client.HTTPException, OSError):
            server.fetch(path)

    thread = threading.Thread(target=request)
    thread.start()
    return thread


def test_a_handler_that_swallows_its_cancellation_is_left_behind(tmp_path: Path) -> None:
    with Project(tmp_path, FILES).running() as server:
        asking = ask(server, "/stubborn")
        server.wait_for("stubborn began")
        assert server.stop() == 0
        asking.join(5)
        assert "GET /stubborn (shop.urls.Stubborn) has not finished within SHUTDOWN_TIMEOUT (0.3 s)" in server.output
        assert "left behind: GET /stubborn (shop.urls.Stubborn)" in server.output
        assert "shut down" in server.output


def test_a_second_signal_ends_the_requests_before_the_hooks_run(tmp_path: Path) -> None:
    files = {**FILES, "settings/setting.py": FILES["settings/setting.py"].replace("0.3", "60")}
    with Project(tmp_path, files).running() as server:
        asking = ask(server, "/slow")
        server.wait_for("slow began")
        server.process.send_signal(signal.SIGTERM)
        while not refuses(server):
            assert server.process.poll() is None
        assert server.stop() == 0
        asking.join(5)
        assert "GET /slow (shop.urls.Slow) has not finished before the second signal" in server.output
        assert server.output.index("slow ended") < server.output.index("shut down")


def refuses(server: Running) -> bool:
    """Whether new connections are refused: the first signal has arrived."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.connect()
    except OSError:
        return True
    connection.close()
    return False
