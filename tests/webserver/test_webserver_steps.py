"""The server in steps: what each does, what it refuses, and which one is missing when the order is wrong."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tornado.web
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.options import define, options
from tornado.testing import bind_unused_port

from serving import SECRET
from support.servers import backlog_of, expected_backlog, server_class
from tornadopy import webserver
from tornadopy.application import Application
from tornadopy.conf import settings
from tornadopy.exceptions import ArgumentError, ConfigError, ServerError, UrlError
from tornadopy.webserver import Server, report_error

pytestmark = pytest.mark.usefixtures("process_state")

# `bind_sockets` does not close the socket that it could not bind.
TORNADO_LEAVES_IT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SETTINGS = f"TORNADO_CONF = {{'cookie_secret': {SECRET!r}}}\nLOGGING = []\n"
URLS = "from tornadopy import Url, route\nfrom tornadopy.handler import WebHandler\n\n\n"
URLS += "class Main(WebHandler):\n    def get(self):\n        self.write('main')\n\n\nurls = route(Url()('/', Main))\n"


def project(tmp_path: Path, text: str = "", urls: str | None = URLS, name: str = "site_settings") -> str:
    """Write a settings module and, where *urls* is given, an app; return the option that names the settings."""
    if urls is not None:
        app = tmp_path / "shop"
        app.mkdir()
        (app / "urls.py").write_text(urls)
        (app / "__init__.py").touch()
        text = "INSTALLED_APPS = ['shop']\n" + text
    (tmp_path / f"{name}.py").write_text(SETTINGS + text)
    return f"--settings={name}"


def started(*args: str) -> Server:
    server = Server()
    server.parse_command(["runserver.py", *args])
    return server


class Own(Application):
    """An application of one's own."""


class Recording(HTTPServer):
    """A server that tells how it was made."""

    def initialize(self, request_callback: Any, **kwargs: Any) -> None:
        self.made_with = kwargs
        super().initialize(request_callback, **{key: kwargs[key] for key in kwargs if key != "colour"})


class TestOrder:
    @pytest.mark.parametrize(
        ("step", "missing"),
        [
            (lambda server: server.load_urls(), "load_urls() needs parse_command()"),
            (lambda server: server.load_application(), "load_application() needs parse_command()"),
            (lambda server: server.load_httpserver(), "load_httpserver() needs load_application()"),
            (lambda server: server.server_start(), "load_httpserver() needs load_application()"),
            (lambda server: server.start(), "start() needs load_httpserver()"),
            (lambda server: asyncio.run(server.serve()), "serve() needs load_httpserver()"),
        ],
    )
    def test_a_step_names_the_one_that_is_missing(self, step: Any, missing: str) -> None:
        with pytest.raises(ServerError) as caught:
            step(Server())
        assert str(caught.value) == f"{missing} to be called before it"

    def test_the_application_needs_the_routes(self, tmp_path: Path) -> None:
        server = started(project(tmp_path))
        with pytest.raises(ServerError, match=r"load_application\(\) needs load_urls\(\)"):
            server.load_application()
        server.load_application(Own([], conf=settings.current()))  # an instance has its own

    def test_steps_in_order(self, tmp_path: Path) -> None:
        server = started(project(tmp_path), "--port=0")
        urls = server.load_urls()
        assert [each.pattern for each in urls] == ["/"]
        application = server.load_application()
        assert type(application) is Application
        assert server.application is application
        httpserver = server.load_httpserver()
        assert type(httpserver) is server_class()
        ((host, port),) = server.addresses
        assert host == "127.0.0.1"
        assert port > 0
        if sys.platform == "linux":
            assert backlog_of(server._sockets[0]) == expected_backlog()
        close(server)

    def test_all_but_the_last_in_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["runserver.py", project(tmp_path), "--port=0"])
        server = Server()
        server.load_all(Own, no_keep_alive=True, backlog=16)
        assert type(server.application) is Own
        assert server.httpserver is not None
        assert server.httpserver.conn_params.no_keep_alive is True
        close(server)

    def test_a_command_line_that_has_been_read_is_not_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = started(project(tmp_path), "--port=0")
        monkeypatch.setattr(sys, "argv", ["runserver.py", "--no-such-option"])
        server.load_all()
        close(server)


def close(server: Server) -> None:
    for each in server._sockets:
        each.close()


