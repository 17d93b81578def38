"""The end of a server whose threads are at work: calls of `async_execute` may use the time, and no more than that."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving import SECRET, Project, Running

GRACE = 1.0
BOUND = 5.0  # for what is not waiting: the interpreter's own end, on a busy machine

FILES = {
    "runserver.py": """
        from tornadopy.webserver import run

        if __name__ == "__main__":
            run()
            print("run has returned", flush=True)
        """,
    "shop/urls.py": """
        from tornadopy import Url, route

        u = Url("shop.handlers")
        urls = route(
            u("/await", "main.Awaiting"), u("/leave", "main.Leaving"), u("/request", "main.Never"),
            u("/soon", "main.Soon"),
        )
        """,
    "shop/handlers/main.py": """
        import asyncio
        import time

        from tornadopy.decorators.async_execute import async_execute
        from tornadopy.handler import WebHandler


        @async_execute
        def export(words: str) -> None:
            print("export begins", flush=True)
            time.sleep(60)


        @async_execute
        def backup() -> None:
            print("backup begins", flush=True)


        @async_execute
        def save() -> None:
            print("save begins", flush=True)
            time.sleep(0.5)
            print("save ends", flush=True)


        class Awaiting(WebHandler):
            async def get(self) -> None:
                await export("words-of-the-call")


        class Leaving(WebHandler):
            def get(self) -> None:
                self.application.kept = [export("words-of-the-call"), backup(), backup()]
                self.write("left")


        class Never(WebHandler):
            async def get(self) -> None:
                print("request begins", flush=True)
                await asyncio.Event().wait()


        class Soon(WebHandler):
            def get(self) -> None:
                self.application.kept = save()
                self.write("soon")
        """,
    "shop/hooks.py": """
        def on_shutdown(application):
            print("hook runs", flush=True)
        """,
}


@contextmanager
def site(folder: Path, grace: float) -> Iterator[Running]:
    conf = f"""
        TORNADO_CONF = {{"cookie_secret": {SECRET!r}}}
        INSTALLED_APPS = ["shop"]
        THREADS_NUM = 1
        SHUTDOWN_TIMEOUT = {grace}
        """
    project = Project(folder, {**FILES, "site_settings.py": conf})
    with project.running("--settings=site_settings", "--disable_log=False") as server:
        yield server


def ask(server: Running, path: str) -> threading.Thread:
    """Ask for *path*; whether and how it is answered is not what these tests are about."""

    def ask_it() -> None:
        try:
            server.fetch(path)
        except (OSError, http.client.HTTPException):
            return

    thread = threading.Thread(target=ask_it)
    thread.start()
    return thread


def line_of_threads(server: Running) -> str:
    [line] = [line for line in server.output.splitlines() if "left behind" in line]
    assert "words-of-the-call" not in server.output
    assert "Traceback" not in server.output
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_awaited_call_that_does_not_end_is_left_behind_at_the_deadline(number: int, tmp_path: Path) -> None:
    with site(tmp_path, GRACE) as server:
        client = ask(server, "/await")
        server.wait_for("export begins")
        begun = time.monotonic()
        assert server.stop(number) == 0
        assert GRACE * 0.9 <= time.monotonic() - begun < GRACE + BOUND
        assert line_of_threads(server).endswith("left behind in threads: shop.handlers.main.export; never begun: none")
        for words in ("GET /await (shop.handlers.main.Awaiting) has not finished", "hook runs", "run has returned"):
            assert words in server.output
        client.join()


def test_calls_that_nobody_awaits_get_the_time_too_and_queued_ones_are_named(tmp_path: Path) -> None:
    with site(tmp_path, GRACE) as server:
        server.fetch("/leave")
        server.wait_for("export begins")
        begun = time.monotonic()
        assert server.stop() == 0
        assert GRACE * 0.9 <= time.monotonic() - begun < GRACE + BOUND
        assert line_of_threads(server).endswith(
            "left behind in threads: shop.handlers.main.export; never begun: shop.handlers.main.backup (2 times)"
        )
        assert "backup begins" not in server.output


def test_a_call_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    with site(tmp_path, 60) as server:
        server.fetch("/soon")
        server.wait_for("save begins")
        assert server.stop() == 0
        assert "save ends" in server.output
        assert "left behind" not in server.output


def test_requests_and_threads_share_one_deadline(tmp_path: Path) -> None:
    grace = 3.0
    with site(tmp_path, grace) as server:
        clients = [ask(server, path) for path in ("/request", "/leave")]
        server.wait_for("request begins")
        server.wait_for("export begins")
        begun = time.monotonic()
        assert server.stop() == 0
        assert grace * 0.9 <= time.monotonic() - begun < grace * 2
        line_of_threads(server)
        for client in clients:
            client.join()


@pytest.mark.parametrize("path", ["/await", "/leave"])
def test_a_second_signal_does_not_wait_for_threads(path: str, tmp_path: Path) -> None:
    """Neither while requests are waited for, nor while calls are."""
    with site(tmp_path, 60) as server:
        client = ask(server, path)
        server.wait_for("export begins")
        if path == "/leave":
            client.join()
        server.process.send_signal(signal.SIGTERM)
        if path == "/leave":
            server.wait_for("hook runs")
        else:
            refused(server)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < BOUND
        assert "shop.handlers.main.export" in line_of_threads(server)
        assert "hook runs" in server.output
        client.join()


def refused(server: Running) -> None:
    """Wait until the first signal has arrived: nobody is let in any more."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        try:
            server.fetch("/nowhere")
        except OSError:
            return
    pytest.fail("the server goes on")


def test_a_script_without_a_server_ends_after_its_calls(tmp_path: Path) -> None:
    """Nobody has set it a deadline: what it has begun, it ends."""
    script = {
        "script.py": """
            import asyncio
            import time

            from tornadopy.decorators.async_execute import async_execute


            @async_execute
            def work(number):
                time.sleep(0.3)
                print("done", number, flush=True)


            async def main():
                main.kept = [work(number) for number in range(2)]


            asyncio.run(main())
            """
    }
    ended = Project(tmp_path, script).run(script="script.py")
    assert (ended.returncode, sorted(ended.stdout.splitlines())) == (0, ["done 0", "done 1"]), ended.stderr
    assert ended.stderr == ""
