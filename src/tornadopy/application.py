"""The application: owns configuration, routes and pipeline, from start to stop.

The server hands it each request; it decides which handler class serves it, and makes the handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import Context
from inspect import isawaitable
from typing import Any, cast

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import AnyMatches, DefaultHostMatches, HostMatches, Rule
from tornado.web import OutputTransform, RequestHandler

from tornadopy import apps
from tornadopy.cache.handler import handler_of
from tornadopy.conf import Settings, settings
from tornadopy.conf.security import check_secrets, random_secret
from tornadopy.conf.values import thaw
from tornadopy.context import RequestContext, current_request
from tornadopy.databases import Databases
from tornadopy.delegate import HandlerDelegate, adapt, serve
from tornadopy.exceptions import ConfigError, ServerError, TornadopyError
from tornadopy.handler import ErrorHandler
from tornadopy.hosts import HostFilter
from tornadopy.lifecycle import LifecycleHandler
from tornadopy.lifecycle.errors import status_of
from tornadopy.middleware import pipeline
from tornadopy.response import Encoder
from tornadopy.router import ApplicationRouter, describe_rule
from tornadopy.server.choice import start_server
from tornadopy.template.environment import TemplateEnvironment
from tornadopy.utils.addresses import parse_addresses
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_setting

__all__ = ["Application"]

LifecycleHook = Callable[["Application"], Awaitable[None] | None]
Opener = Callable[[Any], Any]


class Application(tornado.web.Application):
    """A `tornado.web.Application` with settings, middleware and hooks at start and stop.

    Args:
        handlers: Routes: what `Server.load_urls` returns, or anything that Tornado accepts.
        default_host: As Tornado's.
        transforms: As Tornado's.
        middlewares: Middleware classes or their dotted names; None takes ``MIDDLEWARE_CLASSES``, ``()`` none.
        conf: The configuration; None takes the settings in force where the application is built.
        **tornado_settings: Tornado's settings; they win over ``TORNADO_CONF``.

    Attributes:
        conf: The application's own, frozen configuration.
        caches: The caches of that configuration, by alias.
        databases: The start and the end of its databases.
        pipeline: The hooks of its middlewares.
        served_classes: The class that serves what is routed to a handler class.
        whitelist: Whom the decorator ``whitelisted`` lets in.
        internal_addresses: Whom the debug page is shown to; None for everybody.
        active: The handlers that have something left to do once the server's call has returned.
        receiving: The requests whose body is coming in.
        logs_requests: Whether it writes Tornado's line for each request; a middleware may do that in its place.
        json_encoder: What ``JSON_ENCODER`` names; None for the standard library.
        is_behind_proxies: Whether trusted proxies are believed; `TrustedProxies` says so.
        is_stopping: Whether the server is on its way to its end.
        open_session, open_token: What gives a handler its session and its token; their middlewares set them.
        on_startup, on_shutdown: Functions to be called with the application, before it serves and after; sync or
            async. Those of the apps' ``hooks.py`` come first at the start and last at the stop.

    Raises:
        ConfigError: A setting, a middleware or an app is wrong.
        UrlError: A route is wrong.

    .. versionadded:: 2.0
    """

    def __init__(
        self,
        handlers: Iterable[Any] | None = None,
        default_host: str | None = None,
        transforms: list[type[OutputTransform]] | None = None,
        middlewares: Sequence[str | type] | None = None,
        *,
        conf: Settings | None = None,
        **tornado_settings: Any,
    ) -> None:
        self.conf = settings.current() if conf is None else conf
        self.caches = handler_of(self.conf)
        self.caches.build()
        self.databases = Databases(self.conf)
        self.on_startup: list[LifecycleHook] = []
        self.on_shutdown: list[LifecycleHook] = []
        self.active: set[LifecycleHandler] = set()
        self.receiving: set[HandlerDelegate] = set()
        self.pipeline = pipeline.Pipeline()
        self._idle: asyncio.Event | None = None
        self.is_stopping = False
        self.open_session: Opener | None = None
        self.open_token: Opener | None = None
        self._started: list[LifecycleHook] | None = None
        self.served_classes: dict[type[RequestHandler], type[LifecycleHandler]] = {
            tornado.web.ErrorHandler: ErrorHandler
        }
        self.whitelist = parse_addresses(self.conf.WHITELIST, source="WHITELIST")
        # The server uses these; a mistake is to show here, whichever server it will be.
        parse_addresses(self.conf.TRUSTED_PROXIES, source="TRUSTED_PROXIES")
        internal = self.conf.INTERNAL_IPS
        self.internal_addresses = parse_addresses(internal, source="INTERNAL_IPS") if internal else None
        self._hosts = None if "*" in self.conf.ALLOWED_HOSTS else HostFilter(self.conf.ALLOWED_HOSTS)
        self.json_encoder = _json_encoder(self.conf.JSON_ENCODER)
        self.is_behind_proxies = False
        values = self._tornado_settings(tornado_settings)
        folders = apps.template_folders(self.conf.INSTALLED_APPS)
        self.templates = TemplateEnvironment(self.conf, folders, values)
        # NOTE: Tornado starts its reloader here, which wants a running loop; ours starts with the application.
        self._reloads = bool(values.pop("autoreload", values.get("debug")))
        super().__init__(None, default_host, transforms, autoreload=False, **values)
        self.forgets_files = not (
            self.settings.get("compiled_template_cache", True) and self.settings.get("static_hash_cache", True)
        )
        self.settings["autoreload"] = self._reloads
        self._build_routes(handlers)
        declared = self.conf.MIDDLEWARE_CLASSES if middlewares is None else middlewares
        created = pipeline.create(declared)
        pipeline.initialize(created, self)
        self.pipeline = pipeline.Pipeline(created)
        self._looks_before = bool(self.pipeline.call) or self._hosts is not None or self.forgets_files
        self.logs_requests = not any(getattr(each, "replaces_request_log", False) for each in created)

    def _tornado_settings(self, own: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {"debug": self.conf.DEBUG, **thaw(self.conf.TORNADO_CONF), **own}
        for name in ("template_path", "static_path"):
            if values.get(name):
                values[name] = str(self.conf.path(values[name]))
        for name in ("default_handler_class", "static_handler_class"):
            if values.get(name) is not None:
                values[name] = _handler_class(f"TORNADO_CONF[{name!r}]", values[name])
        if values["debug"] and not values.get("cookie_secret"):
            values["cookie_secret"] = random_secret()
            logging.getLogger("tornadopy.tracelog").warning(
                "TORNADO_CONF['cookie_secret'] is not set: a random one is used until the next start, "
                "and signed cookies from before it are void"
            )
        return values

    def _build_routes(self, handlers: Iterable[Any] | None) -> None:
        static_rules = self.wildcard_router.rules
        self._page_router = ApplicationRouter(self, [*static_rules, *(handlers or ())])
        self.wildcard_router = self._page_router
        self.default_router = ApplicationRouter(self, [Rule(AnyMatches(), self.wildcard_router)])
        default = self.settings.get("default_handler_class")
        if default is not None:
            self.serve_class(default)

    # Routing

    @property
    def route_names(self) -> frozenset[str]:
        """The names of all routes."""
        router = cast("ApplicationRouter", self.default_router)
        return frozenset(rule.name for rule in router.walk() if rule.name)

    def describe_routes(self) -> list[tuple[str, str, str]]:
        """Return pattern, name and handler of each route, in the order in which they are tried."""
        router = cast("ApplicationRouter", self.default_router)
        return [describe_rule(rule) for rule in router.walk() if not isinstance(rule.target, ApplicationRouter)]

    def add_handlers(self, host_pattern: str, host_handlers: Any) -> None:
        """Append routes for the hosts that match *host_pattern*, as in Tornado."""
        matcher = HostMatches(host_pattern)
        self.default_router.rules.insert(-1, Rule(matcher, ApplicationRouter(self, host_handlers)))
        self._looks_before = True
        if self.default_host is not None:
            self.wildcard_router.add_rules([(DefaultHostMatches(self, matcher.host_pattern), host_handlers)])

    def serve_class(self, handler_class: type[RequestHandler]) -> type[LifecycleHandler]:
        """Return the class that serves what is routed to *handler_class*: itself if it is ours, else a subclass."""
        served = self.served_classes.get(handler_class)
        if served is None:
            served = self.served_classes[handler_class] = adapt(handler_class)
        return served

    def find_handler(self, request: HTTPServerRequest, **_kwargs: Any) -> HandlerDelegate:
        """Return the delegate that serves *request*, after the ``call`` hooks have seen it."""
        if self.is_stopping and _is_cut_off(request):
            return cast("HandlerDelegate", HTTPMessageDelegate())
        context = RequestContext(self, request)
        return context.run(self._find_handler, context, request)

    def serve(self, request: HTTPServerRequest, variables: Context) -> HTTPMessageDelegate | None:
        """Serve *request*, whose body has come whole; what our own server calls in the place of `start_request`.

        Args:
            request: The request.
            variables: The context variables that this is called in, and that are the request's own.

        Returns:
            None if the request is served; else the delegate that has to be fed with it.

        .. versionadded:: 2.0
        """
        if self.is_stopping and _is_cut_off(request):
            return HTTPMessageDelegate()
        context = RequestContext(self, request, variables)
        # PERF: no delegate where nothing but the path decides about the handler (benchmarks/handlers.py).
        found = None
        if not self._looks_before and not self.is_behind_proxies:
            found = self._page_router.resolve(request.path)
        if found is None:
            delegate = self._find_handler(context, request)
            if type(delegate) is not HandlerDelegate or not delegate.takes_whole:
                return delegate
            delegate.serve()
            return None
        (handler_class, handler_kwargs, context.route_name), args, kwargs = found
        serve(self, context, handler_class, handler_kwargs, args, kwargs)
        return None

    def _find_handler(self, context: RequestContext, request: HTTPServerRequest) -> HandlerDelegate:
        try:
            if self.is_behind_proxies:
                from tornadopy.server.proxies import trusted_request_id  # noqa: PLC0415 - by default there are none

                context.request_id_if_known = trusted_request_id(request)
            if self._hosts is not None:
                self._hosts.check(request)
            if self.pipeline.call:
                pipeline.run_synchronous(self.pipeline.call, context, request)
            # PERF: without routes for single hosts, nothing is to be asked before the routes for all.
            router = self.wildcard_router if len(self.default_router.rules) == 1 else self.default_router
            route: Any = router.find_handler(request)
            return self._delegate_unmatched(request) if route is None else route
        except Exception as error:
            context.failure = error
            return self.get_handler_delegate(request, ErrorHandler, {"status_code": status_of(error)})

    def _delegate_unmatched(self, request: HTTPServerRequest) -> HandlerDelegate:
        handler_class = self.settings.get("default_handler_class")
        if handler_class is not None:
            return self.get_handler_delegate(request, handler_class, self.settings.get("default_handler_args", {}))
        return self.get_handler_delegate(request, ErrorHandler, {"status_code": 404})

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        path_args: list[bytes] | None = None,
        path_kwargs: dict[str, bytes] | None = None,
    ) -> HandlerDelegate:
        """Return the delegate that serves *request* by *target_class*; see Tornado's."""
        context = current_request.get()
        if context is None or context.request is not request:
            context = RequestContext(self, request)
        served = self.served_classes.get(target_class) or self.serve_class(target_class)
        return HandlerDelegate(self, context, served, target_kwargs, path_args, path_kwargs)

    # A request's end

    def request_ended(self, handler: LifecycleHandler) -> None:
        """Take note that *handler* has nothing more to do, and its response is on its way."""
        self.active.discard(handler)
        if self._idle is not None:
            self.look_for_idleness()

    @property
    def is_idle(self) -> bool:
        """Whether no request is running or coming in."""
        return not self.active and not self.receiving

    def look_for_idleness(self) -> None:
        """Tell whoever waits for it that nothing is running any more, if that is so."""
        if self._idle is not None and self.is_idle:
            self._idle.set()

    async def wait_until_idle(self) -> None:
        """Return when no request is running or coming in."""
        self._idle = asyncio.Event()
        if not self.is_idle:
            await self._idle.wait()

    def log_request(self, handler: RequestHandler) -> None:
        """Write a finished request to the log, unless a middleware does so."""
        if not self.logs_requests:
            return
        log_function = self.settings.get("log_function")  # PERF: without another call (benchmarks/handlers.py)
        if log_function is None:
            super().log_request(handler)
        else:
            log_function(handler)

    # From start to stop

    def check_secrets(self, *, missing: bool = True) -> None:
        """Refuse secrets that are known or, if *missing*, not there, unless in debug.

        Raises:
            ConfigError: A secret in use is missing, or one is too short or printed in a manual.
        """
        check_secrets(self.conf, self.settings, self.pipeline.middlewares, missing=missing)

    async def startup(self) -> None:
        """Check and ping the databases; run the start-up hooks: those of the apps in their order, then `on_startup`.

        If one fails, the shut-down hooks run.

        Raises:
            ConfigError: A database refuses us.
            ServerError: A hook failed.
        """
        if self._started is not None:
            return
        hooks = [*apps.load_hooks(self.conf.INSTALLED_APPS, "on_startup"), *self.on_startup]
        self._started = [*apps.load_hooks(self.conf.INSTALLED_APPS, "on_shutdown"), *self.on_shutdown]
        try:
            await self.databases.start()
            for hook in hooks:
                await _start(hook, self)
        except BaseException:
            await self.shutdown()
            raise
        self.caches.start_pings()
        if self._reloads:
            from tornadopy.server import reload  # noqa: PLC0415 - a site in production starts without it

            reload.start()

    async def shutdown(self) -> None:
        """Run the shut-down hooks in reverse order, each of them even if another fails; close caches and databases."""
        started, self._started = self._started, None
        if started is None:
            return
        for hook in reversed([*started, *(each for each in self.on_shutdown if each not in started)]):
            try:
                await _call(hook, self)
            except Exception:
                logging.getLogger("tornado.application").exception("Error in the shut-down hook %r", hook)
        await self.caches.aclose()
        await self.databases.aclose()

    def listen(self, port: int, address: str | None = None, **kwargs: Any) -> HTTPServer:
        """Start the HTTP server that ``HTTP_SERVER`` names for this application; the arguments are those of Tornado's.

        `tornadopy.Server` does more: start-up hooks, trusted proxies, graceful stop, logs.

        Raises:
            ConfigError: ``HTTP_SERVER`` names no server; a secret is too short or printed in a manual. One that is
                missing is an error where it is used, as in Tornado.
        """
        self.check_secrets(missing=False)
        return start_server(self.conf.HTTP_SERVER, self, port, address, **kwargs)


