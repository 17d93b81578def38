"""The benchmark of the handlers runs, and looks at each answer; its figures are never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "handlers.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_it_measures_every_case(tmp_path: Path) -> None:
    """Two tiny rounds print a line a variant, write JSON, and leave standard error alone."""
    file = tmp_path / "handler.json"
    completed = run("--rounds=2", "--requests=40", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["rounds"] == 2
    cases = [
        "JSON",
        "JSON, async def",
        "JSON by orjson",
        "text",
        "query argument",
        "cookies",
        "JSON body",
        "access log",
    ]
    assert list(dict.fromkeys(line["case"] for line in report["lines"])) == cases
    for line in report["lines"]:
        assert line["case"] in completed.stdout
        assert line["cpu_us_quiet"] > 0
        assert line["variant"] != "plain Tornado" or line["times_cheaper_quiet"] == 1


def test_one_case_alone(tmp_path: Path) -> None:
    file = tmp_path / "handler.json"
    completed = run("--rounds=1", "--requests=1", "--case=text", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    assert {line["case"] for line in json.loads(file.read_text(encoding="utf-8"))["lines"]} == {"text"}


@pytest.mark.parametrize("option", ["--rounds=0", "--requests=0", "--case=none"])
def test_it_refuses_what_it_cannot_do(option: str) -> None:
    """A wrong option is named."""
    completed = run(option)
    assert completed.returncode == 2
    assert option.partition("=")[0] in completed.stderr
