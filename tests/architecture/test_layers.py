"""Imports point only right or sideways, in no circle; no module does work when it is imported."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import tornadopy

ROOT = Path(tornadopy.__file__).parent

# From left to right, as in the design: a module imports those of its own layer and of the ones below it in this list.
# An entry stands for the module and all below it; the longest entry that fits decides.
LAYERS: list[tuple[str, list[str]]] = [
    ("the command line", ["management", "testing", "__main__"]),
    ("the server's start", ["webserver", "asgi"]),
    ("the server", ["server.banner", "server.graceful", "server"]),
    ("the application", ["application"]),
    ("from route to handler", ["delegate"]),
    ("handlers", ["handler", "websocket", "sse"]),
    ("a request's way through its handler", ["lifecycle"]),
    (
        "what handlers and applications are made of",
        [
            "mixins",
            "middleware",
            "httpmodule",
            "apps",
            "router",
            "routing",
            "routeindex",
            "errorpages",
            "hosts",
            "databases",
            "server.choice",
            "server.options",
            "server.proxies",
            "server.reload",
        ],
    ),
    ("data and answers", ["sessions", "tokens", "response", "fastjson", "i18n"]),
    ("services", ["cache", "db", "channels", "template", "logger", "signal", "decorators"]),
    ("what everything is built on", ["conf", "context", "dispatch"]),
    ("helpers", ["utils"]),
    ("errors and types", ["exceptions", "exception", "types", "version"]),
]

OPTIONAL = {
    "jinja2",
    "mako",
    "IPython",
    "sqlalchemy",
    "redis",
    "uvloop",
    "alembic",
    "pymemcache",
    "msgpack",
    "orjson",
}
"""Distributions that an extra brings, and uvloop, which some systems do not have; they are imported in a module of
their own, or where they are needed."""

MAX_LINES = 400
LONGER: dict[str, str] = {}
"""Modules that are longer, and why."""


def module_name(path: Path) -> str:
    """Return the name of a module below the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> list[Path]:
    """Return the modules of the package; what is only executed or copied by others is none."""
    return sorted(path for path in ROOT.rglob("*.py") if not {"scaffolding", "environment"} & set(path.parts))


MODULES = {module_name(path): path for path in sources()}
INNER = sorted(name for name in MODULES if name)


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text("utf-8"))


def layer_of(name: str) -> int:
    """Return the number of a module's layer, from the right: 0 imports nobody."""
    fitting = [
        (len(entry), -number)
        for number, (_, entries) in enumerate(LAYERS)
        for entry in entries
        if name == entry or name.startswith(f"{entry}.")
    ]
    assert fitting, f"{name}: no layer; give it one in LAYERS"
    return max(fitting)[1]


def imported(name: str) -> Iterator[tuple[str, bool]]:
    """Yield what a module imports at run time: a dotted name, and whether that happens inside a function."""
    yield from _imported(tree(name), name, inside=False)


