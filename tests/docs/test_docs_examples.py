"""The examples of README and docs run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARKED = re.compile(r"^<!-- test: run(?: with ([a-z ]+))? -->\n+```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESSES = {"redis": "127.0.0.1:6379", "memcached": "127.0.0.1:11211"}
"""Servers that an example may run with, by the address that it shows; the test puts a real one in its place."""

EXAMPLES = [
    pytest.param(
        match.group(2),
        (match.group(1) or "").split(),
        id=f"{page.relative_to(ROOT)}:{text[: match.start(2)].count(chr(10)) + 1}",
    )
    for page in PAGES
    for text in [page.read_text(encoding="utf-8")]
    for match in MARKED.finditer(text)
]


def test_there_are_examples() -> None:
    """The pattern finds what the pages mark."""
    marks = sum(page.read_text(encoding="utf-8").count("\n<!-- test: run") for page in PAGES)
    assert len(EXAMPLES) == marks > 0


@pytest.mark.parametrize(("source", "servers"), EXAMPLES)
def test_example_runs(source: str, servers: list[str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An example that is marked runs in a fresh interpreter and an empty folder, without warnings."""
    for name in servers:
        assert ADDRESSES[name] in source
        source = source.replace(ADDRESSES[name], request.getfixturevalue(f"{name}_server").address)
    script = tmp_path / "example.py"
    script.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_chinese_tutorial_has_the_code_of_the_english_one() -> None:
    """Who reads Chinese types the same lines."""
    blocks = [
        re.findall(r"```[a-z]*\n.*?```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.DOTALL)
        for name in ("tutorial.md", "tutorial.zh-CN.md")
    ]
    assert blocks[0] == blocks[1]
