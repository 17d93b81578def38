"""What the framework takes from the installed apps, and what it says when one is not as it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tornadopy import apps
from tornadopy.exceptions import ConfigError, UrlError

ROUTE = "from tornadopy import Url, route\nfrom tornadopy.handler import WebHandler\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return a function that writes files below a folder of the path."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write_file(name: str, text: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    yield write_file
    own = [name for name in set(sys.modules) - before if name.startswith(("app_", "nested"))]
    for name in own:
        del sys.modules[name]


FORMS = [
    "Url()('/x{0}', WebHandler, name='n')",
    "url('/x{0}', WebHandler, name='n')",
    "('/x{0}', WebHandler, {{}}, 'n')",
]


class TestUrls:
    @pytest.mark.parametrize("first", FORMS)
    @pytest.mark.parametrize("second", FORMS)
    def test_a_name_is_given_once_in_all_apps(self, write: Callable[..., Path], first: str, second: str) -> None:
        """Whatever form the two routes have; the message gives both patterns."""
        imports = ROUTE + "from tornado.web import url\n"
        write("app_one/urls.py", f"{imports}urls = route({first.format(1)})")
        write("app_two/urls.py", f"{imports}urls = [{second.format(2)}]")
        with pytest.raises(UrlError, match=r"^two routes are named 'n': '/x1' and '/x2'; rename one of them, or"):
            apps.load_urls(["app_one", "app_two"])

    def test_they_come_in_the_order_of_the_apps(self, write: Callable[..., Path]) -> None:
        write("app_a/urls.py", ROUTE + "urls = route(Url()('/a', WebHandler), [('/a2', WebHandler)])")
        write("app_b/urls.py", ROUTE + "URLS = [Url()('/b', WebHandler)]")
        write("nested/app_c/urls.py", ROUTE + "urls = (('/c', WebHandler),)")
        found = apps.load_urls(["app_b", "app_a", "nested.app_c"])
        assert [each.pattern for each in found] == ["/b", "/a", "/a2", "/c"]

    def test_urls_wins_over_the_other_spelling(self, write: Callable[..., Path]) -> None:
        write("app_d/urls.py", "urls = []\nURLS = [5]")
        assert apps.load_urls(["app_d"]) == []

    def test_urls_may_be_a_package(self, write: Callable[..., Path]) -> None:
        write("app_e/urls/__init__.py", ROUTE + "urls = [('/e', WebHandler)]")
        assert len(apps.load_urls(["app_e"])) == 1

    @pytest.mark.parametrize(
        ("files", "app", "message"),
        [
            ({}, "app_f", r"^INSTALLED_APPS\[0\]: there is no app 'app_f' on the path; is its folder beside"),
            ({"app_f/__init__.py": ""}, "app_f.inner", r"there is no app 'app_f\.inner' on the path"),
            ({"app_f/__init__.py": ""}, "app_f", r"the app 'app_f' has no urls\.py \(looked beside .*app_f"),
            ({"app_f/handlers.py": ""}, "app_f", r"the app 'app_f' has no urls\.py \(looked beside .*app_f"),
            ({"app_f.py": ""}, "app_f", r"the app 'app_f' has no urls\.py"),
            (
                {"app_f/urls.py": "url = []"},
                "app_f",
                r"app_f/urls\.py defines neither urls nor URLS; write urls = route",
            ),
            ({"app_f/__init__.py": "import no_such"}, "app_f", r"cannot import app_f: ModuleNotFoundError: .*no_such"),
            ({"app_f/__init__.py": "1 / 0", "app_f/urls.py": ""}, "app_f", r"cannot import app_f: ZeroDivisionError"),
            ({"app_f/urls.py": "\nimport no_such"}, "app_f", r"cannot import app_f\.urls: .*urls\.py, line 2"),
            ({"app_f/urls.py": "import app_f.none"}, "app_f", r"cannot import app_f\.urls: .*app_f\.none"),
        ],
    )
    def test_an_app_that_is_not_as_it_should_be(
        self, write: Callable[..., Path], files: dict[str, str], app: str, message: str
    ) -> None:
        for name, text in files.items():
            write(name, text)
        with pytest.raises(ConfigError, match=message):
            apps.load_urls([app])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("urls = 5", r"urls\.py: urls is no list of routes but 5"),
            ("urls = 'app_g.other'", r"urls is no list of routes but 'app_g\.other'"),
            ("urls = [('/x', 5)]", r"urls\.py: \('/x', 5\) is no route"),
            (
                "from tornadopy import include\nurls = include('/x', 'app_g.no.urls')",
                r"include\('/x', 'app_g\.no\.urls'\)",
            ),
        ],
    )
    def test_a_route_that_is_none(self, write: Callable[..., Path], text: str, message: str) -> None:
        write("app_g/urls.py", text)
        with pytest.raises(UrlError, match=message):
            apps.load_urls(["app_g"])


class TestHooks:
    def test_those_of_the_apps_that_have_them(self, write: Callable[..., Path]) -> None:
        write("app_h/hooks.py", "def on_startup(application): return 'h'")
        write("app_i/__init__.py")
        write("app_j/hooks.py", "def on_shutdown(application): return 'j'")
        names = ["app_h", "app_i", "app_j"]
        assert [hook(None) for hook in apps.load_hooks(names, "on_startup")] == ["h"]
        assert [hook(None) for hook in apps.load_hooks(names, "on_shutdown")] == ["j"]

    def test_a_module_that_fails_says_where(self, write: Callable[..., Path]) -> None:
        write("app_k/hooks.py", "\n1 / 0")
        with pytest.raises(ConfigError, match=r"cannot import app_k\.hooks: ZeroDivisionError.*hooks\.py, line 2"):
            apps.load_hooks(["app_k"], "on_startup")


class TestTemplates:
    def test_the_folders_that_are_there_in_the_order_of_the_apps(self, write: Callable[..., Path]) -> None:
        first = write("app_l/templates/a.html").parent
        write("app_l/__init__.py")
        write("app_m/__init__.py")
        second = write("app_n/templates/a.html").parent  # a package without __init__.py
        assert apps.template_folders(["app_n", "app_m", "app_l"]) == [second, first]

    def test_an_app_of_one_file(self, write: Callable[..., Path]) -> None:
        folder = write("templates/a.html").parent
        write("app_o.py")
        assert apps.template_folders(["app_o"]) == [folder]

    def test_a_missing_app(self) -> None:
        with pytest.raises(ConfigError, match=r"INSTALLED_APPS\[0\]: there is no app 'no_such_app'"):
            apps.template_folders(["no_such_app"])
