"""The benchmark of databases runs, for tornadopy alone; its figures belong to the machine, and are never asserted."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.postgres_servers import find_postgres

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEERS = ["tornadopy", "tornadopy-loop", "tornadopy-threads"]
TINY = ["--rounds=1", "--seconds=0.05", "--requests=20", f"--peers={','.join(PEERS)}"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads Linux's /proc")

sys.path.append(str(BENCHMARKS))
cases = importlib.import_module("dbpeers.cases")
site = importlib.import_module("dbpeers.site")


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    find_postgres("postgres")
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "databases.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that PostgreSQL's user, who is not root, can go through."""
    for each in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        each.chmod(0o755)
    return tmp_path


def test_it_measures_every_case(folder: Path) -> None:
    """Every case has a row for each way of using the database, and nothing is left behind."""
    file = folder / "figures.json"
    completed = run(*TINY, f"--json={file}", folder=folder)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    found = json.loads(file.read_text("utf-8"))["cases"]
    assert list(found) == ["json", "row", "rows", "fortunes"]
    for rows in found.values():
        assert list(rows) == PEERS
        assert all(figures["median"]["cpu_us"] > 0 for figures in rows.values())
    assert "speed against tornadopy" in completed.stdout
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("option", ["--case=two", "--peers=rails", "--rounds=0"])
def test_it_refuses_what_it_does_not_know(option: str, tmp_path: Path) -> None:
    completed = run(option, folder=tmp_path)
    assert completed.returncode == 2
    assert option.partition("=")[0] in completed.stderr


def test_twenty_queries_are_for_twenty_rows() -> None:
    """No row of a request comes twice: a session would not ask the database for it again."""
    for seed in range(10_000_000, 10_000_050):
        ids = site.row_ids(seed, site.TWENTY)
        assert len(set(ids)) == site.TWENTY
        assert all(1 <= each <= site.ROWS for each in ids)


def test_the_page_is_sorted_and_escaped() -> None:
    page = cases.fortunes_body()
    assert "<script>" not in page
    assert page.index("Fortune &lt;\0&gt;") < page.index("He who commits")
    assert page.count("<tr>") == len(site.FORTUNES) + 2
