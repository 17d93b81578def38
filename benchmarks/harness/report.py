"""From figures to what people read: the tables in Markdown, and the JSON for programs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers.peer import Peer

from harness.cases import Case, IdleCase, LoadCase, StartCase
from harness.measure import Effort, Figures, Results

BASELINE = "tornado"
BUSY = 0.9
BEGIN = "<!-- figures: begin -->"
END = "<!-- figures: end -->"
GLANCE = ("json", "text", "headers", "query", "path", "post")


def environment(effort: Effort, *, quick: bool, pinned: bool) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": pinned,
        "quick": quick,
        "effort": asdict(effort),
        "load_before": os.getloadavg()[0],
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_json(results: Results, peers: Sequence[Peer], machine: dict[str, Any]) -> dict[str, Any]:
    """Return all figures for a program."""
    return {
        "machine": machine,
        "peers": {
            each.name: {
                "title": each.title,
                "server": each.server,
                "json": each.json,
                "templates": each.templates,
                "versions": each.versions(),
                "lacks": dict(each.lacks),
            }
            for each in peers
        },
        "cases": {
            case: {name: {**asdict(figures), "median": medians(figures)} for name, figures in rows.items()}
            for case, rows in results.items()
        },
    }


def medians(figures: Figures) -> dict[str, float]:
    """Return the medians of the rounds."""
    lists = ((name, values) for name, values in asdict(figures).items() if isinstance(values, list))
    return {name: statistics.median(values) for name, values in lists if values}


def spread(values: Sequence[float]) -> float:
    """Return how far the quartiles of *values* are apart, as a share of their median."""
    if len(values) < 2:
        return 0.0
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle


def document(
    results: Results,
    peers: Sequence[Peer],
    cases: Sequence[Case],
    machine: dict[str, Any],
    *,
    baseline: str = BASELINE,
    glance: Sequence[str] = GLANCE,
) -> str:
    """Return the tables of a run.

    Args:
        results: The figures.
        peers: The frameworks, in the order of the tables.
        cases: The cases.
        machine: What `environment` has returned.
        baseline: The name of the framework that the others are compared to.
        glance: The names of the cases that the first table has.
    """
    parts = [_conditions(machine), _peers(peers)]
    shown = [each for each in cases if each.name in glance]
    if shown:
        parts.append(_glance(results, peers, shown, baseline))
    parts += [f"### {case.title}\n\n{table(case, results, peers, baseline)}" for case in cases]
    return "\n\n".join(parts) + "\n"


def _conditions(machine: dict[str, Any]) -> str:
    effort = machine["effort"]
    kind = "A quick run, good for a first look only" if machine["quick"] else "A run"
    cores = "a core for the servers and one for the load" if machine["pinned"] else "nothing bound to a core"
    processes = "one process" if effort["processes"] == 1 else f"{effort['processes']} processes"
    return (
        f"{kind}, of {machine['date']}: {machine['processor']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; {cores}; {effort['rounds']} rounds in {processes}, with turns of "
        f"{effort['seconds']:g} s. Load average before it {machine['load_before']:.1f}, after it "
        f"{machine['load_after']:.1f}."
    )


def _peers(peers: Sequence[Peer]) -> str:
    rows = [
        (each.title, each.server, each.json, each.templates, each.versions(), each.absent or each.notes)
        for each in peers
    ]
    return "### Who takes part\n\n" + _markdown(("", "server", "JSON", "templates", "versions", "set-up"), rows, left=6)


def _title(peers: Sequence[Peer], baseline: str) -> str:
    return next((each.title for each in peers if each.name == baseline), baseline.capitalize())


def _glance(results: Results, peers: Sequence[Peer], shown: Sequence[Case], baseline: str) -> str:
    rows = []
    for peer in peers:
        cells = []
        for case in shown:
            figures, compared = results[case.name].get(peer.name), results[case.name].get(baseline)
            cells.append("-" if figures is None else _cost(figures, compared))
        rows.append((peer.title, *cells))
    lead = (
        "### At a glance\n\nMicroseconds of the server's processor time for a request; in brackets, how many times as "
        f"much work it does in that time as {_title(peers, baseline)}.\n\n"
    )
    return lead + _markdown(("", *(each.title for each in shown)), rows)


def _cost(figures: Figures, baseline: Figures | None) -> str:
    against = "" if baseline is None else f" ({_cpu(baseline) / _cpu(figures):.1f}x)"
    return f"{_cpu(figures):.1f}{against}"


def table(case: Case, results: Results, peers: Sequence[Peer], baseline: str = BASELINE) -> str:
    """Return the table of one case, the frameworks from the cheapest to the dearest."""
    rows = results[case.name]
    compared, title = rows.get(baseline), _title(peers, baseline)
    if isinstance(case, LoadCase):
        heads, lines = _load_table(rows, compared, title)
    elif isinstance(case, IdleCase):
        heads, lines = _idle_table(rows, compared, title)
    else:
        assert isinstance(case, StartCase)
        heads, lines = _start_table(rows, compared, title)
    titles = {each.name: each.title for each in peers}
    found = [(titles[name], *cells) for name, *cells in lines]
    missing = [(each.title, f"({each.lacks[case.name]})") for each in peers if case.name in each.lacks]
    return _markdown(heads, [*found, *missing])


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""The heads of a table, and its lines, which begin with the name of the framework."""