class TestCommandLine:
    def test_the_defaults(self, tmp_path: Path) -> None:
        started(project(tmp_path))
        assert (options.port, options.address, options.logging_dir) == (8000, "127.0.0.1", "")
        assert (options.disable_log, options.log_patch, options.log_port_prefix) == (True, True, False)

    def test_options_of_ones_own_and_arguments_that_are_none(self, tmp_path: Path) -> None:
        define("your_arg", default="default", help="your command args", type=str)
        server = Server()
        rest = server.parse_command(["runserver.py", project(tmp_path), "--your_arg=mine", "syncdb", "--later"])
        assert (options.your_arg, rest) == ("mine", ["syncdb", "--later"])

    def test_a_built_in_option_that_the_user_has_defined(self, tmp_path: Path) -> None:
        define("port", default=9999, type=int)
        started(project(tmp_path))
        assert options.port == 9999

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("--prot=1", r"command line: .*prot.*did you mean --port\?"),
            ("--port=http", r"command line: .*port"),
            ("--disable_log=maybe", None),
        ],
    )
    def test_what_cannot_be_read(self, tmp_path: Path, argument: str, message: str | None) -> None:
        if message is None:  # Tornado takes any word but false, 0 and f for true
            started(project(tmp_path), argument)
            assert options.disable_log is True
            return
        with pytest.raises(ArgumentError, match=message):
            started(project(tmp_path), argument)

    def test_the_settings_option_wins_over_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project(tmp_path, "SHOP = 'environment'", None, "site_environment")
        named = project(tmp_path, "SHOP = 'option'", None, "site_option")
        monkeypatch.setenv("tornadopy_APP_SETTINGS", "site_environment")
        assert started().conf.SHOP == settings.SHOP == "environment"  # type: ignore[union-attr]
        assert started(named).conf.SHOP == settings.SHOP == "option"  # type: ignore[union-attr]

    def test_without_any_the_defaults_alone(self) -> None:
        conf = started("--logging=none").conf
        assert conf is not None
        assert (conf.module, conf.INSTALLED_APPS) == (None, ())

    def test_a_settings_module_that_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match=r"settings module 'settings\.setting' not found"):
            started("--settings=settings.setting")


class TestLogs:
    def test_the_entries_of_logging_are_set_up(self, tmp_path: Path) -> None:
        entry = "LOGGING = [{'name': 'shop', 'filename': 'shop.log', 'level': 'INFO'}]"
        started(project(tmp_path, entry), "--logging_dir=elsewhere", "--log_port_prefix=true", "--port=8765")
        logging.getLogger("shop").info("a line")
        assert "a line" in (tmp_path / "elsewhere" / "8765.shop.log").read_text()

    def test_tornados_own_instead(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logging.root, "handlers", [])
        monkeypatch.setattr(logging.root, "level", logging.WARNING)
        entry = "LOGGING = [{'name': 'shop', 'filename': 'shop.log'}]"
        started(project(tmp_path, entry), "--disable_log=False")
        assert not logging.getLogger("shop").handlers
        assert not (tmp_path / "logs").exists()
        assert [type(each).__name__ for each in logging.root.handlers] == ["StreamHandler"]

    @pytest.mark.parametrize("argument", ["--logging=none", "--logging=None"])
    def test_none_at_all(self, tmp_path: Path, argument: str) -> None:
        started(project(tmp_path, "LOGGING = [{'name': 'shop', 'filename': 'shop.log'}]"), argument)
        assert not logging.getLogger("shop").handlers


