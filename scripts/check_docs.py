# ruff: noqa: INP001 - scripts are no package
"""Look at the documentation: links lead somewhere, Python in it compiles.

Called by ``scripts/check``; the test suite runs the blocks marked by ``<!-- test: run -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
_PUNCTUATION = re.compile(r"[^\w\- ]")


def main() -> int:
    """Print each problem in a line, and return the exit status."""
    problems = [problem for page in pages() for problem in check(page)]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


def pages() -> list[Path]:
    """Return the pages of the documentation."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def check(page: Path) -> Iterator[str]:
    """Yield what is wrong with *page*."""
    text = page.read_text("utf-8")
    yield from _check_python(page, text)
    prose = _FENCE.sub("", text)
    for found in _LINK.finditer(prose):
        target = found["target"] or found["image"]
        if not re.match(r"[a-z]+:", target) and not _leads_somewhere(page, target):
            yield f"{_place(page, text, found[0])}: the link {target} leads nowhere"


def _check_python(page: Path, text: str) -> Iterator[str]:
    for found in _FENCE.finditer(text):
        if found["language"] not in {"python", "py"}:
            continue
        body = re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        first = text.count("\n", 0, found.start("body")) + 1
        try:
            compile(body, str(page), "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        except SyntaxError as error:
            line = first + (error.lineno or 1) - 1
            yield f"{page.relative_to(ROOT)}:{line}: this block is no Python: {error.msg}"


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in _anchors(file)


def _anchors(page: Path) -> set[str]:
    """Return the anchors that code hosts make of the headings of *page*."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    return {_PUNCTUATION.sub("", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose)}


def _place(page: Path, text: str, excerpt: str) -> str:
    return f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, text.index(excerpt)) + 1}"


if __name__ == "__main__":
    sys.exit(main())
