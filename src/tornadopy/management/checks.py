"""What ``tornadopy check`` looks at: problems of a project, each with its mend.

Nothing here serves, or writes into the project. What concerns production alone is in
`tornadopy.management.deployment`.
"""

from __future__ import annotations

import importlib
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from tornadopy.application import Application
from tornadopy.apps import load_urls
from tornadopy.conf import Settings
from tornadopy.conf.defaults import Defaults
from tornadopy.conf.schema import setting_types
from tornadopy.conf.security import find_missing, find_weak
from tornadopy.conf.values import freeze
from tornadopy.databases import Databases
from tornadopy.exceptions import MissingExtraError, TornadopyError
from tornadopy.i18n import load_translations
from tornadopy.logger import configuration
from tornadopy.management.patterns import matches
from tornadopy.template.environment import TemplateEnvironment
from tornadopy.utils.suggest import nearest
from tornadopy.webserver import Server

RENAMED_OPTIONS = {"gzip": "compress_response"}
MISSPELLED = 0.8
"""How alike two names are, of 1.0, before one is taken for a misspelling of the other."""

_WARNING_LOGGERS = ("tornadopy", "tornadopy.tracelog", "tornadopy.infolog", "tornado", "tornado.application")
_PLAIN_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong (``E``) or looks so (``W``), in one line with its mend."""

    level: Literal["E", "W"]
    text: str

    def __str__(self) -> str:
        return f"{self.level} {' '.join(self.text.split())}"


def find_problems(conf: Settings) -> tuple[list[Problem], Application | None]:
    """Return the problems of the project with the settings *conf*, and its application, if it could be made."""
    problems: list[Problem] = []
    application = None
    with _collecting_errors(problems):
        _check_logging(conf)
    with _collecting_warnings(problems):
        with _collecting_errors(problems):
            if conf.TRANSLATIONS:
                load_translations(conf.TRANSLATIONS_CONF, project_path=conf.PROJECT_PATH)
        with _collecting_errors(problems):
            application = _build(conf, problems)
    problems += [Problem("W", text) for text in _suspicious_settings(conf)]
    with _collecting_errors(problems):
        problems += [Problem("W", text) for text in _database_notes(conf)]
    if application is not None:
        problems += [Problem("E", text) for text in _secret_problems(conf, application)]
        problems += [Problem("W", text) for text in _idle_route_modules(conf, application)]
    return problems, application


def _build(conf: Settings, problems: list[Problem]) -> Application:
    try:
        routes = load_urls(conf.INSTALLED_APPS)
    except TornadopyError:
        with _collecting_errors(problems):
            TemplateEnvironment(conf)
        raise
    application = Application(routes, conf=conf)
    server = Server()
    server.application = application
    server.load_httpserver(sockets=[])
    return application


def _check_logging(conf: Settings) -> None:
    """Set the logs up as the server would, but in a folder that is thrown away."""
    entries = [
        {**entry, "filename": Path(entry["filename"]).name} if entry.get("filename") else dict(entry)
        for entry in conf.LOGGING
    ]
    with tempfile.TemporaryDirectory() as folder:
        configuration.configure(entries, directory=Path(folder))
        configuration.shutdown()


@contextmanager
def _collecting_errors(problems: list[Problem]) -> Iterator[None]:
    try:
        yield
    except TornadopyError as error:
        problems.append(Problem("E", str(error)))


@contextmanager
def _collecting_warnings(problems: list[Problem]) -> Iterator[None]:
    """Make problems of what is logged as a warning meanwhile, in place of log lines."""
    handler = _Collector(problems)
    loggers = [logging.getLogger(name) for name in _WARNING_LOGGERS]
    propagating = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, propagating, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate


class _Collector(logging.Handler):
    """Makes a problem of each log record."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(logging.WARNING)
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        self._problems.append(Problem("W", record.getMessage()))


def _suspicious_settings(conf: Settings) -> Iterator[str]:
    known = setting_types()
    for name in conf:
        guess = None if name in known else nearest(name, known)
        if guess and SequenceMatcher(None, name, guess).ratio() >= MISSPELLED:
            yield f"{name}: tornadopy knows no such setting; if {guess} is meant, rename it"
    for old, new in RENAMED_OPTIONS.items():
        if old in conf.TORNADO_CONF:
            yield f"TORNADO_CONF[{old!r}]: Tornado does not know this option any more; rename it to {new!r}"
    if conf.SESSION.samesite == "None" and conf.SESSION.secure is False:
        yield "SESSION.samesite is 'None' and SESSION.secure is off: browsers drop such a cookie; set secure to True"
    if "debug" in conf.TORNADO_CONF and bool(conf.TORNADO_CONF["debug"]) != conf.DEBUG:
        yield "TORNADO_CONF['debug'] contradicts DEBUG; remove it, and set DEBUG alone"


def _database_notes(conf: Settings) -> list[str]:
    """Return what the settings of the databases ask for and do not get.

    Raises:
        ConfigError: They cannot be understood, or a model names a connection that is not there.
    """
    try:
        configuration = importlib.import_module("tornadopy.db.configuration")
        nodes = [node for named in configuration.read_connections(conf).values() for node in named]
    except MissingExtraError as exc:  # no error as long as nobody uses it, and an error where somebody does
        return [] if freeze(Defaults.DATABASE_CONNECTION) == conf.DATABASE_CONNECTION else [str(exc)]
    connections = Databases(conf).connections
    if connections is not None:
        importlib.import_module("tornadopy.db.startup").check_models(connections, conf.INSTALLED_APPS)
    return list(dict.fromkeys(note for node in nodes for note in node.notes))


def _secret_problems(conf: Settings, application: Application) -> Iterator[str]:
    if not conf.DEBUG:
        yield from find_missing(conf, application.settings, application.pipeline.middlewares)
        yield from find_weak(conf, application.settings)


def _idle_route_modules(conf: Settings, application: Application) -> Iterator[str]:
    names = application.route_names
    patterns = [pattern for pattern, _name, _handler in application.describe_routes()]
    for key in conf.ROUTE_MODULES:
        if key in names:
            continue
        with suppress(re.error):  # an error that the application has reported
            found = any(matches(key, pattern) is not False for pattern in patterns)
            if _PLAIN_NAME.fullmatch(key):
                found = any(key in pattern for pattern in patterns)
            if not found:
                yield (
                    f"ROUTE_MODULES[{key!r}]: no route has this name, and the expression matches no route's path; "
                    "correct the key, or remove it ('tornadopy routes' lists names and patterns)"
                )
