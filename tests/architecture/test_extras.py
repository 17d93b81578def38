"""What the package can be installed with: the extras, and what the READMEs say of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


def test_all_is_all_the_others() -> None:
    (requirement,) = EXTRAS["all"]
    names = requirement.removeprefix("tornadopy[").removesuffix("]").split(",")
    assert sorted(names) == sorted(EXTRAS.keys() - {"all"})


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_lists_each(name: str) -> None:
    rows = [line.split("|")[1] for line in (ROOT / name).read_text("utf-8").splitlines() if line.startswith("| `")]
    assert EXTRAS.keys() <= set(re.findall(r"`([a-z0-9]+)`", " ".join(rows)))


@pytest.mark.parametrize("name", ["redis", "memcached", "mysql", "postgres"])
def test_the_drivers_of_parts_to_come_have_their_extra(name: str) -> None:
    assert EXTRAS[name]
