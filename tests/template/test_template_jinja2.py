"""What is particular to Jinja2."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import jinja2
import pytest
from template_dialects import JINJA2, page, write

from tornadopy.exceptions import ConfigError, TemplateNotFound, TemplateSyntaxError


def shout(text: str) -> str:
    return text.upper() + "!"


def is_loud(text: str) -> bool:
    return text.isupper()


def only_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html")


NOT_CALLABLE = 3


class TestOptions:
    def test_any_argument_of_the_environment(self, tmp_path: Path) -> None:
        write(tmp_path, index="{% if x %}\n[[ x ]]\n{% endif %}\n## no comment\n")
        loader = JINJA2.loader(
            tmp_path,
            trim_blocks=True,
            variable_start_string="[[",
            variable_end_string="]]",
            line_comment_prefix="##",
            keep_trailing_newline=True,
        )
        assert page(loader, "index.html", x=1) == "1\n\n"

    def test_extensions_by_name_and_by_class(self, tmp_path: Path) -> None:
        from jinja2.ext import LoopControlExtension

        write(tmp_path, index="{% do x.append(1) %}{% for y in x %}{{ y }}{% break %}{% endfor %}")
        loader = JINJA2.loader(tmp_path, extensions=["jinja2.ext.do", LoopControlExtension])
        assert page(loader, "index.html", x=[]) == "1"

    @pytest.mark.parametrize("undefined", ["jinja2.StrictUndefined", jinja2.StrictUndefined])
    def test_undefined_by_name_and_by_class(self, tmp_path: Path, undefined: Any) -> None:
        write(tmp_path, index="one\n{{ missing }}")
        assert page(JINJA2.loader(tmp_path), "index.html") == "one\n"
        with pytest.raises(jinja2.UndefinedError) as caught:
            page(JINJA2.loader(tmp_path, undefined=undefined), "index.html")
        assert caught.value.__notes__ == ["template index.html, line 2"]

    @pytest.mark.parametrize("value", [shout, f"{__name__}.shout"])
    def test_filters_globals_and_finalize(self, tmp_path: Path, value: Any) -> None:
        write(tmp_path, index="{{ x | loud }} {{ loud(x) }}")
        loader = JINJA2.loader(tmp_path, filters={"loud": value}, globals={"loud": value}, finalize=value)
        assert page(loader, "index.html", x="hey") == "HEY!! HEY!!"

    @pytest.mark.parametrize("value", [is_loud, f"{__name__}.is_loud"])
    def test_tests(self, tmp_path: Path, value: Any) -> None:
        write(tmp_path, index="{{ x is loud }}")
        assert page(JINJA2.loader(tmp_path, tests={"loud": value}), "index.html", x="HEY") == "True"

    @pytest.mark.parametrize("text", ["My site", "blog.example", "v1.0", ".", "plain", "e.g.", 3])
    def test_globals_that_are_no_dotted_names_stay_what_they_are(self, tmp_path: Path, text: Any) -> None:
        write(tmp_path, index="{{ site }}")
        assert page(JINJA2.loader(tmp_path, globals={"site": text}), "index.html") == str(text)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"filters": {"loud": "nowhere_at_all.shout"}},
                r"\['filters'\]\['loud'\]: cannot import 'nowhere_at_all.shout'",
            ),
            ({"filters": {"loud": "shout"}}, r"\['filters'\]\['loud'\]: cannot import 'shout'"),
            ({"filters": ["x"]}, r"\['filters'\]: \['x'\] is not a mapping"),
            ({"tests": {"loud": f"{__name__}.is_lowd"}}, "did you mean 'is_loud'"),
            ({"globals": {"loud": f"{__name__}.shuot"}}, r"\['globals'\]\['loud'\].*did you mean 'shout'"),
            ({"undefined": "jinja2.Nothing"}, r"\['undefined'\]: cannot import 'jinja2.Nothing'"),
            ({"undefined": int}, "Jinja2 cannot use its options"),
            ({"extensions": ["jinja2.ext.nothing"]}, "Jinja2 cannot use its options"),
            ({"cache_size": "many"}, "Jinja2 cannot use its options"),
            ({"newline_sequence": "x"}, "Jinja2 cannot use its options"),
            ({"enable_async": True}, r"\['enable_async'\]"),
            ({"encoding": "klingon"}, r"\['encoding'\]: 'klingon' is not the name of an encoding"),
            ({"auto_reload": 1}, r"\['auto_reload'\]"),
            ({"autoescape": "nowhere_at_all.function"}, r"\['autoescape'\]: cannot import"),
            ({"autoescape": f"{__name__}.NOT_CALLABLE"}, r"\['autoescape'\]"),
            ({"trim_block": True}, r"\['trim_block'\].*did you mean 'trim_blocks'"),
        ],
    )
    def test_a_wrong_option_is_an_error_that_names_it(self, tmp_path: Path, options: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=f"TEMPLATE_CONFIG.*{message}"):
            JINJA2.loader(tmp_path, **options)

    @pytest.mark.parametrize("function", [only_html, f"{__name__}.only_html"])
    def test_autoescape_by_function(self, tmp_path: Path, function: Any) -> None:
        write(tmp_path, index="{{ x }}{{ xsrf_form_html() }}")
        (tmp_path / "index.txt").write_text("{{ x }}")
        loader = JINJA2.loader(tmp_path, autoescape=function)
        assert page(loader, "index.html", x="<", xsrf_form_html=lambda: "<input>") == "&lt;<input>"
        assert page(loader, "index.txt", x="<") == "<"

    def test_cache_size_zero_compiles_each_time(self, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        loader = JINJA2.loader(tmp_path, cache_size=0)
        assert loader.load("index.html").template is not loader.load("index.html").template  # type: ignore[attr-defined]
        loader.reset()

    def test_cache_size_minus_one_keeps_all(self, tmp_path: Path) -> None:
        names = [f"t{number}" for number in range(450)]
        write(tmp_path, **dict.fromkeys(names, "x"))
        loader: Any = JINJA2.loader(tmp_path, cache_size=-1)
        templates = [loader.load(f"{name}.html").template for name in names]
        assert [loader.load(f"{name}.html").template for name in names] == templates

    def test_auto_reload_is_jinja2s_name_for_filesystem_checks(self, tmp_path: Path) -> None:
        write(tmp_path, index="a")
        loader = JINJA2.loader(tmp_path, auto_reload=True)
        page(loader, "index.html")
        write(tmp_path, index="b")
        assert page(loader, "index.html") == "b"

    def test_encoding_of_the_files(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_bytes("Grüße".encode("latin-1"))
        assert page(JINJA2.loader(tmp_path, encoding="latin-1"), "index.html") == "Grüße"

    def test_policies(self, tmp_path: Path) -> None:
        write(tmp_path, index="{{ x | tojson }}")
        loader = JINJA2.loader(tmp_path, policies={"json.dumps_kwargs": {"indent": 1}})
        assert page(loader, "index.html", x=[1]) == "[\n 1\n]"

    def test_a_loader_of_the_users_own_comes_after_the_folders(self, tmp_path: Path) -> None:
        write(tmp_path, index="file {% include 'part.html' %}")
        other = jinja2.DictLoader({"index.html": "dict", "part.html": "part"})
        loader = JINJA2.loader(tmp_path, loader=other)
        assert page(loader, "index.html") == "file part"
        assert loader.exists("index.html")
        assert loader.exists("part.html")
        assert not loader.exists("missing.html")

    def test_a_bytecode_cache_of_the_users_own_wins(self, tmp_path: Path) -> None:
        class Cache(jinja2.BytecodeCache):
            asked = 0

            def load_bytecode(self, bucket: Any) -> None:
                self.asked += 1

            def dump_bytecode(self, bucket: Any) -> None: ...

        cache = Cache()
        page(
            JINJA2.loader(write(tmp_path / "t", index="x"), bytecode_cache=cache, cache_directory="cache"), "index.html"
        )
        assert cache.asked == 1
        assert not list((tmp_path / "cache").iterdir())

    def test_the_environment_is_at_hand(self, tmp_path: Path) -> None:
        loader: Any = JINJA2.loader(write(tmp_path, index="{{ x | loud }}"))
        loader.environment.filters["loud"] = shout
        assert page(loader, "index.html", x="hey") == "HEY!"


class TestErrors:
    def test_an_unknown_filter_names_file_and_line(self, tmp_path: Path) -> None:
        write(tmp_path, index="\n{{ x | nothing }}")
        with pytest.raises(TemplateSyntaxError, match=r"index.html, line 2: No filter named 'nothing'"):
            JINJA2.loader(tmp_path).load("index.html")

    def test_none_of_several_includes(self, tmp_path: Path) -> None:
        write(tmp_path, index="\n\n{% include ['a.html', 'b.html'] %}")
        with pytest.raises(TemplateNotFound, match=r"'a.html, b.html', which index.html, line 3, asks for"):
            page(JINJA2.loader(tmp_path), "index.html")

    def test_ignore_missing_is_jinja2s_affair(self, tmp_path: Path) -> None:
        write(tmp_path, index="x{% include 'missing.html' ignore missing %}{% include '../x' ignore missing %}")
        assert page(JINJA2.loader(tmp_path), "index.html") == "x"

    def test_the_traceback_leads_into_the_template(self, tmp_path: Path) -> None:
        import traceback

        write(tmp_path, index="one\n{{ 1 / x }}")
        with pytest.raises(ZeroDivisionError) as caught:
            page(JINJA2.loader(tmp_path), "index.html", x=0)
        last = traceback.extract_tb(caught.value.__traceback__)[-1]
        assert (last.filename, last.lineno) == (str(tmp_path / "index.html"), 2)

    def test_an_error_outside_of_templates_has_no_note(self, tmp_path: Path) -> None:
        template: Any = JINJA2.loader(write(tmp_path, index="x")).load("index.html")
        template.template.root_render_func = None
        with pytest.raises(TypeError) as caught:
            template.generate()
        assert not hasattr(caught.value, "__notes__")

    def test_a_full_disk_is_a_warning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        loader = JINJA2.loader(write(tmp_path / "t", index="x"), cache_directory="cache")

        def full(*args: Any, **kwargs: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
        assert page(loader, "index.html") == "x"
        assert "cannot be written to (No space left on device)" in caplog.text


class TestTranslation:
    class Locale:
        def translate(self, message: str, plural: str | None = None, count: int | None = None) -> str:
            return f"<{message if count in {None, 1} else plural}>"

        def pgettext(self, context: str, message: str, plural: str | None = None, count: int | None = None) -> str:
            return f"{context}:{self.translate(message, plural, count)}"

    def test_underscore_and_trans(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            index="{{ _('hello') }} {% trans %}world{% endtrans %} "
            "{% trans count=n %}one{% pluralize %}many{% endtrans %} {% trans 'menu' %}open{% endtrans %}",
        )
        locale = self.Locale()
        loader = JINJA2.loader(tmp_path, extensions=["jinja2.ext.i18n"])
        assert page(loader, "index.html", locale=locale, _=locale.translate, n=2) == (
            "&lt;hello&gt; <world> <many> menu:<open>"
        )

    def test_without_a_locale_the_extension_is_left_alone(self, tmp_path: Path) -> None:
        write(tmp_path, index="{% trans %}world{% endtrans %}")
        loader: Any = JINJA2.loader(tmp_path, extensions=["jinja2.ext.i18n"])
        loader.environment.install_null_translations()
        assert page(loader, "index.html") == "world"


def test_macros_can_be_imported_across_folders(tmp_path: Path) -> None:
    first = write(tmp_path / "first", macros="{% macro show(x) %}<i>{{ x }}</i>{% endmacro %}")
    second = write(tmp_path / "second", index="{% import 'macros.html' as m %}{{ m.show('<') }}")
    assert page(JINJA2.loader(first, second), "index.html") == "<i>&lt;</i>"


def test_modules_can_be_indexed(tmp_path: Path) -> None:
    class Modules(dict[str, Any]):
        """The UI modules, as a handler has them."""

    write(tmp_path, index="{{ modules['Entry']('x') }}")
    assert page(JINJA2.loader(tmp_path), "index.html", modules=Modules(Entry=lambda text: f"<p>{text}")) == "<p>x"
