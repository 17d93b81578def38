"""From the command line to a listening server: `run` does everything, `Server` does it in steps.

The steps are those of the seed: ``parse_command``, ``load_urls``, ``load_application``, ``load_httpserver``,
``start``; ``server_start`` and ``load_all`` join some of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from inspect import isclass
from types import TracebackType
from typing import Any

from tornado import netutil
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.options import Error as OptionError
from tornado.options import options

from tornadopy import apps
from tornadopy.application import Application
from tornadopy.conf import Settings, settings
from tornadopy.exceptions import ArgumentError, ServerError, TornadopyError
from tornadopy.logger import configuration
from tornadopy.server.choice import BACKLOG, import_server
from tornadopy.server.graceful import stop_serving
from tornadopy.server.options import argument_at_fault, define_options, refuse_unknown
from tornadopy.server.signals import on_signals

__all__ = ["Server", "run"]

HIGHEST_PORT = 65_535


def run(
    application: Application | type[Application] | None = None,
    sockets: Sequence[socket.socket] | None = None,
    **kwargs: Any,
) -> None:
    """Read the command line, load the project, and serve it until a signal asks for the end.

    An error that the user can mend ends the process with one line and status 1; ``--traceback`` shows where it arose.

    Args:
        application: An `Application`, a subclass of it, or None for the standard one.
        sockets: Listening sockets; None binds ``--address`` and ``--port``.
        **kwargs: For the HTTP server, such as ``no_keep_alive`` or ``max_body_size``; ``backlog`` for its sockets.

    .. versionadded:: 2.0
    """
    server = Server()
    try:
        server.load_all(application, sockets, **kwargs)
        server.start()
    except TornadopyError as error:
        from tornadopy.server import reload  # noqa: PLC0415 - most sites start without an error

        status = report_error(error)
        if reload.is_reloaded():
            reload.wait_for_mend(error)
        sys.exit(status)


def report_error(error: BaseException) -> int:
    """Tell the user about *error* in one line on standard error, and return the exit status.

    The traceback is shown if ``--traceback`` was given.
    """
    if options.as_dict().get("traceback") or "--traceback" in sys.argv:
        traceback.print_exception(error)
    else:
        message = " ".join(str(error).split())
        sys.stderr.write(f"Error: {message}\n")
    return 1


class Server:
    """The way from the command line to a running server, step by step.

    Example::

        server = Server()
        server.parse_command()
        server.load_urls()
        server.load_application()
        server.server_start()

    .. versionadded:: 2.0
    """

    def __init__(self) -> None:
        self.conf: Settings | None = None
        self.urls: list[Any] | None = None
        self.application: Application | None = None
        self.httpserver: HTTPServer | None = None
        self._sockets: list[socket.socket] = []
        self._is_secure = False
        self._stop: asyncio.Event | None = None

    def parse_command(self, args: Sequence[str] | None = None) -> list[str]:
        """Read the command line, load the settings, set up the logs.

        Options of the user's own are defined before.

        Args:
            args: The command line with the program's name first; None takes ``sys.argv``.

        Returns:
            The arguments that are no options.

        Raises:
            ArgumentError: An option is unknown or has a wrong value.
            ConfigError: The settings are wrong.
        """
        if args is None:
            _report_errors_in_one_line()
        define_options(options)
        given = list(sys.argv if args is None else args)
        refuse_unknown(options, given)
        try:
            remaining = options.parse_command_line(given, final=False)
        except OptionError as error:
            raise ArgumentError(f"command line: {error}; see --help") from error
        except ValueError as error:
            culprit = argument_at_fault(given, error)
            raise ArgumentError(f"command line: {culprit}{error}; see --help") from error
        self.conf = settings.configure(options.settings or None)
        self._configure_logs(self.conf)
        return remaining

    def _configure_logs(self, conf: Settings) -> None:
        level = options.logging
        if options.disable_log:
            options.logging = "none"  # keeps Tornado's own callback from setting up Tornado's own logging
        try:
            options.run_parse_callbacks()
        finally:
            options.logging = level
        if not options.disable_log or str(level).lower() == "none":
            return
        configuration.configure(
            conf.LOGGING,
            directory=conf.path(options.logging_dir or conf.LOGGING_DIR),
            port=options.port,
            port_prefix=options.log_port_prefix,
            process_safe=options.log_patch,
        )

    def load_urls(self) -> list[Any]:
        """Load the routes of the installed apps.

        Returns:
            The list that an `Application` takes.

        Raises:
            ConfigError: An app or its ``urls`` is missing.
            UrlError: Something in it is no route.
            ServerError: The command line has not been read.
        """
        conf = self._need(self.conf, "parse_command()", "load_urls()")
        self.urls = apps.load_urls(conf.INSTALLED_APPS)
        return self.urls

    def load_application(self, application: Application | type[Application] | None = None) -> Application:
        """Make the application, or take one that is made.

        Args:
            application: An instance or a subclass of `Application`, or None for the standard one.

        Raises:
            ArgumentError: It is something else.
            ConfigError: A setting, a middleware or a secret is wrong.
            ServerError: The routes have not been loaded.
        """
        conf = self._need(self.conf, "parse_command()", "load_application()")
        if isinstance(application, Application):
            self.application = application
        elif application is None or _is_application_class(application):
            urls = self._need(self.urls, "load_urls()", "load_application()")
            self.application = (application or Application)(urls)
        else:
            raise ArgumentError(
                f"load_application() takes an instance or a subclass of tornadopy.application.Application, not "
                f"{application!r}"
            )
        self.application.check_secrets()
        if conf.TRANSLATIONS:
            from tornadopy.i18n import load_translations  # noqa: PLC0415 - most sites have none

            load_translations(conf.TRANSLATIONS_CONF, project_path=conf.path(""))
        return self.application

    def load_httpserver(self, sockets: Sequence[socket.socket] | None = None, **kwargs: Any) -> HTTPServer:
        """Make the HTTP server and bind its sockets.

        Args:
            sockets: Listening sockets; None binds ``--address`` and ``--port``.
            **kwargs: For the HTTP server; ``backlog`` for the sockets.

        Raises:
            ServerError: The application has not been loaded, or the address cannot be bound.
        """
        application = self._need(self.application, "load_application()", "load_httpserver()")
        conf = application.conf
        backlog = kwargs.pop("backlog", BACKLOG)
        self._is_secure = bool(kwargs.get("ssl_options"))
        forwarded = kwargs.pop("xheaders", conf.XHEADERS)
        delegate = _behind_proxies(application) if forwarded else application
        server_class = import_server(conf.HTTP_SERVER)
        try:
            self.httpserver = server_class(delegate, **kwargs)
        except TypeError as error:
            raise ArgumentError(
                f"the HTTP server {server_class.__qualname__} does not take these options: {error}"
            ) from error
        self._sockets = list(sockets) if sockets is not None else self._bind(conf, backlog)
        return self.httpserver

    def server_start(self, sockets: Sequence[socket.socket] | None = None, **kwargs: Any) -> None:
        """Make the HTTP server and serve until a signal asks for the end; see `load_httpserver`."""
        self.load_httpserver(sockets, **kwargs)
        self.start()

    def load_all(
        self,
        application: Application | type[Application] | None = None,
        sockets: Sequence[socket.socket] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take all steps but the last, `start`; the command line is read, if it has not been."""
        if self.conf is None:
            self.parse_command()
        self.load_urls()
        self.load_application(application)
        self.load_httpserver(sockets, **kwargs)

    def start(self) -> None:
        """Serve until SIGTERM or SIGINT asks for the end.

        Raises:
            ServerError: The HTTP server has not been loaded.
        """
        server = self._need(self.httpserver, "load_httpserver()", "start()")
        own_loop = getattr(server, "new_event_loop", None)
        # Cancelled by a second signal, after which nothing is waited for.
        with contextlib.suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=own_loop) as runner:
            runner.run(self._serve_to_the_end())

    async def _serve_to_the_end(self) -> None:
        try:
            await self.serve()
        finally:
            stubborn = [] if self.application is None else self.application.active
            if any(each._task is not None and not each._task.done() for each in stubborn):
                # It swallows its cancellation, and asyncio would wait for it for ever; the log has named it.
                logging.shutdown()
                os._exit(0)

    async def serve(self) -> None:
        """Serve in the running event loop until `stop` is called or a signal asks for the end.

        Raises:
            ServerError: The HTTP server has not been loaded.
        """
        server = self._need(self.httpserver, "load_httpserver()", "serve()")
        application = self._need(self.application, "load_application()", "serve()")
        self._stop = asyncio.Event()
        serving, loop = asyncio.current_task(), asyncio.get_running_loop()
        grace = application.conf.SHUTDOWN_TIMEOUT
        deadline: float | None = None  # one for requests and threads together

        def on_signal() -> None:
            nonlocal deadline
            if self._is_stopping and serving is not None:
                deadline = loop.time()  # whoever asks twice does not want to wait
                serving.cancel()
            self.stop()

        restore = on_signals(on_signal)
        try:
            await application.startup()
            server.add_sockets(self._sockets)
            self._announce(application)
            await self._stop.wait()
            deadline = loop.time() + grace
            await stop_serving(server, application, grace)
        finally:
            if deadline is None:
                deadline = loop.time() + grace
            try:
                await application.shutdown()
            finally:
                try:
                    await _end_calls(max(0.0, deadline - loop.time()))
                finally:
                    restore()
                    configuration.flush()

    def stop(self) -> None:
        """Ask `serve` to end gracefully; callable from the event loop's thread."""
        if self._stop is not None:
            self._stop.set()

    @property
    def _is_stopping(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    @property
    def addresses(self) -> list[Any]:
        """The addresses of the listening sockets."""
        return [each.getsockname() for each in self._sockets]

    def _announce(self, application: Application) -> None:
        if application.settings.get("debug"):
            from tornadopy.server.banner import banner  # noqa: PLC0415 - developers read it

            sys.stdout.write(banner(application, self.addresses, secure=self._is_secure))
            sys.stdout.flush()
        else:
            logging.getLogger("tornadopy.infolog").info("serving on %s", self.addresses)

    def _bind(self, conf: Settings, backlog: int) -> list[socket.socket]:
        family = socket.AF_INET if conf.IPV4_ONLY else socket.AF_UNSPEC
        address, port = options.address, options.port
        if not 0 <= port <= HIGHEST_PORT:  # the C library may take a higher one modulo 65536
            raise ServerError(
                f"cannot listen on {address}:{port}: ports go from 0 to {HIGHEST_PORT}; choose another with --port"
            )
        try:
            return netutil.bind_sockets(port, address or None, family=family, backlog=backlog)
        except (OSError, OverflowError) as error:
            raise ServerError(f"cannot listen on {address}:{port}: {_explain(error)}") from error

    @staticmethod
    def _need(thing: Any, missing: str, step: str) -> Any:
        if thing is None:
            raise ServerError(f"{step} needs {missing} to be called before it")
        return thing


async def _end_calls(grace: float) -> None:
    """End the threads, if there may be any: who has not imported their module has called nothing in them."""
    threads = sys.modules.get("tornadopy.decorators.async_execute")
    if threads is not None:
        await threads.end_calls(grace)


def _is_application_class(thing: object) -> bool:
    return isclass(thing) and issubclass(thing, Application)


def _behind_proxies(application: Application) -> HTTPServerConnectionDelegate:
    from tornadopy.server.proxies import TrustedProxies  # noqa: PLC0415 - by default there are none

    return TrustedProxies(application, application.conf.TRUSTED_PROXIES)


def _explain(error: OSError | OverflowError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "the port is in use; stop the other server, or choose another port with --port"
    if number in {errno.EACCES, errno.EPERM}:
        return "permission denied; ports below 1024 need privileges, choose another with --port"
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"this machine has no such address ({error}); choose another with --address"
    return f"{error}; choose another with --address and --port"


def _report_errors_in_one_line() -> None:
    """Let an error of the user's that nobody catches end the process with one line, not with a traceback.

    A script that takes the steps one by one gets the same messages as `run`; any other error looks as before.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, TornadopyError):
            report_error(error)
        else:
            previous(kind, error, trace)

    hook.tornadopy = True  # type: ignore[attr-defined]  # so that a second server does not wrap it again
    if not getattr(previous, "tornadopy", False):
        sys.excepthook = hook
