"""What a user can do wrong: one line that names it, status 1, and a traceback only if it is asked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from management_process import fetch, make_project, python, serving, tornadopy

from support.processes import free_port

NO_JINJA2 = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
"""

ONE_ROUTE = "from tornadopy import Url, route\nurls = route(Url('site_app')({}))\n"

# What is wrong: files over the project's, settings after its own, the environment; and what the line says.
CASES = {
    "settings module missing": (
        {}, "", {"TORNADOPY_APP_SETTINGS": "settings.absent"},
        ["settings.absent", "not found", "--settings"],
    ),
    "settings module with a syntax error": (
        {"settings/setting.py": "DEBUG = = True\n"}, "", {},
        ["settings.setting", "SyntaxError", "setting.py", "line 1"],
    ),
    "settings module that fails": (
        {"settings/setting.py": "import no_such_library\n"}, "", {},
        ["settings.setting", "no_such_library"],
    ),
    "unknown key in a group": (
        {}, "SESSION = {'expire': 3}", {},
        ["SESSION", "'expire'", "did you mean 'expires'"],
    ),
    "wrong type": ({}, "SESSION = {'expires': 'soon'}", {}, ["SESSION.expires", "whole number", "'soon'"]),
    "unknown environment override": ({}, "", {"TORNADOPY_DEBUGG": "1"}, ["TORNADOPY_DEBUGG", "TORNADOPY_DEBUG"]),
    "missing app": ({}, "INSTALLED_APPS = ['nowhere']", {}, ["INSTALLED_APPS[0]", "'nowhere'"]),
    "app without urls": (
        {"bare/__init__.py": ""}, "INSTALLED_APPS = ['bare']", {},
        ["INSTALLED_APPS[0]", "'bare'", "urls.py"],
    ),
    "handler that does not import": (
        {"site_app/urls.py": ONE_ROUTE.format("r'/', 'handlers.Indx'")},
        "", {},
        ["'/'", "site_app.handlers.Indx", "'Index'"],
    ),
    "duplicate route name": (
        {
            "site_app/urls.py": """
            from tornadopy import Url, route
            u = Url("site_app.handlers")
            urls = route(u(r"/", "Index", name="same"), u(r"/other", "Index", name="same"))
            """
        },
        "", {},
        ["'same'", "'/'", "'/other'", "rename"],
    ),
    "pattern that does not compile": (
        {"site_app/urls.py": ONE_ROUTE.format("r'/(', 'handlers.Index'")},
        "", {},
        ["'/('", "does not compile"],
    ),
    "middleware that is no class": (
        {"site_app/middle.py": "thing = 3\n"}, "MIDDLEWARE_CLASSES = ['site_app.middle.thing']", {},
        ["MIDDLEWARE_CLASSES[0]", "middleware class"],
    ),
    "middleware that does not import": (
        {}, "MIDDLEWARE_CLASSES = ['site_app.absent.Thing']", {},
        ["MIDDLEWARE_CLASSES[0]", "site_app.absent.Thing"],
    ),
    "negated module that is not common": (
        {},
        """
        MIDDLEWARE_CLASSES = ["tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"]
        ROUTE_MODULES = {"index": ["!site_app.modules.Absent"]}
        """,
        {},
        ["ROUTE_MODULES['index'][0]", "'!site_app.modules.Absent'", "COMMON_MODULES"],
    ),
    "template engine that is not installed": (
        {"sitecustomize.py": NO_JINJA2},
        "TEMPLATE_CONFIG = {'template_engine': 'tornadopy.template.jinja2_loader.Jinja2TemplateLoader'}", {},
        ["tornadopy[jinja2]"],
    ),
    "missing secret outside debug": (
        {}, "DEBUG = False\nTORNADO_CONF = {'xsrf_cookies': True}", {},
        ["TORNADO_CONF['cookie_secret']", "missing"],
    ),
    "secret of a manual": (
        {}, "DEBUG = False\nSESSION = {'secret_key': 'fLjUfxqXtfNoIldA0A0J'}", {},
        ["SESSION.secret_key", "printed in a manual"],
    ),
}  # fmt: skip


def assert_one_line(stderr: str, words: list[str]) -> None:
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert stderr.endswith("\n")
    for word in words:
        assert word in stderr


