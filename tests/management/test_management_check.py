"""``tornadopy check``: problems, a line each, with their mend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from management_process import make_project, tornadopy

HTTP_MODULES = "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"
GOOD_ONLINE = """
DEBUG = False
ALLOWED_HOSTS = ["www.example.com"]
"""


def check(project: Path, *options: str) -> tuple[int, list[str], str]:
    """Return status, lines of standard output, and standard error."""
    ended = tornadopy("check", *options, cwd=project)
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


def test_a_good_project_has_no_problems(tmp_path: Path) -> None:
    assert check(make_project(tmp_path)) == (0, ["No problems."], "")
    assert list((tmp_path).glob("logs*")) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("LOGGING_DIRS = 'x'", ["W LOGGING_DIRS", "LOGGING_DIR is meant"]),
        ("SQLALCHEMY_CONFIGURATION = {'sqlalchemy.encoding': 'utf-8'}", ["W SQLALCHEMY_CONFIGURATION", "remove it"]),
        ("TORNADO_CONF['gzip'] = True", ["W TORNADO_CONF['gzip']", "compress_response"]),
        ("TORNADO_CONF['debug'] = False", ["W TORNADO_CONF['debug']", "DEBUG"]),
        ("del TORNADO_CONF['cookie_secret']", ["W TORNADO_CONF['cookie_secret']", "random"]),
    ],
)
def test_warnings_leave_the_status_0(tmp_path: Path, settings: str, words: list[str]) -> None:
    status, lines, errors = check(make_project(tmp_path, settings=settings))
    assert (status, errors) == (0, "")
    assert len(lines) == 2
    for word in words:
        assert word in lines[0]
    assert lines[1] == "No errors. 0 errors, 1 warning"


def test_names_of_the_users_own_are_no_problem(tmp_path: Path) -> None:
    project = make_project(tmp_path, settings="MAIL_SERVER = 'x'\nPAGE_SIZE = 3\n")
    assert check(project) == (0, ["No problems."], "")


@pytest.mark.parametrize(
    ("key", "idle"),
    [
        ("index", False),
        ("^/$", False),
        ("^/us", True),
        ("indexx", True),
        ("/", False),
        ("elsewhere", True),
        ("^/nowhere/.*$", True),
    ],
)
def test_keys_of_route_modules_that_nothing_meets(tmp_path: Path, key: str, idle: bool) -> None:
    settings = f"""
    MIDDLEWARE_CLASSES = ["tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"]
    ROUTE_MODULES = {{{key!r}: []}}
    """
    _, lines, _ = check(make_project(tmp_path, settings=settings))
    assert any(f"W ROUTE_MODULES['{key}']: no route has this name, and" in line for line in lines) is idle


@pytest.mark.usefixtures("no_server_variable")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("INSTALLED_APPS = ['nowhere']", ["INSTALLED_APPS[0]"]),
        ("MIDDLEWARE_CLASSES = ['a.b']", ["MIDDLEWARE_CLASSES[0]"]),
        (f"ROUTE_MODULES = {{'(': []}}\nMIDDLEWARE_CLASSES = ['{HTTP_MODULES}']", ["ROUTE_MODULES['(']"]),
        ("TEMPLATE_CONFIG = {'template_engine': 'a.b'}", ["TEMPLATE_CONFIG['template_engine']"]),
        ("HTTP_SERVER = 'a.b'", ["HTTP_SERVER"]),
        ("LOGGING = [{'name': 'x', 'formatter': 'a.b', 'filename': 'x.log'}]", ["LOGGING[0].formatter"]),
        ("TRANSLATIONS = True", ["TRANSLATIONS_CONF['translations_dir']"]),
        ("DEBUG = False\ndel TORNADO_CONF['cookie_secret']", ["TORNADO_CONF['cookie_secret'] is missing"]),
        ("DEBUG = False\nTOKEN = {'secret_key': 'short'}", ["TOKEN.secret_key is shorter"]),
    ],
)  # fmt: skip
def test_errors(tmp_path: Path, settings: str, words: list[str]) -> None:
    status, lines, errors = check(make_project(tmp_path, settings=settings))
    assert status == 1
    assert [line[:2] for line in lines] == ["E "]
    for word in words:
        assert word in lines[0]
    assert errors == "Error: check found 1 error, 0 warnings; see the lines above\n"


def test_problems_are_found_together(tmp_path: Path) -> None:
    settings = """
    INSTALLED_APPS = ["nowhere"]
    TRANSLATIONS = True
    TEMPLATE_CONFIG = {"template_engine": "a.b"}
    ALLOWED_HOST = ["x"]
    """
    status, lines, errors = check(make_project(tmp_path, settings=settings))
    assert status == 1
    assert [line[0] for line in lines] == ["E", "E", "E", "W"]
    assert "3 errors, 1 warning" in errors


class TestDeploy:
    def test_nothing_is_open(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, settings=GOOD_ONLINE)
        assert check(project, "--deploy", "--fail-level=WARNING") == (0, ["No problems."], "")

    @pytest.mark.parametrize(
        ("settings", "word"),
        [
            ("DEBUG = True", "DEBUG is on"),
            ("ALLOWED_HOSTS = ['*']", "ALLOWED_HOSTS"),
            ("XHEADERS = True", "TRUSTED_PROXIES"),
            ("XHEADERS = True\nTRUSTED_PROXIES = ['0.0.0.0/0']", "trusts everybody"),
            ("TORNADO_CONF['xsrf_cookies'] = False", "xsrf_cookies"),
            ("TORNADO_CONF['cross_origin_protection'] = False", "cross_origin_protection"),
            ("TORNADO_CONF['serve_traceback'] = True", "serve_traceback"),
            ("TORNADO_CONF['autoreload'] = True", "autoreload"),
            ("TEMPLATE_CONFIG = {'autoescape': False}", "autoescape"),
            ("LOGGING_DIR = 'runserver.py/logs'", "LOGGING_DIR"),
        ],
    )
    def test_an_open_door(self, tmp_path: Path, settings: str, word: str) -> None:
        project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\n{settings}")
        status, lines, _ = check(project, "--deploy")
        assert status == 0
        assert len(lines) == 2
        assert re.match(rf"W .*{word}", lines[0])
        assert check(project, "--deploy", "--fail-level", "warning")[0] == 1

    def test_weak_secrets_are_named_in_debug_too(self, tmp_path: Path) -> None:
        settings = "del TORNADO_CONF['cookie_secret']\nSESSION = {'secret_key': 'short'}"
        _, lines, _ = check(make_project(tmp_path, settings=settings), "--deploy")
        assert any("cookie_secret'] is missing" in line for line in lines)
        assert any("SESSION.secret_key is shorter" in line for line in lines)

    def test_it_goes_on_after_errors(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, settings="INSTALLED_APPS = ['nowhere']")
        status, lines, _ = check(project, "--deploy")
        assert status == 1
        assert any("DEBUG is on" in line for line in lines)
