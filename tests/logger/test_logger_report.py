"""Reports on standard error."""

from __future__ import annotations

import io
import sys

import pytest

from tornadopy.logger import report as report_module
from tornadopy.logger.report import Trouble, report


def test_a_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report("a file\nwith a line feed in its name")
    assert capsys.readouterr().err == "tornadopy: a file\\x0awith a line feed in its name\n"


def test_a_report_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    report("nobody hears it")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    report("nobody hears it")


def test_lasting_trouble_is_reported_once_an_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(report_module.time, "monotonic", lambda: clock[0])
    trouble = Trouble(interval=60)
    trouble.is_over("nothing was wrong")
    for second in (0, 1, 59, 60, 61):
        clock[0] = 1000.0 + second
        trouble.happened(f"at {second}")
    trouble.is_over("over")
    trouble.is_over("over")
    trouble.happened("again, too early")
    assert capsys.readouterr().err.splitlines() == ["tornadopy: at 0", "tornadopy: at 60", "tornadopy: over"]
