"""What the template engines have in common: a page's namespace, options, missing libraries."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from template_dialects import DIALECTS, JINJA2, MAKO, TORNADO, Dialect, page, write
from tornado.web import _UIModuleNamespace

from tornadopy.exceptions import ConfigError


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


class TestNamespace:
    class Handler:
        """As much of a handler as UI modules need."""

        def _ui_module(self, name: str, module: Any) -> Any:
            return module

    def namespace(self, **values: Any) -> dict[str, Any]:
        modules = _UIModuleNamespace(self.Handler(), {"Entry": lambda text, size=1: f"<p{size}>{text}</p>"})  # type: ignore[arg-type]
        return {
            "handler": self,
            "request": "request",
            "current_user": "<user>",
            "locale": None,
            "_": lambda text: {"hello": "你好 <world>"}[text],
            "pgettext": lambda context, text: text,
            "static_url": lambda path: f"/static/{path}?v=1&x",
            "reverse_url": lambda name, *args: f"/{name}/{'/'.join(args)}",
            "xsrf_form_html": lambda: '<input name="_xsrf">',
            "_tt_modules": modules,
            "modules": modules,
            **values,
        }

    def test_html_of_the_framework_is_not_escaped(self, dialect: Dialect, tmp_path: Path) -> None:
        form = dialect.raw("xsrf_form_html()") if dialect is TORNADO else dialect.value("xsrf_form_html()")
        write(tmp_path, index=form + dialect.module("Entry('x', size=3)"))
        assert page(dialect.loader(tmp_path), "index.html", **self.namespace()) == '<input name="_xsrf"><p3>x</p>'

    def test_nor_where_escaping_is_off(self, dialect: Dialect, tmp_path: Path) -> None:
        form = dialect.raw("xsrf_form_html()") if dialect is TORNADO else dialect.value("xsrf_form_html() + '<br>'")
        write(tmp_path, index=form + dialect.module("Entry('x')"))
        text = page(dialect.loader(tmp_path, autoescape=False), "index.html", **self.namespace())
        assert text in {'<input name="_xsrf"><p1>x</p>', '<input name="_xsrf"><br><p1>x</p>'}

    def test_the_other_helpers_work_and_are_escaped(self, dialect: Dialect, tmp_path: Path) -> None:
        calls = ("_('hello')", "static_url('a.css')", "reverse_url('article', 'x')", "current_user", "request")
        write(tmp_path, index=" ".join(map(dialect.value, calls)))
        assert page(dialect.loader(tmp_path), "index.html", **self.namespace()) == (
            "你好 &lt;world&gt; /static/a.css?v=1&amp;x /article/x &lt;user&gt; request"
        )

    def test_an_unknown_module_is_an_error(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.module("Nothing()"))
        with pytest.raises(Exception, match="Nothing"):
            page(dialect.loader(tmp_path), "index.html", **self.namespace())

    def test_a_value_of_the_users_may_be_called_modules(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.value("modules[0]"))
        assert page(dialect.loader(tmp_path), "index.html", **self.namespace(modules=["<x>"])) == "&lt;x&gt;"

    def test_the_callers_namespace_is_left_alone(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        namespace = self.namespace()
        before = dict(namespace)
        page(dialect.loader(tmp_path), "index.html", **namespace)
        assert namespace == before

    def test_unicode_in_templates_names_and_values(self, dialect: Dialect, tmp_path: Path) -> None:
        folder = tmp_path / "模板"
        write(folder, 首页="héllo 世界 \U0001f600 " + dialect.value("x"))
        assert page(dialect.loader(folder), "首页.html", x="ÄÖ\u2028𝄞") == "héllo 世界 \U0001f600 ÄÖ\u2028𝄞"


class TestOptions:
    def test_the_seeds_configuration_works_with_each_engine(self, dialect: Dialect, tmp_path: Path) -> None:
        project = write(tmp_path / "site" / "templates", index=dialect.value("x")).parent
        loader = dialect.loader(
            project / "templates",
            project_path=project,
            filesystem_checks=True,
            cache_directory="../_tmpl_cache",
            collection_size=50,
            cache_size=0,
            format_exceptions=False,
            autoescape=False,
        )
        assert page(loader, "index.html", x="<") == "<"
        assert (tmp_path / "_tmpl_cache").is_dir() is (dialect is not TORNADO)

    @pytest.mark.parametrize("option", ["whitespace", "trim_blocks", "imports", "extensions", "default_filters"])
    def test_options_of_another_engine_are_ignored(self, dialect: Dialect, tmp_path: Path, option: str) -> None:
        value = {"whitespace": "all", "trim_blocks": True}.get(option, [])
        dialect.loader(tmp_path, **{option: value})

    def test_an_unknown_option_is_an_error_that_names_the_nearest(self, dialect: Dialect, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            dialect.loader(tmp_path, auto_escape=True)
        assert "TEMPLATE_CONFIG['auto_escape']" in str(caught.value)
        assert "did you mean 'autoescape'?" in str(caught.value)

    def test_an_option_like_no_other_lists_the_known_ones(self, dialect: Dialect, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"known are .*filesystem_checks"):
            dialect.loader(tmp_path, zzz=True)

    def test_a_flag_that_is_none(self, dialect: Dialect, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"TEMPLATE_CONFIG\['filesystem_checks'\]: 'yes' is neither True nor False"
        ):
            dialect.loader(tmp_path, filesystem_checks="yes")

    def test_the_constructor_needs_only_the_folders(self, dialect: Dialect, tmp_path: Path) -> None:
        loader_class = type(dialect.loader(tmp_path))
        write(tmp_path, index="x")
        assert loader_class([str(tmp_path)]).load("index.html").generate() == b"x"  # type: ignore[call-arg]


@pytest.mark.parametrize(("library", "dialect"), [("jinja2", JINJA2), ("mako", MAKO)])
def test_without_its_library_an_engine_names_the_extra(library: str, dialect: Dialect, tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        sys.modules[{library!r}] = None
        from pathlib import Path
        from tornadopy.exceptions import MissingExtraError
        from tornadopy.template import create_loader
        try:
            create_loader({dialect.engine!r}, ["templates"], debug=False, options={{}}, project_path=Path())
        except MissingExtraError as exc:
            print(exc, isinstance(exc, ImportError), type(exc.__cause__).__name__)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert f"install the extra tornadopy[{library}]" in done.stdout
    assert done.stdout.endswith("True ModuleNotFoundError\n")


@pytest.mark.parametrize("absent", ["jinja2", "mako", "markupsafe"])
def test_tornados_engine_needs_no_other_library(absent: str, tmp_path: Path) -> None:
    write(tmp_path, index="x")
    program = textwrap.dedent(
        f"""
        import sys
        sys.modules[{absent!r}] = None
        from pathlib import Path
        from tornadopy.template import create_loader
        loader = create_loader(None, [{str(tmp_path)!r}], debug=False, options={{}}, project_path=Path())
        print(loader.load("index.html").generate())
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "b'x'\n"


def test_the_tables_of_options_are_those_of_the_libraries() -> None:
    """The tables stand in for a library that is not installed: its options are no errors under another engine."""
    from tornadopy.template import _options, jinja2_loader, mako_loader

    assert _options.JINJA2 | {"autoescape"} == jinja2_loader._ENVIRONMENT_OPTIONS | jinja2_loader._LOADER_OPTIONS
    assert _options.MAKO | {"filesystem_checks"} == mako_loader._OWN
