"""Tornado stays Tornado: its own tests pass with tornadopy's classes in place, save for the named differences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tornado_compat.differences import DIFFERENCES, expected
from tornado_compat.suite import RUNS, run

DOCS = Path(__file__).parents[2] / "docs" / "tornado.md"

WITHOUT_APPLICATIONS = {"template"}


@pytest.mark.parametrize(("module", "configuration"), RUNS)
def test_tornados_own_tests_pass(module: str, configuration: str, record_property) -> None:
    """All tests of the module pass, except exactly those whose difference is justified."""
    outcome = run(module, configuration)
    for name in ("passed", "failed", "skipped"):
        record_property(name, outcome.counts[name])
    print(f"{module}_test, {configuration}: {outcome.run} run, {dict(outcome.counts)}, made {outcome.made}")

    justified = expected(f"{module}_test", configuration)
    defects = outcome.failed - justified
    assert not defects, "\n\n".join(f"{test}\n{outcome.details[test][-3000:]}" for test in sorted(defects))
    assert not justified - outcome.failed, "these are listed as differences, but pass: remove them from the list"

    assert outcome.counts["passed"] > 0
    _check_made(module, configuration, outcome.made)
    if configuration != "async":  # a loop that is closed with hooks under way warns of them
        assert outcome.stderr == ""


def _check_made(module: str, configuration: str, made: dict[str, int]) -> None:
    """The tests have made what is to be tested, and nothing of Tornado's in its place."""
    if module in WITHOUT_APPLICATIONS:
        assert made["template loader of tornadopy"] > 0
        return
    tested = {"server": ("server",), "whole": ("application", "handler", "server")}
    for kind in tested.get(configuration, ("application", "handler")):
        assert made[f"{kind} of tornadopy"] > 0
        assert f"{kind} of tornado" not in made, f"a test has used a {kind} that is not tornadopy's"


def test_the_docs_name_every_difference() -> None:
    """`docs/tornado.md` lists the tests of the table, all of them and no others."""
    named = set(re.findall(r"`(\w+_test\.\w+\.\w+)`", DOCS.read_text(encoding="utf-8")))
    assert named == set(DIFFERENCES)
