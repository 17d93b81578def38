"""What is particular to Mako."""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Any

import pytest
from template_dialects import MAKO, page, write

from tornadopy.exceptions import ConfigError, TemplateSyntaxError
from tornadopy.template import _mako_collection


def shout(text: str) -> str:
    return text.upper() + "!"


def swallow(context: Any, error: BaseException) -> bool:
    context.write("swallowed")
    return True


class TestOptions:
    def test_default_filters_come_before_the_one_that_escapes(self, tmp_path: Path) -> None:
        write(tmp_path, index="${x}")
        loader = MAKO.loader(tmp_path, default_filters=["str", "h", "trim"])
        assert page(loader, "index.html", x=" <b> ") == "&lt;b&gt;"

    def test_without_escaping_they_are_the_users_alone(self, tmp_path: Path) -> None:
        write(tmp_path, index="${x}")
        assert page(MAKO.loader(tmp_path, autoescape=False, default_filters="trim"), "index.html", x=" <b> ") == "<b>"

    def test_autoescape_can_name_a_filter(self, tmp_path: Path) -> None:
        write(tmp_path, index="${x}")
        loader = MAKO.loader(tmp_path, autoescape="shout", imports=f"from {__name__} import shout")
        assert page(loader, "index.html", x="hey") == "HEY!"

    def test_escaping_twice_is_escaping_once(self, tmp_path: Path) -> None:
        write(tmp_path, index="${x | h}")
        assert page(MAKO.loader(tmp_path), "index.html", x="<") == "&lt;"

    @pytest.mark.parametrize("imports", ["import textwrap", ["import textwrap"], ("import textwrap",)])
    def test_imports(self, tmp_path: Path, imports: Any) -> None:
        write(tmp_path, index="${textwrap.shorten('a  b', 5)}")
        assert page(MAKO.loader(tmp_path, imports=imports), "index.html") == "a b"

    @pytest.mark.parametrize("preprocessor", [shout, f"{__name__}.shout", [shout]])
    def test_preprocessor(self, tmp_path: Path, preprocessor: Any) -> None:
        write(tmp_path, index="hey")
        assert page(MAKO.loader(tmp_path, preprocessor=preprocessor), "index.html") == "HEY!"

    def test_error_handler(self, tmp_path: Path) -> None:
        write(tmp_path, index="${1 / x}")
        assert page(MAKO.loader(tmp_path, error_handler=f"{__name__}.swallow"), "index.html", x=0) == "swallowed"

    def test_input_encoding(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_bytes("Grüße".encode("latin-1"))
        assert page(MAKO.loader(tmp_path, input_encoding="latin-1"), "index.html") == "Grüße"

    def test_encoding_errors(self, tmp_path: Path) -> None:
        write(tmp_path, index="${x}")
        assert page(MAKO.loader(tmp_path, encoding_errors="replace"), "index.html", x="\ud800") == "?"

    def test_strict_undefined(self, tmp_path: Path) -> None:
        write(tmp_path, index="\n${missing}")
        with pytest.raises(NameError, match="'missing' is not defined"):
            page(MAKO.loader(tmp_path, strict_undefined=True), "index.html")

    def test_format_exceptions_shows_the_error_on_the_page(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        write(tmp_path, index="one\n${1 / x}")
        loader = MAKO.loader(tmp_path, format_exceptions=True, debug=True)
        assert "ZeroDivisionError" in page(loader, "index.html", x=0)
        assert not caplog.records
        MAKO.loader(tmp_path, format_exceptions=True)
        assert "TEMPLATE_CONFIG['format_exceptions'] shows errors with source code to every visitor" in caplog.text

    @pytest.mark.parametrize("size", [0, 1, 3])
    def test_collection_size_bounds_what_is_kept(self, tmp_path: Path, size: int) -> None:
        names = [f"t{number}.html" for number in range(5)]
        write(tmp_path, **{name.removesuffix(".html"): name for name in names})
        loader: Any = MAKO.loader(tmp_path, collection_size=size)
        kept = {name: loader.load(name).template for name in names}
        loader.load(names[-1])
        again = {name for name in reversed(names) if loader.load(name).template is kept[name]}
        assert again == set(names[len(names) - size :])

    def test_module_directory_is_makos_name_for_cache_directory(self, tmp_path: Path) -> None:
        page(MAKO.loader(write(tmp_path / "t", index="x"), module_directory="modules"), "index.html")
        assert [path.suffix for path in (tmp_path / "modules").iterdir() if path.is_file()] == [".py"]

    def test_modulename_callable_chooses_the_file_and_nothing_else_is_touched(self, tmp_path: Path) -> None:
        modules = tmp_path / "modules"
        write(modules, **{"index-old": "kept"})
        loader = MAKO.loader(
            write(tmp_path / "t", index="x"), modulename_callable=lambda filename, uri: str(modules / "index-new.py")
        )
        assert page(loader, "index.html") == "x"
        assert {path.name for path in modules.iterdir() if path.is_file()} == {"index-new.py", "index-old.html"}

    def test_module_writer_of_the_users_own(self, tmp_path: Path) -> None:
        written: list[str] = []

        def write_module(source: bytes, target: str) -> None:
            written.append(target)
            Path(target).write_bytes(source)

        loader = MAKO.loader(write(tmp_path / "t", index="x"), module_writer=write_module, cache_directory="cache")
        assert page(loader, "index.html") == "x"
        assert len(written) == 1

    def test_none_means_the_engines_default(self, tmp_path: Path) -> None:
        write(tmp_path, index="x")
        assert page(MAKO.loader(tmp_path, imports=None, buffer_filters=None, collection_size=None), "index.html") == "x"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"imports": ["import nowhere_at_all"]}, "Mako cannot use its options: No module named 'nowhere_at_all'"),
            ({"imports": ["not python"]}, "Mako cannot use its options"),
            ({"preprocessor": "nowhere_at_all.function"}, r"\['preprocessor'\]: cannot import"),
            ({"error_handler": "nowhere_at_all.function"}, r"\['error_handler'\]: cannot import"),
            ({"collection_size": "many"}, r"\['collection_size'\]: 'many' is not a whole number"),
            ({"format_exceptions": 1}, r"\['format_exceptions'\]: 1 is neither True nor False"),
            ({"output_encoding": "latin-1"}, r"\['output_encoding'\]: pages are sent as UTF-8"),
            ({"output_encoding": "klingon"}, r"\['output_encoding'\]"),
            ({"collection_sise": 3}, r"\['collection_sise'\].*did you mean 'collection_size'"),
            ({"directories": []}, r"\['directories'\]"),
        ],
    )
    def test_a_wrong_option_is_an_error_that_names_it(self, tmp_path: Path, options: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=f"TEMPLATE_CONFIG.*{message}"):
            MAKO.loader(tmp_path, **options)


