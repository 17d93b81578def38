"""What the template engines have in common: finding, escaping, errors."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_dialects import DIALECTS, JINJA2, Dialect, page, write

from tornadopy.exceptions import ConfigError, TemplateError, TemplateNotFound, TemplateSyntaxError
from tornadopy.template import create_loader


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


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
            base=dialect.block("content", "") + dialect.include("part.html"),
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
        project = write(tmp_path / "project", base=f"[{dialect.block('content', 'empty')}]")
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
            base=f"[{dialect.block('content', '')}]",
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

    @pytest.mark.usefixtures("caplog")  # it logs, on purpose
    def test_a_wrong_expression(self, dialect: Dialect, tmp_path: Path) -> None:
        write(tmp_path, index="one\ntwo\n" + dialect.value("1 +* 2") + "\nfour\n")
        with pytest.raises(TemplateSyntaxError) as caught:
            dialect.loader(tmp_path).load("index.html")
        self.assert_at(caught, tmp_path / "index.html", 3)

    @pytest.mark.usefixtures("caplog")  # it logs, on purpose
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