def _is_cut_off(request: HTTPServerRequest) -> bool:
    # NOTE: Tornado goes on to a pipelined request although it has closed the connection after the one before.
    stream = getattr(request.connection, "stream", None)
    return stream is not None and bool(stream.closed())


def _handler_class(path: str, value: object) -> type[RequestHandler]:
    found = import_setting(path, value) if isinstance(value, str) else value
    if not (isinstance(found, type) and issubclass(found, RequestHandler)):
        raise ConfigError(f"{path}: {value!r} is no handler class; name one that inherits RequestHandler")
    return found


def _json_encoder(dotted: str | None) -> Encoder | None:
    if dotted is None:
        return None
    encoder = import_setting("JSON_ENCODER", dotted)
    if not callable(encoder):
        raise ConfigError(
            f"JSON_ENCODER: {dotted!r} is no function; name one that returns a value as JSON, such as "
            "tornadopy.fastjson.encode"
        )
    return cast("Encoder", encoder)


async def _start(hook: LifecycleHook, application: Application) -> None:
    try:
        await _call(hook, application)
    except TornadopyError:
        raise
    except Exception as exc:
        name = f"{getattr(hook, '__module__', '')}.{getattr(hook, '__qualname__', hook)}"
        raise ServerError(f"the start-up hook {name} failed: {describe_error(exc)}") from exc


async def _call(hook: LifecycleHook, application: Application) -> None:
    result = hook(application)
    if isawaitable(result):
        await result