def _load_table(rows: dict[str, Figures], baseline: Figures | None, compared: str) -> Table:
    heads = [
        "",
        "CPU µs a request",
        "spread",
        f"speed against {compared}",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "peak MiB",
    ]
    has_base = any(each.base_cpu_us for each in rows.values())
    if has_base:
        heads.insert(3, "times its own base")
    lines = []
    for name, figures in sorted(rows.items(), key=lambda row: _cpu(row[1])):
        # A server that had time to spare was held up by something else: it can do more than was seen.
        more = "" if statistics.median(figures.server_share) >= BUSY else "> "
        cells = [
            name,
            f"{_cpu(figures):.1f}",
            f"{spread(figures.cpu_us):.0%}",
            "" if baseline is None else f"{_cpu(baseline) / _cpu(figures):.2f}x",
            f"{more}{statistics.median(figures.rate):,.0f}",
            f"{statistics.median(figures.p50_ms):.2f}",
            f"{statistics.median(figures.p99_ms):.2f}",
            f"{figures.peak_mib or 0:.0f}",
        ]
        if has_base:
            pairs = zip(figures.cpu_us, figures.base_cpu_us, strict=True)
            cells.insert(3, f"{statistics.median(cost / base for cost, base in pairs):.2f}")
        lines.append(tuple(cells))
    return tuple(heads), lines


def _idle_table(rows: dict[str, Figures], baseline: Figures | None, compared: str) -> Table:
    heads = ("", "KiB a connection", f"times {compared}'s", "peak MiB")
    lines = []
    for name, figures in sorted(rows.items(), key=lambda row: _idle(row[1])):
        against = "" if baseline is None or not _idle(baseline) else f"{_idle(figures) / _idle(baseline):.2f}"
        lines.append((name, f"{_idle(figures):.1f}", against, f"{figures.peak_mib or 0:.0f}"))
    return heads, lines


def _start_table(rows: dict[str, Figures], baseline: Figures | None, compared: str) -> Table:
    heads = ("", "CPU ms", "spread", f"times {compared}'s", "ms to the first answer", "peak MiB")
    lines = []
    for name, figures in sorted(rows.items(), key=lambda row: _cpu(row[1])):
        cells = (
            name,
            f"{_cpu(figures) / 1e3:.0f}",
            f"{spread(figures.cpu_us):.0%}",
            "" if baseline is None else f"{_cpu(figures) / _cpu(baseline):.2f}",
            f"{statistics.median(figures.start_ms):.0f}",
            f"{figures.peak_mib or 0:.0f}",
        )
        lines.append(cells)
    return heads, lines


def _cpu(figures: Figures) -> float:
    return statistics.median(figures.cpu_us)


def _idle(figures: Figures) -> float:
    return figures.idle_kib or 0.0


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a table whose first *left* columns stand at the left, and the others at the right."""
    marks = ["---" if index < left else "---:" for index in range(len(heads))]
    padded = [[*row, *[""] * (len(heads) - len(row))] for row in rows]
    lines = ([f" {cell} " if cell else " " for cell in cells] for cells in ([*heads], marks, *padded))
    return "\n".join(f"|{'|'.join(cells)}|" for cells in lines)


def insert(page: str, figures: str) -> str:
    """Return *page* with *figures* between its markers.

    Raises:
        ValueError: It has no markers.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{figures}\n{END}{tail}"
