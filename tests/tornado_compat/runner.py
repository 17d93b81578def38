"""Run one of Tornado's own test modules with tornadopy's classes in the place of Tornado's; print the outcome as JSON.

A process of its own: the names are replaced while the test module is imported, so that its handlers derive from ours
and its applications are ours, while Tornado itself keeps its own. Nothing installed is changed.

    python runner.py tornado.test.web_test --configuration async
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import sys
import tempfile
import time
import types
import unittest
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.template
import tornado.test.util
import tornado.testing
import tornado.web
import tornado.websocket

import tornadopy.application
import tornadopy.handler
import tornadopy.server
import tornadopy.websocket
from tornadopy.conf import settings
from tornadopy.lifecycle import LifecycleHandler
from tornadopy.lifecycle import handler as lifecycle
from tornadopy.template.tornado_loader import TornadoTemplateLoader

APPLICATION: dict[tuple[types.ModuleType, str], type] = {
    (tornado.web, "Application"): tornadopy.application.Application,
}
HANDLERS: dict[tuple[types.ModuleType, str], type] = {
    (tornado.web, "RequestHandler"): tornadopy.handler.WebHandler,
    (tornado.web, "ErrorHandler"): tornadopy.handler.ErrorHandler,
    (tornado.websocket, "WebSocketHandler"): tornadopy.websocket.WebSocketHandler,
}
SERVER: dict[tuple[types.ModuleType, str], type] = {
    (tornado.httpserver, "HTTPServer"): tornadopy.server.HTTPServer,
    (tornado.testing, "HTTPServer"): tornadopy.server.HTTPServer,
    (tornado.web, "HTTPServer"): tornadopy.server.HTTPServer,
}

SYNC = ["compat_middlewares.First", "compat_middlewares.Second", "compat_middlewares.Third"]
ASYNC = ["compat_middlewares.AsyncFirst", "compat_middlewares.AsyncSecond", "compat_middlewares.AsyncThird"]

CONFIGURATIONS: dict[str, tuple[list[str], dict[tuple[types.ModuleType, str], type]]] = {
    "none": ([], APPLICATION | HANDLERS),
    "sync": (SYNC, APPLICATION | HANDLERS),
    "async": (ASYNC, APPLICATION | HANDLERS),
    "plain": (SYNC, APPLICATION),
    "server": ([], SERVER),
    "whole": ([], APPLICATION | HANDLERS | SERVER),
}
"""The middlewares, and what is replaced; in ``plain`` the handlers stay Tornado's, and our application adapts them."""

made: Counter[str] = Counter()
"""How many applications, handlers, servers and template loaders the tests have made, of ours and of Tornado's."""

_folders = contextlib.ExitStack()


class DictLoader(TornadoTemplateLoader):
    """Our loader with the constructor of Tornado's `DictLoader`: the templates are written to files."""

    def __init__(self, templates: dict[str, str], **options: Any) -> None:
        made["template loader of tornadopy"] += 1
        folder = Path(_folders.enter_context(tempfile.TemporaryDirectory()))
        for name, text in templates.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="")
        super().__init__([folder], **options)


class Loader(TornadoTemplateLoader):
    """Our loader with the constructor of Tornado's `Loader`."""

    def __init__(self, root_directory: str, **options: Any) -> None:
        made["template loader of tornadopy"] += 1
        super().__init__([root_directory], **options)


def template(source: str | bytes) -> tornado.template.Template:
    """Return a template as our loader makes it, for tests that compile a string."""
    text = source.decode() if isinstance(source, bytes) else source
    return DictLoader({"string": text}).load("string")


TEMPLATE_NAMES = {"DictLoader": DictLoader, "Loader": Loader, "Template": template}


@contextlib.contextmanager
def swapped(replacements: dict[tuple[types.ModuleType, str], type]) -> Iterator[None]:
    """Put tornadopy's classes into Tornado's modules, for what is imported meanwhile."""
    originals = {(module, name): getattr(module, name) for module, name in replacements}
    for (module, name), ours in replacements.items():
        setattr(module, name, ours)
    try:
        yield
    finally:
        for (module, name), original in originals.items():
            setattr(module, name, original)


