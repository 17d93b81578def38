"""The commands that look into a project, and those that an app adds."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from management_process import fetch, make_project, python, serving, tornadopy, write_files

import tornadopy as package
from support.processes import free_port

MODULES = """
from tornadopy.httpmodule import BaseHttpModule

class Common(BaseHttpModule):
    def begin_request(self, handler, clear): ...

class Own(BaseHttpModule):
    def begin_response(self, handler, clear, chunk): ...
"""
MIDDLE = """
class First:
    def process_request(self, handler, clear): ...
    def process_endcall(self, handler, clear): ...

class Second:
    def process_request(self, handler, clear): ...
    def process_endcall(self, handler, clear): ...
"""
ROUTES = """
from tornadopy import Url, route

u = Url("site_app.handlers")
urls = route(
    u(name="index", pattern=r"/", handler="Index"),
    u(name="user", pattern=r"/user/(\\d+)", handler="Index"),
    u(pattern=r"/any/(.*)", handler="Index"),
)
"""
ROUTE_SETTINGS = """
MIDDLEWARE_CLASSES = [
    "site_app.middle.First", "site_app.middle.Second", "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware",
]
COMMON_MODULES = ["site_app.modules.Common"]
ROUTE_MODULES = {
    "index": ["site_app.modules.Own"], "^/user/": ["!all"], "any": ["site_app.modules.Own", "!all"],
}
"""


def run(*arguments: str, cwd: Path, stdin: str = "", **env: str) -> str:
    ended = tornadopy(*arguments, cwd=cwd, stdin=stdin, env=env)
    assert ended.stderr == ""
    assert ended.returncode == 0
    return ended.stdout


class TestRoutes:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        files = {"site_app/modules.py": MODULES, "site_app/middle.py": MIDDLE, "site_app/urls.py": ROUTES}
        return make_project(tmp_path, files, settings=ROUTE_SETTINGS)

    def test_the_table(self, project: Path) -> None:
        lines = run("routes", cwd=project).splitlines()
        assert lines[0].split() == ["PATTERN", "NAME", "HANDLER", "HTTP", "MODULES"]
        assert re.fullmatch(r"/ +index +site_app\.handlers\.Index +Common, Own", lines[1])
        assert re.fullmatch(r"/user/\(\\d\+\) +user +site_app\.handlers\.Index +may: Own !Common \(any\)", lines[2])
        assert re.fullmatch(r"/any/\(\.\*\) +site_app\.handlers\.Index +Common, may: Own !Common \(any\)", lines[3])

    def test_the_pipeline_in_the_order_of_a_request(self, project: Path) -> None:
        output = run("routes", cwd=project)
        assert re.search(r"^request +First → Second → HttpModuleMiddleware$", output, re.MULTILINE)
        assert re.search(r"^endcall +Second → First$", output, re.MULTILINE)
        assert re.search(r"^exception +-$", output, re.MULTILINE)

    def test_json(self, project: Path) -> None:
        found = json.loads(run("routes", "--json", cwd=project))
        assert [route["pattern"] for route in found["routes"]] == ["/", r"/user/(\d+)", "/any/(.*)"]
        assert found["routes"][0]["modules"] == ["site_app.modules.Common", "site_app.modules.Own"]
        assert found["routes"][1]["conditional"] == [
            {"expression": "any", "modules": ["site_app.modules.Own"], "excluded": ["site_app.modules.Common"]}
        ]
        assert found["pipeline"]["endcall"] == ["Second", "First"]

    def test_without_modules(self, tmp_path: Path) -> None:
        assert "site_app.handlers.Index" in run("routes", cwd=make_project(tmp_path))


class TestSettings:
    def test_values_and_origins(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, settings="SESSION = {'expires': 60}")
        output = run("settings", cwd=project, TORNADOPY_XHEADERS="true")
        assert re.search(r"^DEBUG +True +settings\.setting$", output, re.MULTILINE)
        assert re.search(r"^SESSION\.expires +60 +settings\.setting$", output, re.MULTILINE)
        assert re.search(r"^SESSION\.httponly +True +default$", output, re.MULTILINE)
        assert re.search(r"^XHEADERS +True +environment variable TORNADOPY_XHEADERS$", output, re.MULTILINE)

    def test_only_what_is_changed(self, tmp_path: Path) -> None:
        output = run("settings", "--changed", cwd=make_project(tmp_path))
        assert "INSTALLED_APPS" in output
        assert "default" not in output

    def test_secrets_are_masked(self, tmp_path: Path) -> None:
        settings = """
        SESSION = {"secret_key": "session-secret-1234"}
        CACHES = {"default": {"BACKEND": "x.y", "LOCATION": "redis://user:hidden-word@host/0"}}
        """
        project = make_project(tmp_path, settings=settings)
        for arguments in ((), ("--json",), ("CACHES",), ("SESSION.secret_key",), ("TORNADO_CONF.cookie_secret",)):
            output = run("settings", *arguments, cwd=project)
            for secret in ("session-secret-1234", "hidden-word", "a-secret-of-the-tests"):
                assert secret not in output

    def test_one_setting_and_one_group(self, tmp_path: Path) -> None:
        project = make_project(tmp_path)
        assert run("settings", "DEBUG", cwd=project).splitlines()[1].split() == ["DEBUG", "True", "settings.setting"]
        group = json.loads(run("settings", "SESSION", "--json", cwd=project))
        assert group["SESSION.expires"] == {"value": 0, "origin": "default"}

    def test_an_unknown_name(self, tmp_path: Path) -> None:
        ended = tornadopy("settings", "DEBUGG", cwd=make_project(tmp_path))
        assert (ended.returncode, ended.stderr) == (1, "Error: there is no setting 'DEBUGG'; did you mean 'DEBUG'?\n")
        ended = tornadopy("settings", "QQQQ", cwd=tmp_path)
        assert "'tornadopy settings' lists all" in ended.stderr


class TestWhichSettings:
    """--settings, then the environment, then settings/setting.py of the working directory, then the defaults."""

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        files = {"settings/other.py": "NAME = 'other'\n", "settings/third.py": "NAME = 'third'\n"}
        return make_project(tmp_path, files, settings="NAME = 'usual'")

    def test_the_usual_module_is_found(self, project: Path) -> None:
        assert "'usual'" in run("settings", "NAME", cwd=project)

    def test_the_environment_wins_over_the_usual_one(self, project: Path) -> None:
        assert "'other'" in run("settings", "NAME", cwd=project, tornadopy_APP_SETTINGS="settings.other")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--settings=settings.third", "settings", "NAME"),
            ("--settings", "settings.third", "settings", "NAME"),
            ("settings", "--settings=settings.third", "NAME"),
            ("settings", "NAME", "--settings", "settings.third"),
        ],
    )
    def test_the_option_wins_before_and_after_the_command(self, project: Path, arguments: tuple[str, ...]) -> None:
        assert "'third'" in run(*arguments, cwd=project, TORNADOPY_APP_SETTINGS="settings.other")

    def test_outside_a_project_there_are_the_defaults(self, tmp_path: Path) -> None:
        assert re.search(r"^DEBUG +False +default$", run("settings", cwd=tmp_path), re.MULTILINE)


class TestShell:
    MODELS = """
    from collections import OrderedDict

    class Article:
        title = "an article"

    class _Hidden: ...
    """

    def test_code_sees_settings_and_models(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, {"site_app/models.py": self.MODELS})
        source = "print(settings.DEBUG, Article.title, 'OrderedDict' in globals(), '_Hidden' in globals())"
        assert run("shell", "-c", source, cwd=project) == "True an article False False\n"

    def test_a_script_comes_through_a_pipe(self, tmp_path: Path) -> None:
        script = "def double(n):\n    return 2 * n\n\nprint(double(21))\n"
        assert run("shell", cwd=make_project(tmp_path), stdin=script) == "42\n"

    def test_an_error_in_the_code_is_shown_as_python_does(self, tmp_path: Path) -> None:
        ended = tornadopy("shell", "-c", "1 / 0", cwd=make_project(tmp_path))
        assert ended.returncode == 1
        assert "ZeroDivisionError" in ended.stderr

    def test_models_that_fail(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, {"site_app/models.py": "import no_such_library\n"})
        ended = tornadopy("shell", "-c", "0", cwd=project)
        assert ended.returncode == 1
        assert ended.stderr.startswith("Error: cannot import site_app.models")
        assert "no_such_library" in ended.stderr


class TestAppCommands:
    GREET = """
    import click
    from tornadopy import settings

    @click.command()
    @click.argument("who")
    def command(who):
        "Greet somebody."
        click.echo(f"Hello {who} of {', '.join(settings.INSTALLED_APPS)}")
    """
    ONLY = """
    import click

    @click.command()
    def anything():
        click.echo("found by its kind")
    """

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        files = {
            "site_app/commands/__init__.py": "",
            "site_app/commands/greet.py": self.GREET,
            "site_app/commands/only.py": self.ONLY,
            "site_app/commands/_private.py": "",
            "site_app/commands/version.py": self.ONLY,
            "site_app/commands/broken.py": "import no_such_library\n",
            "site_app/commands/empty.py": "",
        }
        return make_project(tmp_path, files)

    def test_a_command_runs_with_the_settings(self, project: Path) -> None:
        assert run("greet", "Ada", cwd=project) == "Hello Ada of site_app\n"
        assert run("only", cwd=project) == "found by its kind\n"

    def test_the_settings_with_its_app_may_be_named_after_it(self, project: Path) -> None:
        (project / "settings" / "setting.py").rename(project / "elsewhere.py")
        assert run("greet", "Ada", "--settings=elsewhere", cwd=project) == "Hello Ada of site_app\n"

    def test_the_help_lists_it(self, project: Path) -> None:
        for name in ("broken", "empty"):
            (project / "site_app" / "commands" / f"{name}.py").unlink()
        output = run("--help", cwd=project)
        assert re.search(r"^ +greet +Greet somebody\.$", output, re.MULTILINE)
        assert "private" not in output
        assert "--traceback" in run("greet", "--help", cwd=project)

    def test_built_in_commands_win(self, project: Path) -> None:
        assert package.__version__ in run("version", cwd=project)

    def test_one_that_cannot_be_imported_does_not_spoil_the_help(self, project: Path) -> None:
        output = run("--help", cwd=project)
        assert "greet" in output
        assert "no_such_library" in output
        env = {"_TORNADOPY_COMPLETE": "bash_complete", "COMP_WORDS": "tornadopy bro", "COMP_CWORD": "1"}
        assert tornadopy(cwd=project, env=env).stdout == "plain,broken\n"

    @pytest.mark.parametrize(("name", "words"), [("broken", "no_such_library"), ("empty", "no commands")])
    def test_one_that_is_none(self, project: Path, name: str, words: str) -> None:
        ended = tornadopy(name, cwd=project)
        assert ended.returncode == 1
        assert ended.stderr.startswith("Error: ")
        assert ended.stderr.count("\n") == 1
        assert words in ended.stderr


class TestHelp:
    def test_every_command_has_its_help(self, tmp_path: Path) -> None:
        listed = re.findall(r"^  (\w+)  ", run("--help", cwd=tmp_path).partition("Commands:")[2], re.MULTILINE)
        assert {"check", "completion", "routes", "runserver", "settings", "shell"} <= set(listed)
        assert {"startapp", "startproject", "version"} <= set(listed)
        for name in listed:
            output = run(name, "--help", cwd=tmp_path)
            assert output.startswith("Usage: ")
            assert "--settings MODULE" in output

    def test_it_says_why_the_commands_of_the_apps_are_missing(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, settings="INSTALLED_APPS = ['nowhere']")
        output = " ".join(run("--help", cwd=project).split())
        assert "commands of the installed apps are not listed: INSTALLED_APPS[0]: there is no app 'nowhere'" in output

    def test_versions(self, tmp_path: Path) -> None:
        assert run("--version", cwd=tmp_path) == f"tornadopy {package.__version__}\n"
        assert [line.split()[0] for line in run("version", cwd=tmp_path).splitlines()] == [
            "tornadopy", "Tornado", "Python",
        ]  # fmt: skip

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, tmp_path: Path, shell: str) -> None:
        assert "_TORNADOPY_COMPLETE" in run("completion", shell, cwd=tmp_path)

    def test_completion_knows_the_commands(self, tmp_path: Path) -> None:
        env = {"_TORNADOPY_COMPLETE": "bash_complete", "COMP_WORDS": "tornadopy sta", "COMP_CWORD": "1"}
        ended = tornadopy(cwd=tmp_path, env=env)
        assert ended.stdout.split() == ["plain,startapp", "plain,startproject"]


class TestRunserver:
    @pytest.mark.parametrize(
        "form", ["{port}", "127.0.0.1:{port}", "--port={port}", "--port {port} --address 127.0.0.1"]
    )
    def test_it_serves_where_it_is_told_to(self, tmp_path: Path, form: str) -> None:
        port = free_port()
        words = form.format(port=port).split()
        with serving("-m", "tornadopy", "runserver", *words, cwd=make_project(tmp_path), port=port):
            assert fetch(f"http://127.0.0.1:{port}/")[::2] == (200, "the index")

    def test_other_options_reach_the_server(self, tmp_path: Path) -> None:
        port = free_port()
        options = (f"--port={port}", "--logging_dir=elsewhere", "--log_port_prefix=true")
        with serving("-m", "tornadopy", "runserver", *options, cwd=make_project(tmp_path), port=port):
            fetch(f"http://127.0.0.1:{port}/")
        assert (tmp_path / "elsewhere" / f"{port}.tornado.log").is_file()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_with_status_0(self, tmp_path: Path, number: signal.Signals) -> None:
        port = free_port()
        with serving("-m", "tornadopy", "runserver", str(port), cwd=make_project(tmp_path), port=port) as process:
            fetch(f"http://127.0.0.1:{port}/")  # the socket listens before the server is up
            process.send_signal(number)
            assert process.wait(20) == 0


def test_the_working_directory_is_on_the_path_of_the_script(tmp_path: Path) -> None:
    """The console script's own folder is first on the path; the project is found all the same."""
    write_files(tmp_path, {"bin/tornadopy": "from tornadopy.management.cli import main\n\nmain()\n"})
    project = make_project(tmp_path / "project")
    ended = python(str(tmp_path / "bin" / "tornadopy"), "routes", cwd=project)
    assert ended.returncode == 0
    assert "site_app.handlers.Index" in ended.stdout


def test_ctrl_c_ends_a_command_with_the_status_of_shells(tmp_path: Path) -> None:
    # Who starts the tests in the background may have it ignored.
    source = "from signal import *; signal(SIGINT, default_int_handler); raise_signal(SIGINT)"
    ended = tornadopy("shell", "-c", source, cwd=make_project(tmp_path))
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