class TestReservedNames:
    @pytest.mark.parametrize("name", ["context", "loop", "UNDEFINED", "self", "buffer", "tmpl", "callable_"])
    def test_a_value_of_a_reserved_name_does_not_break_the_page(
        self, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        write(tmp_path, index="% for x in y:\n${loop.index}${x}\n% endfor\n")
        loader = MAKO.loader(tmp_path)
        for _ in range(2):
            assert page(loader, "index.html", y="ab", **{name: 1}) == "0a\n1b\n"
        assert [record.getMessage() for record in caplog.records] == [
            f"Mako reserves the name {name!r}: the value of that name does not reach the templates; rename it"
        ]

    def test_loop_is_free_without_enable_loop(self, tmp_path: Path) -> None:
        write(tmp_path, index="${loop}")
        assert page(MAKO.loader(tmp_path, enable_loop=False), "index.html", loop=1) == "1"

    @pytest.mark.parametrize("name", ["handler", "modules", "request", "next", "name", "args", "data", "template"])
    def test_other_names_reach_the_template(self, tmp_path: Path, name: str) -> None:
        class Value:
            def __str__(self) -> str:
                return "value"

        write(tmp_path, index="${str(" + name + ") if '" + name + "' != 'modules' else 'value'}")
        assert page(MAKO.loader(tmp_path), "index.html", **{name: Value()}) == "value"

    def test_page_arguments(self, tmp_path: Path) -> None:
        write(tmp_path, index="<%page args='x, y=2'/>${x} ${y} ${sorted(pageargs)}")
        assert page(MAKO.loader(tmp_path), "index.html", x=1, z=3) == "1 2 [&#39;z&#39;]"


class TestErrors:
    def test_a_reserved_word_names_its_line(self, tmp_path: Path) -> None:
        write(tmp_path, index="\n\n<% loop = 1 %>")
        with pytest.raises(TemplateSyntaxError, match=r"index.html, line 3: Reserved words .*loop"):
            MAKO.loader(tmp_path).load("index.html")

    @pytest.mark.parametrize("options", [{}, {"cache_directory": "cache"}])
    def test_an_error_in_the_module_as_a_whole_names_its_line(self, tmp_path: Path, options: Any) -> None:
        write(tmp_path / "t", index="one\n<%\n  break\n%>")
        loader = MAKO.loader(tmp_path / "t", **options)
        for _ in range(2):
            with pytest.raises(TemplateSyntaxError, match=r"index.html, line 3: 'break' outside loop"):
                loader.load("index.html")

    def test_an_error_in_a_module_that_the_template_imports_is_that_modules(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "broken_helper_of_template.py").write_text("x = (\n")
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path, index="\n<%!\n  import broken_helper_of_template\n%>")
        with pytest.raises(SyntaxError) as caught:
            MAKO.loader(tmp_path).load("index.html")
        assert caught.value.filename == str(tmp_path / "broken_helper_of_template.py")

    @pytest.mark.parametrize("options", [{}, {"cache_directory": "cache"}])
    def test_an_error_of_a_module_block_has_a_note(self, tmp_path: Path, options: Any) -> None:
        write(tmp_path / "t", index="\n<%!\n  import nowhere_at_all\n%>")
        with pytest.raises(ModuleNotFoundError) as caught:
            MAKO.loader(tmp_path / "t", **options).load("index.html")
        assert caught.value.__notes__ == ["template index.html, line 3"]

    def test_a_missing_namespace_names_its_line(self, tmp_path: Path) -> None:
        write(tmp_path, index="\n\n<%namespace name='it' file='missing.html'/>${it.x()}")
        with pytest.raises(Exception, match=r"'missing.html', which index.html, line 3, asks for"):
            page(MAKO.loader(tmp_path), "index.html")

    @pytest.mark.parametrize("options", [{}, {"cache_directory": "cache"}])
    def test_lines_of_a_template_from_disk(self, tmp_path: Path, options: Any) -> None:
        write(tmp_path / "t", index="one\n\n${1 / x}")
        for _ in range(2):
            with pytest.raises(ZeroDivisionError) as caught:
                page(MAKO.loader(tmp_path / "t", **options), "index.html", x=0)
            assert caught.value.__notes__ == ["template index.html, line 3"]

    def test_lines_where_mako_gives_modules_no_loader(self, tmp_path: Path) -> None:
        """Mako 1.3 does not."""
        template: Any = MAKO.loader(write(tmp_path, index="one\n\n${1 / x}")).load("index.html")
        template.template.module.__loader__ = None
        with pytest.raises(ZeroDivisionError) as caught:
            template.generate(x=0)
        assert caught.value.__notes__ == ["template index.html, line 3"]
        write(tmp_path / "other", index="${1 / x}")
        other: Any = MAKO.loader(tmp_path / "other").load("index.html")  # its module has the same name
        with pytest.raises(ZeroDivisionError) as caught:
            template.generate(x=0)
        assert not hasattr(caught.value, "__notes__")
        del other

    def test_the_line_of_an_inherit_whose_file_is_gone(self, tmp_path: Path) -> None:
        template = MAKO.loader(write(tmp_path, index="\n<%inherit file='missing.html'/>")).load("index.html")
        (tmp_path / "index.html").unlink()
        with pytest.raises(Exception, match=r"'missing.html', which index.html, line 1, asks for"):
            template.generate()

    def test_makos_own_errors_come_out_as_they_are(self, tmp_path: Path) -> None:
        from mako.exceptions import RuntimeException

        write(tmp_path, index="\n${loop.index}")
        with pytest.raises(RuntimeException) as caught:
            page(MAKO.loader(tmp_path), "index.html")
        assert caught.value.__notes__ == ["template index.html, line 2"]

    def test_an_error_outside_of_templates_has_no_note(self, tmp_path: Path) -> None:
        write(tmp_path, index="<%page args='x'/>${x}")
        with pytest.raises(TypeError) as caught:
            page(MAKO.loader(tmp_path), "index.html")
        assert not hasattr(caught.value, "__notes__")


