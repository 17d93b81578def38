"""A project's server in a process of its own, from the command line to its end."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tornado.testing import bind_unused_port

from serving import SECRET, Project

SETTINGS = f"""
TORNADO_CONF = {{"cookie_secret": {SECRET!r}}}
INSTALLED_APPS = ("shop", "notes")
"""

FILES = {
    "runserver.py": """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy.webserver import run

        if __name__ == "__main__":
            run()
        """,
    "settings/setting.py": SETTINGS,
    "shop/urls.py": """
        from tornadopy import Url, route

        u = Url("shop.handlers")
        urls = route(
            u(name="index", pattern=r"/", handler="main.Main"),
            u(name="who", pattern=r"/who", handler="main.Who"),
            u(name="slow", pattern=r"/slow", handler="main.Slow"),
        )
        """,
    "shop/handlers/main.py": """
        import asyncio

        from tornado.options import options
        from tornadopy import settings
        from tornadopy.handler import WebHandler
        from tornadopy.logger import syslogger


        class Main(WebHandler):
            def get(self):
                syslogger.info("a line of ours")
                self.write(f"{settings.PROJECT_PATH} {options.as_dict().get('your_arg')}")

            def post(self):
                self.write(f"{len(self.request.body)}")


        class Who(WebHandler):
            def get(self):
                self.write({"ip": self.request.remote_ip, "scheme": self.request.protocol})


        class Slow(WebHandler):
            async def get(self):
                print("slow begins", flush=True)
                await asyncio.sleep(0.5)
                self.write("slow")
        """,
    "notes/urls.py": "urls = []\n",
}

HOOKS = """
    import asyncio


    def on_startup(application):
        print("{app} startup", flush=True)


    async def on_shutdown(application):
        await asyncio.sleep(0)
        print("{app} shutdown", flush=True)
    """


def project(folder: Path, files: Mapping[str, str] | None = None) -> Project:
    return Project(folder, {**FILES, **(files or {})})


def lines(output: str, *words: str) -> list[str]:
    return [line for line in output.splitlines() if any(word in line for word in words)]


class TestRun:
    def test_a_project_is_served_until_sigterm(self, tmp_path: Path) -> None:
        site = project(tmp_path, {f"{app}/hooks.py": HOOKS.format(app=app) for app in ("shop", "notes")})
        with site.running() as server:
            answer = server.fetch("/")
            assert (answer.status, answer.text) == (200, f"{tmp_path} None")
            assert server.fetch("/nowhere").status == 404
            assert server.stop(signal.SIGTERM) == 0
            assert lines(server.output, "startup", "shutdown") == [
                "shop startup", "notes startup", "notes shutdown", "shop shutdown",
            ]  # fmt: skip
            assert "Traceback" not in server.output
        assert "a line of ours" in (tmp_path / "logs" / "info.log").read_text()

    def test_ctrl_c_ends_with_zero_and_running_requests_are_finished(self, tmp_path: Path) -> None:
        with project(tmp_path).running() as server:
            bodies: list[str] = []
            thread = threading.Thread(target=lambda: bodies.append(server.fetch("/slow").text))
            thread.start()
            server.wait_for("slow begins")
            assert server.stop(signal.SIGINT) == 0
            thread.join()
            assert bodies == ["slow"]

    def test_debug_shows_a_banner(self, tmp_path: Path) -> None:
        with project(
            tmp_path, {"settings/setting.py": "DEBUG = True\nINSTALLED_APPS = ['shop']\n"}
        ).running() as server:
            server.fetch("/")
            output = server.output
            assert "tornadopy in debug mode" in output
            for text in ("settings.setting", "shop", "Tornado", f"http://127.0.0.1:{server.port}"):
                assert text in output
            assert "\033[1m" not in output
            assert server.stop() == 0

    def test_the_settings_option_and_the_environment(self, tmp_path: Path) -> None:
        online = f"from settings.setting import *\nTORNADO_CONF = {{'cookie_secret': {SECRET!r}}}\nWHICH = 'online'\n"
        main = """
            from tornadopy import Url, route, settings
            from tornadopy.handler import WebHandler


            class Main(WebHandler):
                def get(self):
                    self.write({"which": settings.WHICH, "debug": settings.DEBUG, "expires": settings.SESSION.expires})


            urls = route(Url()("/", Main))
            """
        files = {
            "settings/setting.py": SETTINGS + "WHICH = 'local'\n",
            "settings/settings_online.py": online,
            "shop/urls.py": main,
        }
        site = project(tmp_path, files)
        overrides = {"TORNADOPY_SESSION__expires": "77"}
        with site.running("--settings=settings.settings_online", env=overrides) as server:
            assert json.loads(server.fetch("/").body) == {"which": "online", "debug": False, "expires": 77}
        with site.running(env={"tornadopy_APP_SETTINGS": "settings.settings_online"}) as server:
            assert json.loads(server.fetch("/").body)["which"] == "online"


class TestEnds:
    """What a user can cause ends in one line on standard error and status 1."""

    @pytest.mark.parametrize(
        ("files", "args", "message"),
        [
            ({}, ["--settings=settings.other"], "Error: settings module 'settings.other' not found: "),
            ({"settings/setting.py": "import nothing_such"}, [], "ModuleNotFoundError: No module named 'nothing_such'"),
            ({"settings/setting.py": SETTINGS + "DEBUGG = 1\nPING_DB = 'x'"}, [], "Error: PING_DB: expected a whole"),
            ({"settings/setting.py": SETTINGS.replace("notes", "nots")}, [], "Error: INSTALLED_APPS[1]: there is no"),
            ({"notes/urls.py": ""}, [], "urls.py defines neither urls nor URLS"),
            ({"notes/urls.py": "urls = [('/x', 'notes.No')]"}, [], "Error: route '/x': cannot import the handler"),
            ({"settings/setting.py": "INSTALLED_APPS = ['shop']"}, [], "Error: TORNADO_CONF['cookie_secret'] is"),
            ({"settings/setting.py": SETTINGS + "MIDDLEWARE_CLASSES = ['a.B']"}, [], "Error: MIDDLEWARE_CLASSES[0]: "),
            ({}, ["--prot=1"], "did you mean --port?"),
            ({}, ["--address=203.0.113.7"], "Error: cannot listen on 203.0.113.7:0: this machine has no such address"),
        ],
    )  # fmt: skip
    def test_one_line(self, tmp_path: Path, files: dict[str, str], args: list[str], message: str) -> None:
        ended = project(tmp_path, files).run("--port=0", *args)
        assert ended.returncode == 1
        assert message in ended.stderr
        assert ended.stderr.startswith("Error: ")
        assert len(ended.stderr.splitlines()) == 1, ended.stderr

    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        sock, port = bind_unused_port()
        with sock:
            ended = project(tmp_path).run(f"--port={port}")
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
        assert f"Error: cannot listen on 127.0.0.1:{port}: the port is in use" in ended.stderr

    def test_the_traceback_on_request(self, tmp_path: Path) -> None:
        ended = project(tmp_path).run("--traceback", "--settings=settings.other")
        assert ended.returncode == 1
        assert "Traceback (most recent call last):" in ended.stderr
        assert "ConfigError: settings module 'settings.other' not found" in ended.stderr

    def test_help(self, tmp_path: Path) -> None:
        ended = project(tmp_path).run("--help")
        assert ended.returncode == 0
        for option in ("--port", "--address", "--settings", "--logging-dir", "--disable-log", "--log-port-prefix",
                       "--log-patch", "--traceback"):  # fmt: skip
            assert option in ended.stdout + ended.stderr

    @pytest.mark.parametrize("kind", ["def", "async def"])
    def test_a_start_up_hook_that_fails(self, tmp_path: Path, kind: str) -> None:
        failing = f"""
            {kind} on_startup(application):
                raise RuntimeError("the database is away")


            def on_shutdown(application):
                print("notes shutdown", flush=True)
            """
        ended = project(tmp_path, {"shop/hooks.py": HOOKS.format(app="shop"), "notes/hooks.py": failing}).run(
            "--port=0"
        )
        assert ended.returncode == 1
        assert "the database is away" in ended.stderr
        assert lines(ended.stdout, "shop", "notes")[0] == "shop startup"
        assert lines(ended.stdout, "shop", "notes")[-1] == "shop shutdown"
        assert "serving on" not in ended.stderr

    def test_a_hooks_module_that_fails_says_where(self, tmp_path: Path) -> None:
        ended = project(tmp_path, {"notes/hooks.py": "1 / 0"}).run("--port=0")
        assert ended.returncode == 1
        assert "Error: cannot import notes.hooks: ZeroDivisionError: division by zero" in ended.stderr


STEPS = """
    from tornado.options import define, options
    from tornadopy.application import Application
    from tornadopy.webserver import Server

    define("your_arg", default="default", help="your command args", type=str)


    class MyApp(Application):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.on_startup.append(self.hello)
            self.on_shutdown.append(self.bye)

        async def hello(self, application):
            print("hello", application is self, flush=True)

        def bye(self, application):
            print("bye", flush=True)

    """


class TestScripts:
    """The ways in which the seed starts a server."""

    def test_step_by_step_with_an_option_of_ones_own(self, tmp_path: Path) -> None:
        script = (
            STEPS
            + """
    serv = Server()
    serv.parse_command()
    serv.load_urls()
    serv.load_application(application=None)
    serv.server_start(no_keep_alive=True, backlog=512)
    """
        )
        site = project(tmp_path, {"steps.py": script})
        with site.running("--your_arg=mine", "--settings=settings.setting", script="steps.py") as server:
            answer = server.fetch("/")
            assert answer.text == f"{tmp_path} mine"
            assert answer.headers["Connection"] == "close"
            assert server.stop() == 0
        ended = site.run("--settings=no.such", script="steps.py")
        assert (ended.returncode, ended.stderr.startswith("Error: settings module 'no.such'")) == (1, True)
        assert len(ended.stderr.splitlines()) == 1

    def test_load_all_with_an_application_of_ones_own(self, tmp_path: Path) -> None:
        script = (
            STEPS
            + """
    serv = Server()
    serv.load_all(application=MyApp, max_body_size=100, backlog=512)
    serv.start()
    """
        )
        site = project(tmp_path, {"steps.py": script})
        with site.running("--settings=settings.setting", script="steps.py") as server:
            assert server.fetch("/", "POST", body=b"x" * 50).text == "50"
            assert server.fetch("/", "POST", body=b"x" * 101).status in {400, 413}
            assert server.stop() == 0
            assert lines(server.output, "hello", "bye") == ["hello True", "bye"]

    def test_run_with_sockets_and_an_instance(self, tmp_path: Path) -> None:
        script = """
            import os

            os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

            from tornado.netutil import bind_sockets
            from tornadopy import Application, run, settings
            from tornadopy.apps import load_urls

            sockets = bind_sockets(0, "127.0.0.1")
            run(Application(load_urls(settings.INSTALLED_APPS)), sockets=sockets)
            """
        with project(tmp_path, {"given.py": script}).running(script="given.py", port="1") as server:
            assert server.fetch("/").status == 200
            assert server.stop() == 0

    def test_an_error_that_is_not_the_users_keeps_its_traceback(self, tmp_path: Path) -> None:
        script = "from tornadopy.webserver import Server\nserver = Server()\nserver.parse_command()\n1 / 0\n"
        ended = project(tmp_path, {"broken.py": script}).run(script="broken.py")
        assert ended.returncode == 1
        assert "ZeroDivisionError" in ended.stderr
        assert "Traceback" in ended.stderr


class TestLogOptions:
    def test_folder_and_port_in_the_names(self, tmp_path: Path) -> None:
        options = ["--logging_dir=elsewhere/logs", "--log_port_prefix=true", "--log_patch=False"]
        with project(tmp_path).running(*options) as server:
            server.fetch("/")
            assert server.stop() == 0
        assert not (tmp_path / "logs").exists()
        (info,) = (tmp_path / "elsewhere" / "logs").glob("*.info.log")
        assert "a line of ours" in info.read_text()
        assert not list((tmp_path / "elsewhere" / "logs").glob("*.lock")), (
            "the standard library's handler locks nothing"
        )

    def test_tornados_own_logging(self, tmp_path: Path) -> None:
        with project(tmp_path).running("--disable_log=False") as server:
            server.fetch("/nowhere")
            server.wait_for(r"\[W \d+ \d\d:\d\d:\d\d web:\d+\] 404 GET /nowhere")
            assert server.stop() == 0
        assert not (tmp_path / "logs").exists()


class TestProxiesAndHosts:
    def test_forwarding_headers_by_the_settings(self, tmp_path: Path) -> None:
        forwarded = {"X-Real-Ip": "203.0.113.9", "X-Scheme": "https"}
        site = project(tmp_path)
        for setting, found in (
            ("", {"ip": "127.0.0.1", "scheme": "http"}),
            ("XHEADERS = True", {"ip": "203.0.113.9", "scheme": "https"}),
            ("XHEADERS = True\nTRUSTED_PROXIES = ['10.0.0.1']", {"ip": "127.0.0.1", "scheme": "http"}),
        ):
            site.write({"settings/setting.py": SETTINGS + setting})
            with site.running() as server:
                assert json.loads(server.fetch("/who", headers=forwarded).body) == found

    @pytest.mark.usefixtures("no_server_variable")
    def test_hosts_and_a_server_class_of_ones_own(self, tmp_path: Path) -> None:
        own = """
            from tornado.httpserver import HTTPServer


            class Loud(HTTPServer):
                def start_request(self, *args):
                    print("loud", flush=True)
                    return super().start_request(*args)
            """
        setting = SETTINGS + "ALLOWED_HOSTS = ['shop.example']\nHTTP_SERVER = 'own_server.Loud'\nIPV4_ONLY = True\n"
        with project(tmp_path, {"own_server.py": own, "settings/setting.py": setting}).running() as server:
            assert server.fetch("/").status == 400
            assert server.fetch("/", headers={"Host": "shop.example"}).status == 200
            assert "loud" in server.output


class TestTls:
    def test_ssl_options_reach_the_server(self, tmp_path: Path) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        script = """
            import os

            os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

            from tornadopy import run

            run(ssl_options={"certfile": "cert.pem", "keyfile": "key.pem"})
            """
        with project(tmp_path, {"tls.py": script}).running(script="tls.py") as server:
            context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
            assert b'"scheme": "https"' in self.talk(server.port, context)
            assert server.stop() == 0

    @staticmethod
    def talk(port: int, context: ssl.SSLContext) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            sock.sendall(b"GET /who HTTP/1.0\r\nHost: x\r\n\r\n")
            return b"".join(iter(lambda: sock.recv(4096), b""))


def test_reading_settings_and_urls_needs_no_server(tmp_path: Path) -> None:
    """A script of the project's own may use both without a command line."""
    script = """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy import Application, settings
        from tornadopy.apps import load_urls

        print(settings.PROJECT_PATH, Application(load_urls(settings.INSTALLED_APPS)).reverse_url("slow"))
        """
    ended = project(tmp_path, {"script.py": script}).run(script="script.py")
    assert (ended.returncode, ended.stdout.split()) == (0, [str(tmp_path), "/slow"]), ended.stderr


def test_the_helper_of_these_tests_reports_a_server_that_ends(tmp_path: Path) -> None:
    site: Any = project(tmp_path, {"settings/setting.py": "1 / 0"})
    with pytest.raises(AssertionError, match="ended with 1:\nError: settings module"), site.running():
        pytest.fail("not reached")
