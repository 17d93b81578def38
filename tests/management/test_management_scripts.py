"""What the scripts say on a machine that lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "cat", "cksum", "rm", "env", "id", "mktemp")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what the scripts need of a checkout, and a folder ``bin`` with the least of tools."""
    shutil.copytree(ROOT / "scripts", tmp_path / "checkout" / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "checkout" / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "checkout")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path / "checkout"


def run(script: str, checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"scripts/{script}"],
        cwd=checkout,
        env={"PATH": str(checkout.parent / "bin"), "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def install_python(checkout: Path, source: str) -> None:
    fake = checkout.parent / "bin" / "python3"
    fake.write_text(f"#!{shutil.which('sh')}\n{source}\n")
    fake.chmod(0o755)


@pytest.mark.parametrize("script", ["demo", "test", "check", "lock"])
def test_no_python(checkout: Path, script: str) -> None:
    ended = run(script, checkout)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: no Python 3.11 or newer was found; install it (Debian: apt-get install")
    assert ended.stderr.count("\n") == 1


def test_a_python_that_is_too_old(checkout: Path) -> None:
    install_python(checkout, "exit 1")
    assert "no Python 3.11 or newer" in run("demo", checkout).stderr


@pytest.mark.parametrize("script", ["demo", "test", "check"])
def test_a_python_without_venv(checkout: Path, script: str) -> None:
    python = f'if [ "$1" = -m ]; then echo "No module named venv"; exit 1; fi; exec "{sys.executable}" "$@"'
    install_python(checkout, python)
    ended = run(script, checkout)
    assert ended.returncode == 1
    assert "No module named venv" in ended.stderr
    assert "apt-get install python3-venv" in ended.stderr.splitlines()[-1]
    assert not any(each.is_dir() for each in checkout.glob(".*"))


def test_an_index_that_cannot_be_reached(checkout: Path) -> None:
    install_python(checkout, f'exec "{sys.executable}" "$@"')
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    ended = run("demo", checkout, **offline)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        "Error: the packages of requirements/demo.txt could not be installed"
    )


def test_the_scripts_are_posix_and_can_be_executed() -> None:
    for name in ("demo", "test", "check", "lock"):
        script = ROOT / "scripts" / name
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/bin/sh\n")
        assert "\nset -eu\n" in script.read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