def import_swapped(name: str, replacements: dict[tuple[types.ModuleType, str], type]) -> types.ModuleType:
    """Import the test module *name* with our classes in place."""
    if name in sys.modules:
        raise RuntimeError(f"{name} has been imported already, with Tornado's own classes")
    with swapped(replacements):
        module = importlib.import_module(name)
    if getattr(module, "web", None) is tornado.web:  # it looks names up in there while its tests run
        module.web = types.SimpleNamespace(  # type: ignore[attr-defined]
            **vars(tornado.web) | {each: ours for (where, each), ours in replacements.items() if where is tornado.web}
        )
    if name == "tornado.test.template_test":
        vars(module).update(TEMPLATE_NAMES)
    return module


def count_made() -> None:
    """Count every application, handler and server that is made from now on."""
    _count(tornado.web.Application, tornadopy.application.Application, "application")
    _count(LifecycleHandler, LifecycleHandler, "handler")
    _count(tornado.web.RequestHandler, LifecycleHandler, "handler", other="tornado")
    _count(tornado.httpserver.HTTPServer, tornadopy.server.HTTPServer, "server")
    # Our handlers do without Tornado's __init__ as long as it is the one that they know.
    setattr(lifecycle, "_TORNADOS_INIT", tornado.web.RequestHandler.__init__)  # noqa: B010 - mypy


def _count(base: type, ours: type, kind: str, other: str = "") -> None:
    original = vars(base)["__init__"]

    def counting(self: Any, *args: Any, **kwargs: Any) -> None:
        maker = "tornadopy" if isinstance(self, ours) else "tornado"
        if other in {"", maker}:
            made[f"{kind} of {maker}"] += 1
        original(self, *args, **kwargs)

    setattr(base, "__init__", counting)  # noqa: B010 - mypy; it is replaced in this process alone


class Result(unittest.TestResult):
    """Collect what became of each test."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.details: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.outcomes[_id(test)] = "passed"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._note(test, "failed", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, "failed", self.failures[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failed", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "abstract" if reason == tornado.test.util.ABT_SKIP_MESSAGE else "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, "skipped", "an expected failure of Tornado's")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "failed", "unexpected success")

    def _note(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        self.outcomes[_id(test)] = outcome
        self.details[_id(test)] = self.details.get(_id(test), "") + detail


def _id(test: unittest.TestCase) -> str:
    return test.id().removeprefix("tornado.test.")


def run(module_name: str, configuration: str, *, only: str = "") -> dict[str, Any]:
    """Run the tests of *module_name*, and return what became of them."""
    warnings.filterwarnings("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("error", category=DeprecationWarning, module=r"tornado.*")
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)  # as Tornado's own runner does
    stderr = io.StringIO()
    result = Result()
    middlewares, replacements = CONFIGURATIONS[configuration]
    started = time.monotonic()
    # What `Application.listen` starts.
    server = (
        "tornadopy.server.HTTPServer" if SERVER.items() <= replacements.items() else "tornado.httpserver.HTTPServer"
    )
    overriding = settings.override(MIDDLEWARE_CLASSES=middlewares, HTTP_SERVER=server)
    with overriding, _folders, contextlib.redirect_stderr(stderr):
        module = import_swapped(module_name, replacements)
        count_made()
        # Servers are made while the tests run: by each test case, and by Application.listen().
        serving = {each: ours for each, ours in replacements.items() if each in SERVER}
        _folders.enter_context(swapped(serving))
        loader = unittest.TestLoader()
        if only:
            loader.testNamePatterns = [f"*{only}*"]
        loader.loadTestsFromModule(module).run(result)
    return {
        "outcomes": result.outcomes,
        "details": result.details,
        "made": dict(made),
        "stderr": stderr.getvalue(),
        "seconds": round(time.monotonic() - started, 2),
    }


def main() -> None:
    """Read the command line, run, print JSON."""
    parser = argparse.ArgumentParser(description="Run a test module of Tornado's on tornadopy's classes.")
    parser.add_argument("module", help="such as tornado.test.web_test")
    parser.add_argument("--configuration", choices=sorted(CONFIGURATIONS), default="none")
    parser.add_argument("--only", default="", help="run only the tests whose names contain this")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.module, arguments.configuration, only=arguments.only)))


if __name__ == "__main__":
    main()
