"""tornadopy side by side with other frameworks, each on the server that it recommends for production.

    scripts/bench                                    # all of it; writes docs/benchmarks.md and its picture
    scripts/bench --quick                            # the same, with little patience
    scripts/bench --case=json,post --peers=tornado,starlette,tornadopy --json=figures.json

``docs/benchmarks.md`` tells what is measured and how; `harness.cases` is the list of cases, `peers` the frameworks.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import select
import shutil
import signal
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import peers
from harness import plot, report, signals
from harness.cases import CASES, Case, LoadCase
from harness.measure import Bench, Effort, Results
from harness.processes import ServerError
from harness.wire import WrongAnswerError
from peers.peer import Peer

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "benchmarks.md"
PICTURE = Path("images") / "benchmarks.svg"
ALTERNATIVE = "The processor time that a request costs in each framework, as bars; the tables have the same figures"

FULL = Effort(rounds=15, seconds=0.1, requests=100_000, idle=10_000, starts=9, processes=3)
QUICK = Effort(rounds=3, seconds=0.1, requests=100_000, idle=1_000, starts=3)

EFFORT = tuple(each.name for each in dataclasses.fields(Effort))
"""The names of the options that say how much is measured."""

FILES = 24_000
"""Open files that ten thousand connections need, on both sides, and some."""

Named = TypeVar("Named")


class Progress:
    """Shows one line after another in the same place of a terminal; elsewhere it shows nothing."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()

    def __call__(self, line: str) -> None:
        """Show *line*."""
        if self._is_shown:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\033[K{line[:width]}")
            sys.stderr.flush()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure tornadopy side by side with other frameworks."
    )
    names = ", ".join(each.name for each in CASES)
    parser.add_argument("--quick", action="store_true", help="few and short rounds, fewer idle connections")
    parser.add_argument("--case", type=name_list, metavar="NAME,…", help=f"only these cases, of {names}")
    parser.add_argument("--peers", type=name_list, metavar="NAME,…", help=f"only these, of {', '.join(peers.ROWS)}")
    parser.add_argument("--rounds", type=int, help=f"{FULL.rounds} if not given, {QUICK.rounds} with --quick")
    parser.add_argument("--seconds", type=float, help=f"of a turn; {FULL.seconds:g}, {QUICK.seconds:g} with --quick")
    parser.add_argument("--requests", type=int, help=f"at most, in a turn; {FULL.requests}")
    parser.add_argument(
        "--processes", type=int, help=f"of each server; {FULL.processes}, {QUICK.processes} with --quick"
    )
    parser.add_argument("--idle", type=int, help=f"idle connections; {FULL.idle}, {QUICK.idle} with --quick")
    parser.add_argument("--starts", type=int, help=f"of each server; {FULL.starts}, {QUICK.starts} with --quick")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument(
        "--docs", type=Path, metavar="FOLDER", help=f"write {PAGE} there; a run of everything does so in docs"
    )
    parser.add_argument("--check", action="store_true", help="only see whether every framework answers rightly")
    options = parser.parse_args(arguments)
    for name in EFFORT:
        value = getattr(options, name)
        if value is not None and value <= 0:
            parser.error(f"--{name} must be more than 0")
    if options.docs is not None and not (options.docs / PAGE).is_file():
        parser.error(f"--docs: there is no {options.docs / PAGE}; the figures go between the markers of such a page")
    options.cases = chosen(parser, "--case", options.case, {each.name: each for each in CASES})
    options.rows = list(chosen(parser, "--peers", options.peers, {name: name for name in peers.ROWS}))
    return options


def name_list(text: str) -> list[str]:
    """Return the names of an option."""
    return [each.strip() for each in text.split(",") if each.strip()]


def chosen(
    parser: argparse.ArgumentParser, option: str, wanted: list[str] | None, known: dict[str, Named]
) -> list[Named]:
    """Return what the names of an option mean; all that is *known* without it."""
    unknown = [each for each in wanted or () if each not in known]
    if unknown or wanted == []:
        parser.error(f"{option}: there is no {', '.join(unknown) or 'name'}; known are {', '.join(known)}")
    return [value for name, value in known.items() if wanted is None or name in wanted]