def _imported(node: ast.AST, name: str, *, inside: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from _imported(other, name, inside=inside)
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{name}: relative import"
            source = str(child.module)
            for alias in child.names:
                whole = f"{source}.{alias.name}"
                is_module = whole.removeprefix("tornadopy.") in MODULES and whole.startswith("tornadopy.")
                yield (whole if is_module else source), inside
        within = inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from _imported(child, name, inside=within)


def own_imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports at run time, anywhere in it."""
    found = {each for each, _ in imported(name) if each == "tornadopy" or each.startswith("tornadopy.")}
    return {each.removeprefix("tornadopy").removeprefix(".") for each in found}


@pytest.mark.parametrize("name", INNER)
def test_imports_point_right_or_sideways(name: str) -> None:
    wrong = [each for each in own_imports(name) - {""} if layer_of(each) > layer_of(name)]
    assert not wrong, f"{name} imports leftwards: {wrong}"


@pytest.mark.parametrize("name", INNER)
def test_nothing_inside_imports_from_the_package_root(name: str) -> None:
    assert "" not in own_imports(name)


def test_there_is_no_circle() -> None:
    graph = {name: {each for each in own_imports(name) if each in MODULES and each != name} for name in INNER}
    # A module's package is imported before it, and may import it back; that is Python's own order.
    graph = {name: {each for each in needed if not name.startswith(f"{each}.")} for name, needed in graph.items()}
    while graph:
        leaves = {name for name, needed in graph.items() if not needed & graph.keys()}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: needed for name, needed in graph.items() if name not in leaves}


@pytest.mark.parametrize("name", INNER)
def test_optional_libraries_stay_in_modules_of_their_own(name: str) -> None:
    """No module that is needed without the extra imports its library at its top."""
    optional = {each.split(".")[0] for each, inside in imported(name) if not inside} & OPTIONAL
    for other in INNER:
        if optional and name in {each for each, inside in _top_level_own(other) if not inside}:
            brings = {each.split(".")[0] for each in _needed_for(other)} & OPTIONAL
            assert brings or _imports_only_private(other, name), f"{other} imports {name}, which needs {optional}"


def _top_level_own(name: str) -> Iterator[tuple[str, bool]]:
    for each, inside in imported(name):
        if each.startswith("tornadopy."):
            yield each.removeprefix("tornadopy."), inside


def _needed_for(name: str) -> Iterator[str]:
    """Yield what a module imports at its top, and what the packages above it do, which Python imports first."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        package = ".".join(parts[:depth])
        if package in MODULES:
            yield from (each for each, inside in imported(package) if not inside)


def _imports_only_private(other: str, name: str) -> bool:
    return other.rpartition(".")[0] == name.rpartition(".")[0] and name.rpartition(".")[2].startswith("_")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_module_says_its_place(name: str) -> None:
    source = MODULES[name].read_text("utf-8")
    if source.strip():
        assert ast.get_docstring(tree(name)), f"{MODULES[name]} has no docstring"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_are_short(name: str) -> None:
    lines = len(MODULES[name].read_text("utf-8").splitlines())
    assert lines <= MAX_LINES or name in LONGER, f"{name} has {lines} lines; does it hold two things?"


def test_the_exceptions_are_still_needed() -> None:
    for name in LONGER:
        assert len(MODULES[name].read_text("utf-8").splitlines()) > MAX_LINES, f"{name} is short; take it off the list"


# In a fresh interpreter

WATCH = """
import json, os, socket, sys, threading, warnings

warnings.simplefilter("error")
for name in list(os.environ):
    if name.lower().startswith("tornadopy_"):
        del os.environ[name]
os.environ["tornadopy_APP_SETTINGS"] = "a_settings_module_that_nobody_must_read"

import tornado.gen, tornado.httpserver, tornado.ioloop, tornado.iostream, tornado.locale, tornado.log, tornado.options
import tornado.routing, tornado.template, tornado.web, tornado.websocket

def shape():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("tornado", "asyncio", "logging", "http", "json"):
            for attribute, value in list(vars(module).items()):
                found[f"{name}.{attribute}"] = id(value)
                if isinstance(value, type) and value.__module__ == name:
                    found.update({f"{name}.{attribute}.{key}": id(each) for key, each in vars(value).items()
                                  if callable(each) or isinstance(each, (property, staticmethod, classmethod))})
    return found

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")

before_modules = set(sys.modules)
before, options = shape(), set(tornado.options.options._options)
opened, socket.socket.__init__ = socket.socket.__init__, refuse
import importlib
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
socket.socket.__init__ = opened
after = shape()

import logging
from tornadopy.conf import settings

assert threading.active_count() == 1, threading.enumerate()
assert settings._default is None, "the settings were read"
assert not logging.root.handlers, logging.root.handlers
assert set(tornado.options.options._options) == options, "options were defined"
print(json.dumps([key for key in before if after.get(key) != before[key]]))
"""


def python(code: str, *args: str) -> str:
    """Run *code* in a fresh interpreter."""
    ended = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_importing_everything_does_no_work_and_patches_nothing() -> None:
    names = [f"tornadopy.{name}" for name in INNER if name != "__main__"]
    changed = json.loads(python(WATCH, json.dumps(names)))
    assert changed == []


@pytest.mark.parametrize(
    "name", ["conf", "handler", "application", "routing", "webserver", "logger", "signal", "dispatch", "cache"]
)
def test_each_room_can_be_entered_first(name: str) -> None:
    """No module relies on another one having been imported before it."""
    python(f"import tornadopy.{name}")


def test_the_package_itself_costs_nothing() -> None:
    code = "import sys, tornadopy; print([name for name in sys.modules if name.split('.')[0] in {!r}])"
    heavy = ["tornado", "jinja2", "mako", "asyncio", "click", "logging"]
    assert python(code.format(heavy)).strip() == "[]"


def test_the_server_imports_no_template_engine_and_no_command_line() -> None:
    code = (
        "import sys, tornadopy.webserver; print([name for name in ('jinja2', 'mako', 'click') if name in sys.modules])"
    )
    assert python(code).strip() == "[]"
