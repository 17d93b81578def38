"""What the template engines have in common: compiled templates in memory, on disk, in threads and processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from template_dialects import DIALECTS, JINJA2, MAKO, Dialect, page, write

from tornadopy.exceptions import ConfigError, TemplateNotFound


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


@pytest.fixture(params=[JINJA2, MAKO], ids=str)
def on_disk(request: pytest.FixtureRequest) -> Dialect:
    """An engine that keeps compiled templates on disk."""
    return request.param


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
            base="[" + dialect.include("part.html") + dialect.block("content", "") + "]",
            part="1",
            index=dialect.extends("base.html") + dialect.block("content", "x"),
        )
        assert page(loader, "index.html").strip() == "[1x]"
        write(tmp_path, part="2")
        assert page(loader, "index.html").strip() == "[2x]"
        write(tmp_path, base="(" + dialect.include("part.html") + dialect.block("content", "") + ")")
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

    def test_a_folder_of_another_user_is_not_used(
        self, on_disk: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its owner could put code there, whatever its mode says."""
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        cache.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(cache, 12345, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
        assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == "x"
        assert not list(cache.iterdir())
        assert "belongs to another user" in caplog.text
        assert "compiled templates are kept in memory alone" in caplog.text

    def test_a_folder_that_a_group_can_write_is_used_with_a_warning(
        self, on_disk: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        cache.mkdir()
        cache.chmod(0o770)
        assert page(on_disk.loader(folder, cache_directory=cache), "index.html") == "x"
        assert list(cache.iterdir())
        assert "writable for its group" in caplog.text

    def test_a_folder_made_by_the_engine_is_no_matter_for_a_warning(self, on_disk: Dialect, tmp_path: Path) -> None:
        folder, cache = write(tmp_path / "templates", index="x"), tmp_path / "cache"
        on_disk.loader(folder, cache_directory=cache)
        assert cache.stat().st_mode & 0o777 == 0o700

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
        write(tmp_path, base="[" + dialect.block("content", "") + "]")
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
        write(folder, base="[" + on_disk.block("content", "") + "]")
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