class TestDisk:
    def test_an_edit_while_the_template_is_compiled_leaves_no_wrong_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The compiled file's name promises a content; a later start must not find another one under it."""
        folder, cache = write(tmp_path / "t", index="old"), tmp_path / "cache"
        loader = MAKO.loader(folder, cache_directory=cache)
        real = _mako_collection.Template

        def edit_first(**arguments: Any) -> Any:
            write(folder, index="new")
            return real(**arguments)

        monkeypatch.setattr(_mako_collection, "Template", edit_first)
        assert page(loader, "index.html") == "new"
        monkeypatch.undo()
        write(folder, index="old")
        assert page(MAKO.loader(folder, cache_directory=cache), "index.html") == "old"

    def test_a_failed_write_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder, cache = write(tmp_path / "t", index="x"), tmp_path / "cache"
        loader = MAKO.loader(folder, cache_directory=cache)

        def refuse(self: Path, target: Path) -> Path:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(Path, "replace", refuse)
        assert page(loader, "index.html") == "x"
        assert not list(cache.iterdir())
        assert "cannot be used for index.html (No space left on device)" in caplog.text

    def test_a_compiled_file_that_cannot_be_read_is_a_warning(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder, cache = write(tmp_path / "t", index="x"), tmp_path / "cache"
        page(MAKO.loader(folder, cache_directory=cache), "index.html")
        for path in list(cache.iterdir()):
            if path.is_file():
                path.unlink()
                path.mkdir()
        assert page(MAKO.loader(folder, cache_directory=cache), "index.html") == "x"
        assert "cannot be used for index.html" in caplog.text


def test_namespaces_and_defs_cross_folders(tmp_path: Path) -> None:
    first = write(tmp_path / "first", macros="<%def name='show(x)'><i>${x}</i></%def>")
    second = write(tmp_path / "second", index="<%namespace name='m' file='macros.html'/>${m.show('<')}")
    assert page(MAKO.loader(first, second), "index.html") == "<i>&lt;</i>"


def test_the_lookup_is_a_collection_of_mako(tmp_path: Path) -> None:
    loader: Any = MAKO.loader(write(tmp_path, blog__index="x", blog__part="part"))
    assert loader.lookup.has_template("blog/index.html")
    assert not loader.lookup.has_template("missing.html")
    assert loader.load("part.html", "blog/index.html").generate() == b"part"
    assert loader.load("/blog/part.html", "blog/index.html").generate() == b"part"


def test_ui_methods_are_plain_functions(tmp_path: Path) -> None:
    write(tmp_path, index="${shout(x)}")
    assert page(MAKO.loader(tmp_path), "index.html", shout=shout, x="<a>") == "&lt;A&gt;!"


def test_modules_are_asked_lazily(tmp_path: Path) -> None:
    write(tmp_path, index="${modules['Entry']('x')}${modules.Entry('y')}")

    class Modules(types.SimpleNamespace):
        def __getitem__(self, name: str) -> Any:
            return getattr(self, name)

    assert page(MAKO.loader(tmp_path), "index.html", modules=Modules(Entry=lambda text: f"<p>{text}")) == "<p>x<p>y"