@pytest.mark.parametrize("case", CASES)
def test_runserver_says_in_one_line_what_is_wrong(case: str, tmp_path: Path) -> None:
    files, settings, env, words = CASES[case]
    project = make_project(tmp_path, files, settings=settings)
    ended = tornadopy("runserver", f"--port={free_port()}", cwd=project, env={**env, "PYTHONPATH": str(project)})
    assert ended.returncode == 1
    assert_one_line(ended.stderr, words)


@pytest.mark.parametrize("case", ["settings module missing", "app without urls", "duplicate route name"])
def test_runserver_py_says_the_same(case: str, tmp_path: Path) -> None:
    files, settings, env, words = CASES[case]
    project = make_project(tmp_path, files, settings=settings)
    ended = python("runserver.py", "--port=1", cwd=project, env={"TORNADOPY_APP_SETTINGS": "settings.setting", **env})
    assert ended.returncode == 1
    assert_one_line(ended.stderr, words)


@pytest.mark.parametrize("command", ["routes", "settings", "shell", "check"])
def test_every_command_says_it_for_wrong_settings(command: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, settings="SESSION = {'expire': 3}")
    ended = tornadopy(command, cwd=project)
    assert ended.returncode == 1
    assert_one_line(ended.stderr, ["SESSION", "'expire'"])


@pytest.mark.parametrize("arguments", [("--traceback", "routes"), ("routes", "--traceback")])
def test_traceback_shows_where_the_error_arose(arguments: tuple[str, ...], tmp_path: Path) -> None:
    project = make_project(tmp_path, settings="INSTALLED_APPS = ['nowhere']")
    ended = tornadopy(*arguments, cwd=project)
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert "tornadopy.exceptions.ConfigError: INSTALLED_APPS[0]" in ended.stderr


def test_traceback_of_runserver_py(tmp_path: Path) -> None:
    project = make_project(tmp_path, settings="INSTALLED_APPS = ['nowhere']")
    ended = python("runserver.py", "--settings=settings.setting", "--traceback", cwd=project)
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr


@pytest.mark.parametrize("start", [("-m", "tornadopy", "runserver"), ("runserver.py", "--settings=settings.setting")])
def test_a_port_in_use(start: tuple[str, ...], tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = python(*start, f"--port={port}", cwd=project)
    assert ended.returncode == 1
    assert_one_line(ended.stderr, [f"127.0.0.1:{port}", "in use", "--port"])


@pytest.mark.parametrize("option", ["--no_such_option=1", "--port=many", "--por=1"])
def test_a_wrong_option_of_the_server(option: str, tmp_path: Path) -> None:
    ended = tornadopy("runserver", option, cwd=make_project(tmp_path))
    assert ended.returncode == 1
    assert_one_line(ended.stderr, ["command line", option.partition("=")[0].lstrip("-")])


@pytest.mark.parametrize("words", [("eighty",), ("8000", "8001"), ("--port=8000", "x:y")])
def test_a_place_that_is_none(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = tornadopy("runserver", *words, cwd=make_project(tmp_path))
    assert ended.returncode == 1
    assert_one_line(ended.stderr, ["[ADDRESS:]PORT"])


def test_wrong_usage_has_the_status_of_shells(tmp_path: Path) -> None:
    for arguments in (["no-such-command"], ["settings", "--no-such-option"], ["startproject"]):
        ended = tornadopy(*arguments, cwd=tmp_path)
        assert ended.returncode == 2
        assert "Usage: " in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_log_folder_that_cannot_be_written_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"file": "no folder"}, settings="LOGGING_DIR = 'file/logs'")
    port = free_port()
    with serving("-m", "tornadopy", "runserver", str(port), cwd=project, port=port) as process:
        fetch(f"http://127.0.0.1:{port}/")  # the socket listens before the server is up
        process.terminate()
        output, _ = process.communicate(timeout=20)
    reports = [line for line in output.splitlines() if line.startswith("tornadopy: ")]
    assert len(reports) == 1
    assert os.fspath(project / "file" / "logs") in reports[0]
    assert "LOGGING_DIR" in reports[0]
    assert process.returncode == 0
