"""The search path, and what options have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.template._options import fingerprint
from tornadopy.template._search import SearchPath

SEGMENTS = st.sampled_from(["", ".", "..", "...", "a", "b.html", "~", "C:", "..a", "\0", " "])
NAMES = st.one_of(
    st.builds(lambda parts, sep: sep.join(parts), st.lists(SEGMENTS, max_size=8), st.sampled_from(["/", "\\"])),
    st.text(),
)
FOLDERS = [Path("/srv/site/templates"), Path("/srv/app/templates")]


@given(NAMES)
def test_no_name_leads_out_of_the_folders(name: str) -> None:
    search = SearchPath(FOLDERS)
    normal = search.normalise(name)
    if normal is not None:
        for folder in FOLDERS:
            assert os.path.normpath(f"{folder}/{normal}").startswith(f"{folder}/")


@given(NAMES)
def test_a_normal_name_stays_as_it_is(name: str) -> None:
    search = SearchPath(FOLDERS)
    normal = search.normalise(name)
    if normal is not None:
        assert search.normalise(normal) == normal


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("index.html", "index.html"),
        ("blog/index.html", "blog/index.html"),
        ("/index.html", "index.html"),
        ("//blog//index.html", "blog/index.html"),
        ("blog\\index.html", "blog/index.html"),
        (".hidden/index.html", ".hidden/index.html"),
        ("blog/./../index.html", "index.html"),
        ("/srv/app/templates/blog/index.html", "blog/index.html"),
        ("/srv/app/templates/../secret", None),
        ("..", None),
        ("", None),
        ("/", None),
        ("blog/../..", None),
    ],
)
def test_normal_names(name: str, normal: str | None) -> None:
    assert SearchPath(FOLDERS).normalise(name) == normal


def test_the_root_of_the_file_system_is_a_folder_like_others(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("x")
    stamp = SearchPath(["/"]).stamp(str(tmp_path / "x.html"))
    assert stamp is not None
    assert stamp.path == tmp_path / "x.html"


def test_relative_folders_are_those_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.html").write_text("x")
    monkeypatch.chdir(tmp_path)
    search = SearchPath(["templates"])
    monkeypatch.chdir("/")
    assert search.stamp("x.html") is not None


def test_the_name_of_a_file() -> None:
    search = SearchPath(FOLDERS)
    assert search.name_of("/srv/app/templates/blog/index.html") == "blog/index.html"
    assert search.name_of("/srv/app/handlers.py") is None


def function() -> None: ...


def other_function() -> None: ...


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        (function, other_function),
        (int, str),
        ({"x", "y"}, {"x", "z"}),
        (object(), Path()),
        ([function], [other_function]),
    ],
)
def test_other_options_have_another_fingerprint(one: Any, other: Any) -> None:
    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(one) != fingerprint(other)


def test_a_fingerprint_holds_no_address() -> None:
    assert fingerprint(object()) == fingerprint(object())
