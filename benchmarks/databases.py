"""tornadopy, FastAPI with SQLAlchemy and Django on one PostgreSQL: one query, twenty queries, fortunes.

    scripts/bench databases                    # a few minutes; prints tables
    scripts/bench databases --quick --json=figures.json

It starts a PostgreSQL of its own. `dbpeers` has the frameworks and the cases, `harness` measures them; how, and what is
compared, is in ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import dbpeers
from compare import Progress, chosen, name_list
from dbpeers import postgres
from dbpeers.cases import CASES
from harness import report
from harness.measure import Bench, Effort
from harness.processes import ServerError, on_core
from harness.wire import WrongAnswerError
from peers.peer import Peer

FULL = Effort(rounds=15, seconds=0.4, requests=100_000, idle=0, starts=0)
QUICK = Effort(rounds=5, seconds=0.2, requests=100_000, idle=0, starts=0)
BASELINE = "tornadopy"
GLANCE = ("row", "rows", "fortunes")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench databases",
        description="Measure tornadopy on PostgreSQL side by side with FastAPI and Django.",
    )
    cases, rows = ", ".join(each.name for each in CASES), ", ".join(dbpeers.ROWS)
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--case", type=name_list, metavar="NAME,…", help=f"only these cases, of {cases}")
    parser.add_argument("--peers", type=name_list, metavar="NAME,…", help=f"only these, of {rows}")
    parser.add_argument("--rounds", type=int, help=f"{FULL.rounds} if not given, {QUICK.rounds} with --quick")
    parser.add_argument("--seconds", type=float, help=f"of a turn; {FULL.seconds:g}, {QUICK.seconds:g} with --quick")
    parser.add_argument("--requests", type=int, help=f"at most, in a turn; {FULL.requests}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument("--check", action="store_true", help="only see whether every framework answers rightly")
    options = parser.parse_args(arguments)
    base = QUICK if options.quick else FULL
    given = {name: getattr(options, name) for name in ("rounds", "seconds", "requests")}
    for name, value in given.items():
        if value is not None and value <= 0:
            parser.error(f"--{name} must be more than 0")
    options.effort = dataclasses.replace(base, **{name: value for name, value in given.items() if value is not None})
    options.cases = chosen(parser, "--case", options.case, {each.name: each for each in CASES})
    options.rows = chosen(parser, "--peers", options.peers, {name: name for name in dbpeers.ROWS})
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, measure, print and write; return the exit status."""
    options = parse(arguments)
    if not hasattr(select, "epoll"):
        sys.stderr.write("Error: this benchmark needs Linux: its epoll and its /proc\n")
        return 1
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the servers are ended
    cores = sorted(os.sched_getaffinity(0))
    server_core, load_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    try:
        # The servers have a core to themselves: the database shares the other one with the load generator.
        with on_core(load_core), postgres.running() as address:
            environment = address.environment()
            rows = [_on_database(dbpeers.load(name), environment) for name in options.rows]
            show = Progress()
            bench = Bench(rows, options.cases, options.effort, server_core=server_core, load_core=load_core, show=show)
            return conduct(options, bench, rows, show, pinned=load_core is not None)
    except (WrongAnswerError, ServerError, postgres.MissingPostgresError) as error:
        sys.stderr.write(f"\nError: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; nothing was written.\n")
        return 130


def _on_database(peer: Peer, environment: dict[str, str]) -> Peer:
    return dataclasses.replace(peer, environment={**peer.environment, **environment})


def conduct(options: argparse.Namespace, bench: Bench, rows: Sequence[Peer], show: Progress, *, pinned: bool) -> int:
    """Let *bench* check and measure, and print and write what comes out; return the exit status."""
    problems = bench.check()
    show("")
    if problems:
        sys.stderr.write("Error: nothing is measured, for not everything is answered rightly:\n")
        sys.stderr.writelines(f"- {each}\n" for each in problems)
        return 1
    if options.check:
        print(f"{', '.join(each.title for each in rows)}: {len(options.cases)} cases answered rightly.")
        return 0
    machine = report.environment(options.effort, quick=options.quick, pinned=pinned)
    results = bench.measure()
    show("")
    machine["load_after"] = os.getloadavg()[0]
    print(report.document(results, rows, options.cases, machine, baseline=BASELINE, glance=GLANCE), end="")
    if options.json is not None:
        text = json.dumps(report.as_json(results, rows, machine), indent=2)
        options.json.write_text(f"{text}\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
