"""Which of Tornado's test modules are run, in which configurations; print the counts of all of them as a table.

python tests/tornado_compat/suite.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

RUNNER = Path(__file__).with_name("runner.py")

PROCESS_SECONDS = 300
TEST_SECONDS = "30"  # Tornado's default of five is short on a busy machine

CONFIGURATIONS = ("none", "sync", "async", "plain")

RUNS = [
    *((module, each) for module in ("web", "httpserver", "routing", "websocket") for each in CONFIGURATIONS),
    ("circlerefs", "none"),
    ("circlerefs", "sync"),
    ("circlerefs", "plain"),
    *((module, "server") for module in ("web", "httpserver", "websocket", "simple_httpclient", "routing", "wsgi")),
    ("circlerefs", "server"),
    *((module, "whole") for module in ("web", "httpserver", "websocket", "simple_httpclient", "routing", "circlerefs")),
    *((module, "none") for module in ("template", "auth", "gen", "httpclient", "simple_httpclient", "security_corpus")),
]
"""Asynchronous ``endcall`` hooks outlive the check of circlerefs_test, which would prove nothing with them."""


@dataclass(frozen=True)
class Outcome:
    """What became of the tests of one module.

    Attributes:
        outcomes: ``passed``, ``failed``, ``skipped`` or ``abstract`` of each test.
        details: Why, where there is something to say.
        made: How many applications and handlers the tests have made, of tornadopy's classes and of Tornado's.
        stderr: What the process wrote there.
    """

    outcomes: dict[str, str]
    details: dict[str, str]
    made: dict[str, int]
    stderr: str
    seconds: float
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", Counter(self.outcomes.values()))

    @property
    def failed(self) -> set[str]:
        """The tests that failed."""
        return {test for test, outcome in self.outcomes.items() if outcome == "failed"}

    @property
    def run(self) -> int:
        """How many tests ran."""
        return self.counts["passed"] + self.counts["failed"]


def run(module: str, configuration: str) -> Outcome:
    """Run one of Tornado's test modules in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("TORNADOPY_")}
    completed = subprocess.run(
        [sys.executable, str(RUNNER), f"tornado.test.{module}_test", "--configuration", configuration],
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        env={**environment, "ASYNC_TEST_TIMEOUT": TEST_SECONDS, "EMULATION": "1"},  # 0.5 s where Tornado gives 0.1
        check=False,
    )
    if completed.returncode != 0:
        raise RuntimeError(f"{module}: the runner failed\n{completed.stderr}")
    return Outcome(**json.loads(completed.stdout))


def main() -> None:
    """Print the counts."""
    print("| module | configuration | run | passed | differences | skipped |")
    print("|---|---|---:|---:|---:|---:|")
    for module, configuration in RUNS:
        outcome = run(module, configuration)
        numbers = outcome.run, outcome.counts["passed"], outcome.counts["failed"], outcome.counts["skipped"]
        print(f"| `{module}_test` | {configuration} | {' | '.join(map(str, numbers))} |", flush=True)


if __name__ == "__main__":
    main()
