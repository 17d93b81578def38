"""What the template engines have in common, tried on each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_dialects import DIALECTS, JINJA2, MAKO, TORNADO, Dialect, write
from tornado.web import _UIModuleNamespace

from tornadopy.exceptions import ConfigError, TemplateError, TemplateNotFound, TemplateSyntaxError
from tornadopy.template import create_loader

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


@pytest.fixture(params=[JINJA2, MAKO], ids=str)
def on_disk(request: pytest.FixtureRequest) -> Dialect:
    """An engine that keeps compiled templates on disk."""
    return request.param


def page(loader: Any, name: str, **namespace: Any) -> str:
    return loader.load(name).generate(**namespace).decode()


class TestEscaping:
    def test_values_are_escaped_by_default(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.value("x"))
        assert page(dialect.loader(tmp_path), "index.html", x="<b>&\"'") in {
            "&lt;b&gt;&amp;&quot;&#x27;",
            "&lt;b&gt;&amp;&#34;&#39;",
            "&lt;b&gt;&amp;&quot;&#39;",
        }

    @pytest.mark.parametrize("off", [False, None])
    def test_false_turns_escaping_off(self, dialect: Dialect, tmp_path: Path, off: bool | None) -> None:
        write(tmp_path, index=dialect.value("x"))
        assert page(dialect.loader(tmp_path, autoescape=off), "index.html", x="<b>") == "<b>"

    @pytest.mark.parametrize("on", [True, "xhtml_escape"])
    def test_true_and_tornados_name_for_it_turn_it_on(self, dialect: Dialect, tmp_path: Path, on: Any) -> None:
        write(tmp_path, index=dialect.value("x"))
        assert page(dialect.loader(tmp_path, autoescape=on), "index.html", x="<b>") == "&lt;b&gt;"

    def test_a_template_can_leave_a_value_as_it_is(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.raw("x"))
        assert page(dialect.loader(tmp_path), "index.html", x="<b>") == "<b>"

    def test_included_and_inherited_templates_escape_too(self, dialect: Dialect, tmp_path: Path) -> None:
        write(
            tmp_path,
            base=dialect.parent_slot("content", "") + dialect.include("part.html"),
            part=dialect.value("x"),
            index=dialect.extends("base.html") + dialect.block("content", dialect.value("x")),
        )
        assert page(dialect.loader(tmp_path), "index.html", x="<").strip() == "&lt;&lt;"

    @pytest.mark.parametrize("wrong", [3, ["h"]])
    def test_another_value_is_refused(self, dialect: Dialect, tmp_path: Path, wrong: Any) -> None:
        with pytest.raises(ConfigError, match=r"TEMPLATE_CONFIG\['autoescape'\]"):
            dialect.loader(tmp_path, autoescape=wrong)

    def test_no_text_can_break_out(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.value("x"))
        template = dialect.loader(tmp_path).load("index.html")

        @settings(max_examples=200, deadline=None)
        @given(st.text())
        def check(text: str) -> None:
            escaped = template.generate(x=text).decode()
            assert not set('<>"') & set(escaped)
            assert unescape(escaped) == unescape(text.replace("&", "&amp;").replace("<", "&lt;"))

        check()


class TestSearchPath:
    def test_the_first_folder_wins(self, dialect: Dialect, tmp_path: Path) -> None:
        first = write(tmp_path / "first", index="first")
        second = write(tmp_path / "second", index="second", other="other")
        loader = dialect.loader(first, second)
        assert page(loader, "index.html") == "first"
        assert page(loader, "other.html") == "other"

    def test_a_folder_need_not_exist(self, dialect: Dialect, tmp_path: Path) -> None:
        folder = write(tmp_path / "there", index="x")
        assert page(dialect.loader(tmp_path / "missing", folder), "index.html") == "x"

    def test_inheritance_crosses_folders(self, dialect: Dialect, tmp_path: Path) -> None:
        project = write(tmp_path / "project", base=f"[{dialect.parent_slot('content', 'empty')}]")
        app = write(
            tmp_path / "app",
            index=dialect.extends("base.html") + dialect.block("content", "app " + dialect.include("part.html")),
        )
        write(project, part="part")
        assert page(dialect.loader(project, app), "index.html").strip() == "[app part]"

    def test_names_in_subfolders(self, dialect: Dialect, tmp_path: Path) -> None:
        part = "/blog/part.html" if dialect is JINJA2 else "part.html"
        write(
            tmp_path,
            base=f"[{dialect.parent_slot('content', '')}]",
            blog__part="part",
            blog__index=dialect.extends("/base.html") + dialect.block("content", dialect.include(part)),
        )
        assert page(dialect.loader(tmp_path), "blog/index.html").strip() == "[part]"

    @pytest.mark.parametrize(
        "name", ["/blog/index.html", "blog//index.html", "./blog/index.html", "blog/x/../index.html"]
    )
    def test_names_are_normalised(self, dialect: Dialect, tmp_path: Path, name: str) -> None:
        loader = dialect.loader(write(tmp_path, blog__index="x"))
        assert page(loader, name) == "x"
        assert loader.exists(name)

    def test_the_full_path_of_a_file_in_a_folder_is_accepted(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        assert page(dialect.loader(tmp_path), str(tmp_path / "index.html")) == "x"

    @pytest.mark.parametrize(
        "name",
        ["../secret.html", "blog/../../secret.html", "..", "/../secret.html", "..\\secret.html", "x/../..", ".", ""],
    )
    def test_a_name_that_leads_out_is_refused(self, dialect: Dialect, tmp_path: Path, name: str) -> None:
        write(tmp_path, secret="secret", templates__index="x")
        loader = dialect.loader(tmp_path / "templates")
        assert not loader.exists(name)
        with pytest.raises(TemplateNotFound, match="leads out of the folders"):
            loader.load(name)

    def test_a_full_path_elsewhere_is_refused(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, secret="secret", templates__index="x")
        loader = dialect.loader(tmp_path / "templates")
        with pytest.raises(TemplateNotFound):
            loader.load(str(tmp_path / "secret.html"))

    def test_an_include_that_leads_out_is_refused(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, secret="secret", templates__index=dialect.include("../secret.html"))
        with pytest.raises(TemplateNotFound, match="leads out"):
            page(dialect.loader(tmp_path / "templates"), "index.html")

    @pytest.mark.parametrize("name", ["a\0b.html", "blog", "missing.html", "blog/", "x" * 5000])
    def test_what_is_no_file_is_not_found(self, dialect: Dialect, tmp_path: Path, name: str) -> None:
        loader = dialect.loader(write(tmp_path, blog__index="x"))
        assert not loader.exists(name)
        with pytest.raises(TemplateNotFound):
            loader.load(name)


class TestMissing:
    def test_the_error_names_template_and_folders(self, dialect: Dialect, tmp_path: Path) -> None:
        loader = dialect.loader(tmp_path / "one", tmp_path / "two")
        with pytest.raises(TemplateNotFound) as caught:
            loader.load("missing.html")
        assert str(caught.value) == f"template 'missing.html' was not found in {tmp_path / 'one'}, {tmp_path / 'two'}"

    def test_without_folders_the_error_names_the_setting(self, dialect: Dialect, tmp_path: Path) -> None:
        loader = create_loader(dialect.engine, [], debug=False, options={}, project_path=tmp_path)
        with pytest.raises(TemplateNotFound, match=r"TORNADO_CONF\['template_path'\]"):
            loader.load("missing.html")

    @pytest.mark.parametrize("relation", ["extends", "include"])
    def test_the_error_names_who_asks(self, dialect: Dialect, tmp_path: Path, relation: str) -> None:
        write(tmp_path, index="\n" + getattr(dialect, relation)("missing.html"))
        with pytest.raises(
            TemplateNotFound, match=r"'/?missing.html', which index.html(, line 2,)? asks for"
        ) as caught:
            page(dialect.loader(tmp_path), "index.html")
        assert str(tmp_path) in str(caught.value)

    def test_the_asking_template_can_be_given(self, dialect: Dialect, tmp_path: Path) -> None:
        with pytest.raises(TemplateNotFound, match=r"'missing.html', which index.html asks for"):
            dialect.loader(tmp_path).load("missing.html", "index.html")

    def test_a_template_that_appears_later_is_found(self, dialect: Dialect, tmp_path: Path) -> None:
        loader = dialect.loader(tmp_path)
        with pytest.raises(TemplateNotFound):
            loader.load("index.html")
        write(tmp_path, index="x")
        assert page(loader, "index.html") == "x"

    def test_an_unreadable_file_is_an_error_that_names_it(
        self, dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, index="x")

        def refuse(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(TemplateError, match=r"index.html: Permission denied; check its permissions"):
            dialect.loader(tmp_path).load("index.html")


class TestSyntaxErrors:
    @staticmethod
    def assert_at(caught: pytest.ExceptionInfo[TemplateSyntaxError], path: Path, *lines: int) -> None:
        error: Any = caught.value
        assert error.filename == str(path)
        assert error.lineno in lines
        assert str(error).startswith(f"{path}, line {error.lineno}: ")

    def test_the_error_names_file_and_line(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, blog__index="one\ntwo\n" + dialect.broken)
        with pytest.raises(TemplateSyntaxError) as caught:
            dialect.loader(tmp_path).load("blog/index.html")
        self.assert_at(caught, tmp_path / "blog/index.html", 3, 4, 5)
        assert caught.value.__cause__ is not None

    def test_a_wrong_expression(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="one\ntwo\n" + dialect.value("1 +* 2") + "\nfour\n")
        with pytest.raises(TemplateSyntaxError) as caught:
            dialect.loader(tmp_path).load("index.html")
        self.assert_at(caught, tmp_path / "index.html", 3)

    @pytest.mark.parametrize("relation", ["extends", "include"])
    def test_in_another_template(self, dialect: Dialect, tmp_path: Path, relation: str) -> None:
        write(tmp_path, index=getattr(dialect, relation)("other.html"), other="\n" + dialect.value("1 +* 2"))
        with pytest.raises(TemplateSyntaxError) as caught:
            page(dialect.loader(tmp_path), "index.html")
        self.assert_at(caught, tmp_path / "other.html", 2)

    def test_a_file_in_another_encoding(self, dialect: Dialect, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_bytes(b"fine\n\xff\xfe not utf-8")
        with pytest.raises(TemplateSyntaxError) as caught:
            dialect.loader(tmp_path).load("index.html")
        self.assert_at(caught, tmp_path / "index.html", 2, 1)
        assert "encoding" in str(caught.value)

    def test_once_mended_the_template_loads(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.broken)
        loader = dialect.loader(tmp_path)
        with pytest.raises(TemplateSyntaxError):
            loader.load("index.html")
        write(tmp_path, index="fine")
        assert page(loader, "index.html") == "fine"


class TestRuntimeErrors:
    def test_an_error_says_where_in_the_template(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, blog__index="one\ntwo\n" + dialect.value("x / 0") + "\nfour")
        with pytest.raises(ZeroDivisionError) as caught:
            page(dialect.loader(tmp_path), "blog/index.html", x=1)
        assert caught.value.__notes__ == ["template blog/index.html, line 3"]

    def test_in_an_included_template(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="one\n" + dialect.include("part.html"), part="\n\n" + dialect.value("x / 0"))
        with pytest.raises(ZeroDivisionError) as caught:
            page(dialect.loader(tmp_path), "index.html", x=1)
        assert caught.value.__notes__ == ["template part.html, line 3"]

    def test_in_a_parent(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.extends("base.html"), base="\n" + dialect.value("x / 0"))
        with pytest.raises(ZeroDivisionError) as caught:
            page(dialect.loader(tmp_path), "index.html", x=1)
        assert caught.value.__notes__ == ["template base.html, line 2"]

    def test_a_page_within_a_page_speaks_for_itself(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="\n" + dialect.value("inner()"), inner="\n\n" + dialect.value("x / 0"))
        loader = dialect.loader(tmp_path)
        inner = loader.load("inner.html")
        with pytest.raises(ZeroDivisionError) as caught:
            page(loader, "index.html", inner=lambda: inner.generate(x=1))
        assert caught.value.__notes__ == ["template inner.html, line 3", "template index.html, line 2"]

    def test_an_error_that_comes_twice_gets_one_note(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index=dialect.value("fail()"))
        template = dialect.loader(tmp_path).load("index.html")
        error = ZeroDivisionError()

        def fail() -> None:
            raise error

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                template.generate(fail=fail)
        assert error.__notes__ == ["template index.html, line 1"]

    def test_two_loaders_with_templates_of_one_name_do_not_mix_up_lines(self, dialect: Dialect, tmp_path: Path) -> None:
        first = write(tmp_path / "first", index="\n\n\n\n" + dialect.value("x / 0"))
        second = write(tmp_path / "second", index="\n" + dialect.value("x / 0"))
        templates = [dialect.loader(folder).load("index.html") for folder in (first, second)]
        notes = []
        for template in templates:
            with pytest.raises(ZeroDivisionError) as caught:
                template.generate(x=1)
            notes += caught.value.__notes__
        assert notes == ["template index.html, line 5", "template index.html, line 2"]


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


class TestReload:
    def test_in_debug_a_changed_file_is_compiled_again(self, dialect: Dialect, tmp_path: Path) -> None:
        loader = dialect.loader(tmp_path, debug=True)
        for text in ("a", "b", "c", "longer"):  # within a second, and of one length
            write(tmp_path, index=text)
            assert page(loader, "index.html") == text

    def test_so_are_parents_and_included_files(self, dialect: Dialect, tmp_path: Path) -> None:
        loader = dialect.loader(tmp_path, debug=True)
        write(
            tmp_path,
            base="[" + dialect.include("part.html") + dialect.parent_slot("content", "") + "]",
            part="1",
            index=dialect.extends("base.html") + dialect.block("content", "x"),
        )
        assert page(loader, "index.html").strip() == "[1x]"
        write(tmp_path, part="2")
        assert page(loader, "index.html").strip() == "[2x]"
        write(tmp_path, base="(" + dialect.include("part.html") + dialect.parent_slot("content", "") + ")")
        assert page(loader, "index.html").strip() == "(2x)"

    def test_a_file_that_shadows_another_is_seen(self, dialect: Dialect, tmp_path: Path) -> None:
        second = write(tmp_path / "second", index="second")
        loader = dialect.loader(tmp_path / "first", second, debug=True)
        assert page(loader, "index.html") == "second"
        write(tmp_path / "first", index="first")
        assert page(loader, "index.html") == "first"

    def test_a_deleted_file_is_missing(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        loader = dialect.loader(tmp_path, debug=True)
        page(loader, "index.html")
        (tmp_path / "index.html").unlink()
        with pytest.raises(TemplateNotFound):
            loader.load("index.html")

    def test_an_older_file_in_its_place_is_seen(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="new")
        loader = dialect.loader(tmp_path, debug=True)
        page(loader, "index.html")
        write(tmp_path, index="old")
        os.utime(tmp_path / "index.html", (1_000_000_000, 1_000_000_000))
        assert page(loader, "index.html") == "old"

    def test_otherwise_not_until_reset(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="a", base="a")
        loader = dialect.loader(tmp_path)
        assert page(loader, "index.html") == "a"
        write(tmp_path, index="b")
        assert page(loader, "index.html") == "a"
        loader.reset()
        assert page(loader, "index.html") == "b"

    @pytest.mark.parametrize(
        ("debug", "checks", "expected"), [(True, False, "a"), (False, True, "b"), (True, None, "b")]
    )
    def test_filesystem_checks_overrule_debug(
        self, dialect: Dialect, tmp_path: Path, debug: bool, checks: bool | None, expected: str
    ) -> None:
        write(tmp_path, index="a")
        loader = dialect.loader(tmp_path, debug=debug, filesystem_checks=checks)
        page(loader, "index.html")
        write(tmp_path, index="b")
        assert page(loader, "index.html") == expected

    def test_a_compiled_template_is_kept(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        loader: Any = dialect.loader(tmp_path)
        first, again = loader.load("index.html"), loader.load("index.html")
        assert getattr(first, "template", first) is getattr(again, "template", again)


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


class TestDisk:
    def test_compiled_templates_survive_the_loader_and_are_used(self, on_disk: Dialect, tmp_path: Path) -> None:
        write(tmp_path / "templates", index="text " + on_disk.value("x"))
        cache = tmp_path / "cache"
        for _ in range(2):
            loader = on_disk.loader(tmp_path / "templates", cache_directory="cache")
            assert page(loader, "index.html", x=1) == "text 1"
        compiled = [path for path in cache.iterdir() if path.is_file()]
        assert len(compiled) == 1
        compiled[0].write_bytes(compiled[0].read_bytes().replace(b"text ", b"TEXT "))
        for bytecode in cache.glob("__pycache__/*"):
            bytecode.unlink()
        loader = on_disk.loader(tmp_path / "templates", cache_directory=cache)
        assert page(loader, "index.html", x=1) == "TEXT 1"

    def test_the_folder_is_made_for_its_owner_alone(self, on_disk: Dialect, tmp_path: Path) -> None:
        on_disk.loader(tmp_path, cache_directory=tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("none", [None, ""])
    def test_none_means_no_folder(self, on_disk: Dialect, tmp_path: Path, none: Any) -> None:
        write(tmp_path / "templates", index="x")
        page(on_disk.loader(tmp_path / "templates", cache_directory=none), "index.html")
        assert [path.name for path in tmp_path.iterdir()] == ["templates"]

    def test_another_value_is_refused(self, on_disk: Dialect, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"TEMPLATE_CONFIG\['cache_directory'\]: 3 is not a path"):
            on_disk.loader(tmp_path, cache_directory=3)

    def test_a_changed_template_is_compiled_anew_even_with_an_older_time(
        self, on_disk: Dialect, tmp_path: Path
    ) -> None:
        folder, cache = tmp_path / "templates", tmp_path / "cache"
        for number, text in enumerate("abc"):
            write(folder, index=text)
            os.utime(folder / "index.html", (1_000_000_000 - number, 1_000_000_000 - number))
            assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == text
        assert len([path for path in cache.iterdir() if path.is_file()]) == 1

    def test_other_options_have_other_compiled_files(self, on_disk: Dialect, tmp_path: Path) -> None:
        """Else turning escaping on would not reach pages that have been compiled without it."""
        folder, cache = write(tmp_path / "templates", index=on_disk.value("x")), tmp_path / "cache"
        assert page(on_disk.loader(folder, cache_directory=cache, autoescape=False), "index.html", x="<") == "<"
        assert page(on_disk.loader(folder, cache_directory=cache), "index.html", x="<") == "&lt;"
        assert page(on_disk.loader(folder, cache_directory=cache, autoescape=False), "index.html", x="<") == "<"

    def test_two_projects_can_share_the_folder(self, on_disk: Dialect, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        for _ in range(2):
            for project in ("one", "two"):
                folder = write(tmp_path / project, index=project)
                assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == project

    @pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"j2", b"def (", b"raise SystemError"])
    def test_a_damaged_file_is_compiled_anew(self, on_disk: Dialect, tmp_path: Path, damage: bytes) -> None:
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        page(on_disk.loader(folder, cache_directory=cache), "index.html")
        for path in cache.iterdir():
            if path.is_file():
                path.write_bytes(path.read_bytes()[:16] + damage if on_disk is JINJA2 else damage)
        assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == "x"

    def test_an_unwritable_folder_is_a_warning(
        self, on_disk: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = write(tmp_path / "templates", index="x")
        (tmp_path / "cache").write_text("a file where the folder should be")
        assert page(on_disk.loader(folder, cache_directory="cache"), "index.html") == "x"
        assert [record.name for record in caplog.records] == ["tornadopy.tracelog"]
        assert f"TEMPLATE_CONFIG['cache_directory']: {tmp_path / 'cache'} is not writable" in caplog.text

    def test_a_folder_in_which_everybody_writes_is_not_used(
        self, on_disk: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        cache.mkdir()
        cache.chmod(0o777)
        assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == "x"
        assert not list(cache.iterdir())
        assert "writable for everybody" in caplog.text

    def test_a_folder_that_is_lost_later_is_a_warning(
        self, on_disk: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        loader = on_disk.loader(folder, cache_directory=cache)
        cache.rmdir()
        cache.write_text("a file where the folder was")
        assert page(loader, "index.html") == "x"
        assert "compiled templates are kept in memory alone" in caplog.text


class TestConcurrency:
    def test_threads_may_load_and_render_at_once(self, dialect: Dialect, tmp_path: Path) -> None:
        names = [f"page{number}" for number in range(8)]
        write(tmp_path, base="[" + dialect.parent_slot("content", "") + "]")
        write(
            tmp_path,
            **{
                name: dialect.extends("base.html") + dialect.block("content", name + dialect.value("x"))
                for name in names
            },
        )
        loader = dialect.loader(tmp_path, debug=True)
        barrier = threading.Barrier(8)
        wrong: list[Any] = []

        def work(number: int) -> None:
            barrier.wait(30)
            try:
                for name in names * 10:
                    text = page(loader, f"{name}.html", x=number).strip()
                    if text != f"[{name}{number}]":
                        wrong.append(text)
            except Exception as exc:
                wrong.append(exc)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong

    def test_processes_may_share_the_folder_of_compiled_templates(self, on_disk: Dialect, tmp_path: Path) -> None:
        folder = tmp_path / "templates"
        write(folder, base="[" + on_disk.parent_slot("content", "") + "]")
        for number in range(10):
            write(
                folder,
                **{
                    f"p{number}": on_disk.extends("base.html")
                    + on_disk.block("content", f"{number}" + on_disk.value("x"))
                },
            )
        program = textwrap.dedent(
            """
            import json, logging, sys
            from pathlib import Path
            from tornadopy.template import create_loader
            logging.basicConfig(stream=sys.stderr)
            engine, folder = sys.argv[1:]
            sys.stdin.readline()
            pages = []
            for _ in range(5):
                options = {"cache_directory": "cache"}
                loader = create_loader(engine, [folder], debug=False, options=options, project_path=Path(folder).parent)
                pages.append([loader.load(f"p{n}.html").generate(x="<").decode().strip() for n in range(10)])
            print(json.dumps(pages))
            """
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", program, str(on_disk.engine), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        expected = [[f"[{number}&lt;]" for number in range(10)]] * 5
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            output, errors = process.communicate(timeout=120)
            assert errors == ""
            assert json.loads(output) == expected
        assert not [path.name for path in (tmp_path / "cache").iterdir() if path.name.endswith(".tmp")]


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
