"""The benchmark of sessions runs: its figures are never asserted, for they belong to the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import find_program

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sessions.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_it_measures_every_variant(tmp_path: Path) -> None:
    """Two tiny rounds print a line a variant, write JSON, and leave standard error alone."""
    find_program("redis-server", "redis-server")
    file = tmp_path / "sessions.json"
    completed = run("--rounds=2", "--requests=7", "--connections=3", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["rounds"] == 2
    uses = ["no-cookie", "cookie", "read", "write"]
    assert list(report["variants"]) == [
        "without", *(f"memory:{use}" for use in uses), *(f"redis:{use}" for use in uses),
    ]  # fmt: skip
    for variant in report["variants"].values():
        assert variant["name"] in completed.stdout
        assert variant["requests_per_second"] > 0
        assert variant["p99_ms"] > 0
        assert len(variant["cpu_us_rounds"]) == 2
    assert report["variants"]["without"]["ratio"] == 1


def test_it_measures_what_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    completed = run("--rounds=1", "--requests=3", "--only=memory:read", "--only=memory:write", f"--json={file}")
    assert completed.returncode == 0, completed.stderr
    report = json.loads(file.read_text(encoding="utf-8"))
    assert list(report["variants"]) == ["without", "memory:read", "memory:write"]


@pytest.mark.parametrize("option", ["--rounds=0", "--requests=0", "--connections=0"])
def test_it_refuses_nothing_to_do(option: str) -> None:
    """A wrong option is named."""
    completed = run(option)
    assert completed.returncode == 2
    assert option.partition("=")[0] in completed.stderr
