"""The benchmark runs: its figures are never asserted, for they belong to the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROUTED = ["routes-1000", "routes-10000"]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overhead.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_it_measures_every_variant(tmp_path: Path) -> None:
    """Two tiny rounds print a line a variant, write JSON, and leave standard error alone."""
    file = tmp_path / "overhead.json"
    completed = run("--rounds=2", "--requests=7", "--connections=3", "--access-log", "--routes", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["rounds"] == 2
    assert list(report["variants"]) == ["tornado", "none", "adapted", "three", "tornado-log", "log", *ROUTED]
    for variant in report["variants"].values():
        assert variant["name"] in completed.stdout
        assert variant["requests_per_second"] > 0
        assert len(variant["cpu_us_rounds"]) == 2
    assert report["variants"]["tornado"]["ratio"] == 1
    assert report["variants"]["log"]["baseline"] == "tornado-log"


def test_it_stops_when_its_time_is_up(tmp_path: Path) -> None:
    """No round begins after ``--seconds``; the first always runs."""
    file = tmp_path / "overhead.json"
    completed = run("--rounds=1000", "--requests=5", "--seconds=0", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    assert json.loads(file.read_text(encoding="utf-8"))["rounds"] == 1


@pytest.mark.parametrize("option", ["--rounds=0", "--requests=0", "--connections=0"])
def test_it_refuses_nothing_to_do(option: str) -> None:
    """A wrong option is named."""
    completed = run(option)
    assert completed.returncode == 2
    assert option.partition("=")[0] in completed.stderr
