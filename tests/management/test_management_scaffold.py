"""What ``startproject`` and ``startapp`` write: it runs, passes its tests, is formatted and typed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from management_process import fetch, python, serving, tornadopy

from support.processes import free_port
from tornadopy.exceptions import ArgumentError
from tornadopy.management import scaffold

ONLINE = {"MYSITE_SECRET": "x" * 40, "MYSITE_HOSTS": "localhost, 127.0.0.1"}
LAYOUT = """
.gitignore README.md manage.py pyproject.toml runserver.py httpmodules/__init__.py logs/.gitignore main/__init__.py
main/handlers/__init__.py main/handlers/welcome.py main/models.py main/urls.py middlewares/__init__.py
settings/__init__.py settings/setting.py settings/settings_online.py statics/css/site.css statics/favicon.svg
templates/base.html templates/welcome.html tests/__init__.py tests/test_welcome.py
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new project with a new app; tests copy what they change."""
    folder = tmp_path_factory.mktemp("fresh")
    assert tornadopy("startproject", "mysite", cwd=folder).returncode == 0
    assert files_of(folder / "mysite") == sorted(LAYOUT.split())
    assert tornadopy("startapp", "blog", cwd=folder / "mysite").returncode == 0
    return folder / "mysite"


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return shutil.copytree(fresh, tmp_path / "mysite")


def files_of(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def setting(project: Path, name: str) -> str:
    found = re.search(rf'"?{name}"?\W+"([\w-]+)"', (project / "settings" / "setting.py").read_text())
    assert found is not None
    return found[1]


class TestProject:
    def test_it_serves_its_page(self, project: Path) -> None:
        port = free_port()
        with serving("runserver.py", f"--port={port}", cwd=project, port=port):
            status, _, body = fetch(f"http://127.0.0.1:{port}/")
            assert (status, "mysite is being served" in body, "Debug mode" in body) == (200, True, True)
            for link in re.findall(r'(?:href|src)="(/static/[^"]+)"', body):
                assert fetch(f"http://127.0.0.1:{port}{link}")[0] == 200
            assert fetch(f"http://127.0.0.1:{port}/", Host="elsewhere.example")[0] == 400
        assert '"GET / HTTP/1.1" 200' in (project / "logs" / "access.log").read_text()

    def test_it_serves_its_page_in_production(self, project: Path) -> None:
        port = free_port()
        options = (f"--port={port}", "--settings=settings.settings_online")
        with serving("runserver.py", *options, cwd=project, port=port, env=ONLINE):
            status, _, body = fetch(f"http://127.0.0.1:{port}/")
            assert (status, "Production settings" in body) == (200, True)
            status, _, body = fetch(f"http://127.0.0.1:{port}/absent", Accept="text/html")
            assert status == 404
            assert "settings" not in body

    def test_production_needs_its_variables(self, project: Path) -> None:
        for env, word in (
            ({}, "MYSITE_SECRET is not set"),
            ({"MYSITE_SECRET": "short"}, "MYSITE_SECRET is shorter"),
            ({"MYSITE_SECRET": "x" * 40}, "MYSITE_HOSTS is not set"),
        ):
            ended = tornadopy("check", "--settings=settings.settings_online", cwd=project, env=env)
            assert ended.returncode == 1
            assert ended.stderr.startswith("Error: settings_online: ")
            assert word in ended.stderr
            assert ended.stderr.count("\n") == 1

    def test_production_leaves_nothing_open(self, project: Path) -> None:
        options = ("--deploy", "--fail-level=WARNING", "--settings=settings.settings_online")
        ended = tornadopy("check", *options, cwd=project, env=ONLINE)
        assert (ended.returncode, ended.stdout) == (0, "No problems.\n")

    def test_its_own_tests_pass_by_unittest_and_pytest(self, project: Path) -> None:
        ended = python("-W", "error", "-m", "unittest", cwd=project)
        assert (ended.returncode, "Ran 3 tests" in ended.stderr) == (0, True), ended.stderr
        ended = python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=project)
        assert (ended.returncode, "3 passed" in ended.stdout) == (0, True), ended.stdout

    def test_it_is_formatted_linted_and_typed(self, project: Path) -> None:
        for command in (
            ["ruff", "format", "--check", "--no-cache", "."],
            ["ruff", "check", "--no-cache", "."],
            ["mypy"],
        ):
            ended = python("-m", *command, cwd=project)
            assert ended.returncode == 0, ended.stdout

    def test_its_secrets_are_its_own(self, project: Path, tmp_path: Path) -> None:
        tornadopy("startproject", "another", cwd=tmp_path)
        own = [setting(project, name) for name in ("cookie_secret", "SESSION = {.secret_key", "TOKEN = {.secret_key")]
        assert len(set(own)) == 3
        assert min(map(len, own)) >= 32
        assert setting(tmp_path / "another", "cookie_secret") not in own

    def test_manage_py_is_the_command_line(self, project: Path, tmp_path: Path) -> None:
        ended = python("mysite/manage.py", "routes", cwd=tmp_path)
        assert ended.returncode == 0
        assert "main.handlers.welcome.Welcome" in ended.stdout

    def test_check_finds_nothing(self, project: Path) -> None:
        assert tornadopy("check", cwd=project).stdout == "No problems.\n"


class TestApp:
    def test_it_serves_once_it_is_installed(self, project: Path) -> None:
        module = project / "settings" / "setting.py"
        module.write_text(module.read_text().replace('    "main",\n', '    "main",\n    "blog",\n'))
        port = free_port()
        with serving("manage.py", "runserver", str(port), cwd=project, port=port):
            status, _, body = fetch(f"http://127.0.0.1:{port}/blog/")
        assert status == 200
        assert "<title>blog</title>" in body
        assert 'class="brand"' in body  # it extends the project's page

    def test_it_says_how_to_install_it(self, project: Path) -> None:
        ended = tornadopy("startapp", "news", "apps/news", cwd=project)
        assert ended.returncode == 0
        assert '"apps.news",' in ended.stdout
        assert "INSTALLED_APPS" in ended.stdout
        assert 'Url("apps.news.handlers")' in (project / "apps" / "news" / "urls.py").read_text()
        assert python("-m", "unittest", "apps.news.tests.test_news", cwd=project).returncode == 0

    def test_it_stands_on_its_own_outside_a_project(self, tmp_path: Path) -> None:
        ended = tornadopy("startapp", "lone", cwd=tmp_path)
        assert ended.returncode == 0
        assert "os" not in (tmp_path / "lone" / "tests" / "__init__.py").read_text().split()
        ended = python("-W", "error", "-m", "unittest", cwd=tmp_path, env={"TORNADOPY_DEBUG": "true"})
        assert (ended.returncode, "Ran 1 test" in ended.stderr) == (0, True), ended.stderr
        for command in (["format", "--check", "."], ["check", "."]):
            assert python("-m", "ruff", *command, "--no-cache", cwd=tmp_path).returncode == 0

    def test_it_may_lie_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        ended = tornadopy("startapp", "blog", "../there", cwd=tmp_path / "here")
        assert ended.returncode == 0
        assert '"blog",' in ended.stdout
        assert (tmp_path / "there" / "urls.py").is_file()


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("1st", "letters, digits"),
            ("my-site", "letters, digits"),
            ("möwe", "letters, digits"),
            ("a/b", "letters, digits"),
            ("class", "keyword"),
            ("json", "hide the Python module"),
            ("test", "hide the Python module"),
            ("tornadopy", "hide the Python module"),
            ("sys", "hide the Python module"),
        ],
    )
    @pytest.mark.parametrize("command", ["startproject", "startapp"])
    def test_names(self, tmp_path: Path, command: str, name: str, words: str) -> None:
        ended = tornadopy(command, name, cwd=tmp_path)
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"Error: {name!r} cannot be the name of a")
        assert words in ended.stderr
        assert files_of(tmp_path) == []

    @pytest.mark.parametrize("command", ["startproject", "startapp"])
    def test_a_folder_that_is_not_empty(self, tmp_path: Path, command: str) -> None:
        (tmp_path / "fine").mkdir()
        (tmp_path / "fine" / "precious").write_text("mine")
        ended = tornadopy(command, "fine", cwd=tmp_path)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert "not empty" in ended.stderr
        assert files_of(tmp_path) == ["fine/precious"]

    def test_a_file_in_the_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "fine").write_text("mine")
        assert "not empty" in tornadopy("startproject", "fine", cwd=tmp_path).stderr
        ended = tornadopy("startproject", "other", "fine/below", cwd=tmp_path)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert "cannot write" in ended.stderr
        assert files_of(tmp_path) == ["fine"]

    def test_an_empty_folder_stays_the_same_folder(self, tmp_path: Path) -> None:
        place = tmp_path / "here"
        place.mkdir()
        before = place.stat().st_ino
        ended = tornadopy("startproject", "mysite", ".", cwd=place)
        assert (ended.returncode, place.stat().st_ino) == (0, before)
        assert files_of(place) == sorted(LAYOUT.split())
        assert "cd " not in ended.stdout
        assert [each.name for each in tmp_path.iterdir()] == ["here"]


class TestWriting:
    def test_nothing_is_left_when_it_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(NameError):
            scaffold.write("app", tmp_path / "blog", {"name": "blog"})
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "empty").mkdir()
        original, calls = Path.rename, []

        def failing(path: Path, target: Path) -> Path:
            calls.append(target)
            if len(calls) == 3:
                raise OSError("the disk is full")
            return original(path, target)

        monkeypatch.setattr(Path, "rename", failing)
        values = {"name": "x", "dotted": "x", "folder": "x", "settings_module": None, "with_base": False}
        with pytest.raises(ArgumentError, match=r"cannot write .*the disk is full"):
            scaffold.write("app", tmp_path / "empty", values)
        assert files_of(tmp_path) == []

    def test_files_are_as_the_user_wants_new_files(self, tmp_path: Path) -> None:
        script = "umask 027; exec " + f'"{sys.executable}" -m tornadopy startproject mysite'
        subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, capture_output=True, env=os.environ)
        assert stat.S_IMODE((tmp_path / "mysite").stat().st_mode) == 0o750
        assert stat.S_IMODE((tmp_path / "mysite" / "runserver.py").stat().st_mode) == 0o640