class TestUrls:
    @pytest.mark.parametrize(
        ("text", "urls", "error", "message"),
        [
            ("INSTALLED_APPS = ['shpo']", None, ConfigError, r"INSTALLED_APPS\[0\]: there is no app 'shpo'"),
            ("", "", ConfigError, r"urls\.py defines neither urls nor URLS"),
            ("", "import no_such_library", ConfigError, r"cannot import shop\.urls: ModuleNotFoundError: .* line 1"),
            ("", "urls = (", ConfigError, r"cannot import shop\.urls: SyntaxError: .*urls\.py, line 1"),
            ("", "urls = [5]", UrlError, r"urls\.py: 5 is no route"),
            ("", "urls = 'shop.other'", UrlError, r"urls\.py: urls is no list of routes but 'shop\.other'"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_an_app_is_named(
        self, tmp_path: Path, text: str, urls: str | None, error: type[Exception], message: str
    ) -> None:
        server = started(project(tmp_path, text, urls))
        with pytest.raises(error, match=message):
            server.load_urls()

    def test_a_handler_that_cannot_be_imported_names_its_route(self, tmp_path: Path) -> None:
        urls = "from tornadopy import Url, route\nurls = route(Url('shop.handlers')('/x', 'main.Main', name='x'))"
        server = started(project(tmp_path, urls=urls))
        server.load_urls()
        with pytest.raises(UrlError, match=r"route '/x' \(name 'x'\): cannot import the handler 'shop\.handlers\.main"):
            server.load_application()


class TestApplication:
    def ready(self, tmp_path: Path, text: str = "") -> Server:
        server = started(project(tmp_path, text), "--port=0")
        server.load_urls()
        return server

    def test_none_a_subclass_an_instance(self, tmp_path: Path) -> None:
        server = self.ready(tmp_path)
        assert type(server.load_application(None)) is Application
        own = server.load_application(Own)
        assert type(own) is Own
        assert [pattern for pattern, _, _ in own.describe_routes()] == ["/"]
        instance = Own(server.urls, conf=settings.current())
        assert server.load_application(application=instance) is instance

    @pytest.mark.parametrize(
        "thing", [tornado.web.Application, tornado.web.Application(), "shop.Application", 5, object, HTTPServer]
    )
    def test_anything_else_is_refused(self, tmp_path: Path, thing: Any) -> None:
        with pytest.raises(ArgumentError, match=r"load_application\(\) takes an instance or a subclass of tornadopy"):
            self.ready(tmp_path).load_application(thing)

    def test_secrets_are_checked(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        server = self.ready(tmp_path, "TORNADO_CONF = {}\n")
        with pytest.raises(ConfigError, match=r"TORNADO_CONF\['cookie_secret'\] is missing"):
            server.load_application()
        with pytest.raises(ConfigError, match="shorter than 16"):
            server.load_application(Application([], conf=settings.current(), cookie_secret="short"))
        settings.configure("site_settings", DEBUG=True)
        server.load_application()
        assert "a random one is used" in caplog.text

    def test_translations_are_loaded(self, tmp_path: Path) -> None:
        server = self.ready(tmp_path, "TRANSLATIONS = True\n")
        with pytest.raises(ConfigError, match=r"TRANSLATIONS_CONF\['translations_dir'\]: there is no folder"):
            server.load_application()


@pytest.mark.usefixtures("no_server_variable")
class TestHttpServer:
    def ready(self, tmp_path: Path, text: str = "", *args: str) -> Server:
        server = started(project(tmp_path, text), *(args or ("--port=0",)))
        server.load_urls()
        server.load_application()
        return server

    def test_options_reach_it(self, tmp_path: Path) -> None:
        server = self.ready(tmp_path, f"HTTP_SERVER = '{__name__}.Recording'\n")
        made = server.load_httpserver(no_keep_alive=True, max_body_size=10, idle_connection_timeout=5, backlog=7)
        assert isinstance(made, Recording)
        assert made.made_with == {"no_keep_alive": True, "max_body_size": 10, "idle_connection_timeout": 5}
        close(server)

    def test_an_option_that_it_does_not_know(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"the HTTP server HTTPServer does not take these options: .*colour"):
            self.ready(tmp_path).load_httpserver(colour="red")

    @pytest.mark.parametrize(
        ("declared", "message"),
        [
            ("'no.such.Server'", r"HTTP_SERVER: cannot import 'no\.such\.Server': there is no module 'no'"),
            ("'tornado.httpserver.HTTPSever'", r"did you mean 'HTTPServer'"),
            ("'tornado.web.Application'", r"HTTP_SERVER: 'tornado\.web\.Application' is no HTTP server"),
            ("'tornado.web'", r"HTTP_SERVER: 'tornado\.web' is no HTTP server"),
            ("object", r"HTTP_SERVER: <class 'object'> is no HTTP server"),
        ],
    )
    def test_a_server_class_that_is_none(self, tmp_path: Path, declared: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            self.ready(tmp_path, f"HTTP_SERVER = {declared}\n").load_httpserver()

    def test_a_trusted_proxy_that_is_no_address_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"TRUSTED_PROXIES\[1\]"):
            self.ready(tmp_path, "XHEADERS = True\nTRUSTED_PROXIES = ['127.0.0.1', 'localhost']\n")

    @pytest.mark.parametrize("setting", [True, False])
    @pytest.mark.parametrize("argument", [True, False, None])
    def test_an_argument_wins_over_the_setting(self, tmp_path: Path, setting: bool, argument: bool | None) -> None:
        """Whether forwarding headers are believed."""
        server = self.ready(tmp_path, f"XHEADERS = {setting}\n")
        server.load_httpserver(**({} if argument is None else {"xheaders": argument}))
        assert server.application is not None
        assert server.application.is_behind_proxies is (setting if argument is None else argument)
        close(server)

    def test_sockets_that_are_given_are_taken(self, tmp_path: Path) -> None:
        server = self.ready(tmp_path, "", "--address=203.0.113.7")  # not this machine's
        sock, port = bind_unused_port()
        server.load_httpserver(sockets=[sock])
        assert server.addresses == [("127.0.0.1", port)]
        close(server)

    @TORNADO_LEAVES_IT_OPEN
    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        sock, port = bind_unused_port()
        sock.listen()
        with (
            sock,
            pytest.raises(ServerError, match=rf"^cannot listen on 127\.0\.0\.1:{port}: the port is in use; .*--port"),
        ):
            self.ready(tmp_path, "", f"--port={port}").load_httpserver()

    @TORNADO_LEAVES_IT_OPEN
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--address=203.0.113.7", "--port=0"), r"203\.0\.113\.7:0: this machine has no such address .*--address"),
            (("--address=no.such.host.invalid", "--port=0"), r"this machine has no such address"),
            (("--port=70000",), r"^cannot listen on 127\.0\.0\.1:70000: .*--port"),
            (("--port=-1",), r"^cannot listen on 127\.0\.0\.1:-1: .*--port"),
        ],
    )
    def test_an_address_that_cannot_be_bound(self, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
        with pytest.raises(ServerError, match=message):
            self.ready(tmp_path, "", *arguments).load_httpserver()

    def test_a_port_that_needs_privileges(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(webserver.netutil, "bind_sockets", refuse)
        with pytest.raises(ServerError, match=r"permission denied; ports below 1024 need privileges"):
            self.ready(tmp_path, "", "--port=80").load_httpserver()

    @pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
    def test_ipv4_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[Any] = []
        monkeypatch.setattr(webserver.netutil, "bind_sockets", lambda *args, **kwargs: seen.append(kwargs) or [])
        self.ready(tmp_path, "IPV4_ONLY = True\n", "--address=").load_httpserver()
        settings.configure("site_settings", IPV4_ONLY=False)
        server = Server()
        server.conf, server.application = settings.current(), Application([], conf=settings.current())
        server.load_httpserver(backlog=3)
        assert seen == [{"family": socket.AF_INET, "backlog": 4096}, {"family": socket.AF_UNSPEC, "backlog": 3}]


class TestServe:
    """A server in a loop that is running already."""

    def test_in_a_loop_of_ones_own(self, tmp_path: Path) -> None:
        server = started(project(tmp_path), "--port=0")
        server.load_all()

        async def main() -> bytes:
            task = asyncio.create_task(server.serve())
            client = AsyncHTTPClient(force_instance=True)
            try:
                port = server.addresses[0][1]
                return (await client.fetch(f"http://127.0.0.1:{port}/")).body
            finally:
                client.close()
                server.stop()
                await task

        assert asyncio.run(main()) == b"main"

    def test_in_another_thread_than_the_main_one(self, tmp_path: Path) -> None:
        """There are no signals there; `stop` does."""
        server = started(project(tmp_path), "--port=0")
        server.load_all()
        bodies: list[bytes] = []

        async def main() -> None:
            task = asyncio.create_task(server.serve())
            client = AsyncHTTPClient(force_instance=True)
            bodies.append((await client.fetch(f"http://127.0.0.1:{server.addresses[0][1]}/")).body)
            client.close()
            server.stop()
            await task

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        thread.join(30)
        assert bodies == [b"main"]

    def test_to_stop_one_that_does_not_serve_does_nothing(self) -> None:
        Server().stop()


class TestReport:
    def test_one_line_for_an_error_of_many(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert report_error(ConfigError("first\n  second")) == 1
        assert capsys.readouterr().err == "Error: first second\n"

    def test_the_traceback_where_asked_for(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["runserver.py", "--traceback"])
        assert report_error(ConfigError("wrong")) == 1
        assert "ConfigError: wrong" in capsys.readouterr().err