def effort_of(options: argparse.Namespace) -> Effort:
    """Return how much is to be measured."""
    base = QUICK if options.quick else FULL
    given = {name: getattr(options, name) for name in EFFORT}
    return Effort(**{name: getattr(base, name) if value is None else value for name, value in given.items()})


def raise_file_limit() -> None:
    """Let this process, and the servers that inherit it, have as many open files as ten thousand connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES or soft == resource.RLIM_INFINITY:
        return
    wanted = FILES if hard == resource.RLIM_INFINITY else max(FILES, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, wanted))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def draw(results: Results, rows: Sequence[Peer], cases: Sequence[Case]) -> str:
    """Return the picture of the cases at a glance, or of those that there are."""
    loads = [each for each in cases if isinstance(each, LoadCase)]
    shown = [each for each in loads if each.name in report.GLANCE] or loads
    panels = []
    for case in shown:
        found = [(peer, results[case.name][peer.name]) for peer in rows if peer.name in results[case.name]]
        bars = [
            plot.Bar(peer.title, statistics.median(figures.cpu_us), is_own=peer.name.startswith("tornadopy"))
            for peer, figures in found
        ]
        panels.append(plot.Panel(case.title, sorted(bars, key=lambda bar: bar.value)))
    note = "Microseconds of the server's processor time for one request; less is better."
    return plot.draw("Processor time a request", note, panels)


def write_docs(folder: Path, figures: str, picture: str) -> None:
    """Put the picture beside the page, and picture and figures between the page's markers."""
    page = folder / PAGE
    shown = f"![{ALTERNATIVE}]({PICTURE.as_posix()})"
    page.write_text(report.insert(page.read_text("utf-8"), f"{shown}\n\n{figures}"), "utf-8")
    (folder / PICTURE).parent.mkdir(exist_ok=True)
    (folder / PICTURE).write_text(picture, "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, measure, print and write; return the exit status."""
    options = parse(arguments)
    if not hasattr(select, "epoll"):
        sys.stderr.write("Error: this benchmark needs Linux: its epoll and its /proc\n")
        return 1
    for number in signals.NUMBERS:
        signal.signal(number, signals.end)
    raise_file_limit()
    rows = [peers.load(name) for name in options.rows]
    present = [each for each in rows if not each.absent]
    cores = sorted(os.sched_getaffinity(0))
    pinned = len(cores) > 1
    server_core, load_core = (cores[0], cores[1]) if pinned else (None, None)
    if load_core is not None:
        os.sched_setaffinity(0, {load_core})
    effort, show = effort_of(options), Progress()
    machine = report.environment(effort, quick=options.quick, pinned=pinned)
    bench = Bench(present, options.cases, effort, server_core=server_core, load_core=load_core, show=show)
    try:
        return conduct(options, bench, rows, machine, show)
    except (WrongAnswerError, ServerError) as error:
        sys.stderr.write(f"\nError: {error}\n")
        return 1
    except SystemExit:
        sys.stderr.write("\nInterrupted; nothing was written.\n")
        raise


def conduct(
    options: argparse.Namespace, bench: Bench, rows: Sequence[Peer], machine: dict[str, object], show: Progress
) -> int:
    """Let *bench* check and measure, and publish what comes out; return the exit status."""
    problems = bench.check()
    show("")
    if problems:
        sys.stderr.write("Error: nothing is measured, for not everything is answered rightly:\n")
        sys.stderr.writelines(f"- {each}\n" for each in problems)
        return 1
    if options.check:
        present = [each.title for each in rows if not each.absent]
        print(f"{', '.join(present)}: {len(options.cases)} cases answered rightly.")
        return 0
    results = bench.measure()
    show("")
    machine["load_after"] = os.getloadavg()[0]
    publish(options, results, rows, machine)
    return 0


def publish(options: argparse.Namespace, results: Results, rows: Sequence[Peer], machine: dict[str, object]) -> None:
    """Print the tables, and write what was asked for."""
    figures = report.document(results, rows, options.cases, machine)
    print(figures, end="")
    if options.json is not None:
        text = json.dumps(report.as_json(results, rows, machine), indent=2)
        options.json.write_text(f"{text}\n", "utf-8")
    is_whole = options.case is None and options.peers is None
    folder = options.docs or (DOCS if is_whole else None)
    if folder is not None:
        write_docs(folder, figures, draw(results, rows, options.cases))


if __name__ == "__main__":
    sys.exit(main())
