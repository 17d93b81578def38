"""Every import path that the README of version 1.0 prints, as far as its part of the framework exists."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

NAMES = [
    "tornadopy.settings",
    "tornadopy.run",
    "tornadopy.webserver.run",
    "tornadopy.webserver.Server",
    "tornadopy.application.Application",
    "tornadopy.Url",
    "tornadopy.route",
    "tornadopy.include",
    "tornadopy.handler.WebHandler",
    "tornadopy.handler.ApiHandler",
    "tornadopy.handler.ErrorHandler",
    "tornadopy.logger.syslogger",
    "tornadopy.logger.SysLogger",
    "tornadopy.logger.ProcessLogTimedFileHandler",
    "tornadopy.template.mako_loader.MakoTemplateLoader",
    "tornadopy.template.jinja2_loader.Jinja2TemplateLoader",
    "tornadopy.mixins.flash_message.FlashMessageMixIn",
    "tornadopy.middleware.accesslog.AccessLogMiddleware",
    "tornadopy.middleware.signal.SignalMiddleware",
    "tornadopy.middleware.session.SessionMiddleware",
    "tornadopy.middleware.session.SignalMiddleware",
    "tornadopy.middleware.token.TokenMiddleware",
    "tornadopy.httpmodule.BaseHttpModule",
    "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware",
    "tornadopy.cache.backends.base.BaseCache",
    "tornadopy.cache.backends.localcache.LocMemCache",
    "tornadopy.decorators.async_execute.async_execute",
    "tornadopy.decorators.whitelist.whitelisted",
    "tornadopy.signal.call_started",
    "tornadopy.signal.handler_started",
    "tornadopy.signal.handler_response",
    "tornadopy.signal.call_finished",
    "tornadopy.signal.handler_render",
    "tornadopy.signal.receiver",
    "tornadopy.dispatch.Signal",
    "tornadopy.dispatch.receiver",
    "tornadopy.exception.Http404",
    "tornadopy.exception.HttpBadRequestError",
    "tornadopy.exception.HttpForbiddenError",
    "tornadopy.exception.HttpNotAllowError",
    "tornadopy.exception.Http500",
    "tornadopy.exception.ConfigError",
    "tornadopy.exception.ArgumentError",
    "tornadopy.exception.UrlError",
    "tornadopy.storage",
    "tornadopy.cached_property",
    "tornadopy.lazyimport",
    "tornadopy.safestr",
    "tornadopy.safeunicode",
    "tornadopy.sleep",
    "tornadopy.request_context",
]


def find(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("dotted", NAMES)
def test_it_is_there(dotted: str) -> None:
    assert find(dotted) is not None


@pytest.mark.parametrize("dotted", NAMES)
def test_it_can_be_imported_as_the_readme_does(dotted: str) -> None:
    module, _, name = dotted.rpartition(".")
    namespace: dict[str, Any] = {}
    exec(f"from {module} import {name}", namespace)
    assert namespace[name] is find(dotted)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tornadopy.middleware.session.SignalMiddleware", "tornadopy.middleware.signal.SignalMiddleware"),
        ("tornadopy.exception.Http404", "tornadopy.exceptions.Http404"),
        ("tornadopy.run", "tornadopy.webserver.run"),
        ("tornadopy.signal.receiver", "tornadopy.dispatch.receiver"),
    ],
)
def test_two_names_of_one_thing(one: str, other: str) -> None:
    assert find(one) is find(other)


@pytest.mark.parametrize(
    ("dotted", "parameters"),
    [
        ("tornadopy.Url", ["prefix", "overall_kwargs"]),
        ("tornadopy.Url.__call__", ["self", "pattern", "handler", "kwargs", "name"]),
        ("tornadopy.include", ["pattern", "handlers", "prefix_name"]),
        ("tornadopy.route", ["patterns"]),
        ("tornadopy.webserver.Server.parse_command", ["self", "args"]),
        ("tornadopy.webserver.Server.load_application", ["self", "application"]),
        ("tornadopy.webserver.Server.load_httpserver", ["self", "sockets", "kwargs"]),
        ("tornadopy.webserver.Server.server_start", ["self", "sockets", "kwargs"]),
        ("tornadopy.webserver.Server.load_all", ["self", "application", "sockets", "kwargs"]),
        ("tornadopy.handler.ApiHandler.get_format", ["self", "params_name"]),
        ("tornadopy.handler.ApiHandler.write_api", ["self", "obj", "nofail", "ensure_ascii", "fmt"]),
        ("tornadopy.mixins.flash_message.FlashMessageMixIn.flash", ["self", "message", "category"]),
    ],
)
def test_what_it_takes(dotted: str, parameters: list[str]) -> None:
    owner, _, name = dotted.rpartition(".")
    thing = getattr(find(owner), name) if inspect.isclass(_try(owner)) else find(dotted)
    target = thing.__init__ if inspect.isclass(thing) else thing
    found = list(inspect.signature(target).parameters)
    assert found[1 if inspect.isclass(thing) else 0 :] == parameters


def _try(dotted: str) -> Any:
    try:
        return find(dotted)
    except (ImportError, AttributeError, ValueError):
        return None


def test_the_classes_are_tornados() -> None:
    import tornado.web

    assert issubclass(find("tornadopy.application.Application"), tornado.web.Application)
    for name in ("WebHandler", "ApiHandler", "ErrorHandler"):
        assert issubclass(find(f"tornadopy.handler.{name}"), tornado.web.RequestHandler)
