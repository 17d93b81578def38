"""From servers to figures: the self-test, then the rounds, in which the frameworks take turns.

What it shows of its progress goes through a function that `compare.py` gives it.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from peers.peer import Peer

from harness import idle, load, processes, selftest, signals
from harness.cases import SITES, Case, IdleCase, LoadCase, StartCase
from harness.processes import Server, ServerError, probe_path
from harness.wire import WrongAnswerError

Show = Callable[[str], None]
Result = TypeVar("Result")

TURN_SECONDS = 300.0
"""A turn that has not ended by then is stuck."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: In each of them every framework has its turn.
        seconds: Of a turn.
        requests: At most, in a turn.
        idle: Connections that are held open.
        starts: How often each server is started.
        processes: Of each server, one after another; its rounds are shared out among them. The same code takes a few
            percent more or less time in one process than in another, for all of its life.
    """

    rounds: int
    seconds: float
    requests: int
    idle: int
    starts: int
    processes: int = 1


@dataclass
class Figures:
    """What was measured of one framework in one case; lists have an item a round.

    Attributes:
        cpu_us: Microseconds of the server's processor time for a request; for a start, of the whole start.
        base_cpu_us: The same for the case that this one is compared to, right after each turn.
        rate: Requests in a second.
        p50_ms, p99_ms: Milliseconds to an answer.
        server_share, load_share: How much of the time the server's and the load generator's core were busy with it.
        peak_mib: The most memory that the server's processes have had.
        idle_kib: Memory of an idle connection.
        start_ms: From the start of the process to its first answer.
    """

    cpu_us: list[float] = field(default_factory=list)
    base_cpu_us: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    server_share: list[float] = field(default_factory=list)
    load_share: list[float] = field(default_factory=list)
    peak_mib: float | None = None
    idle_kib: float | None = None
    start_ms: list[float] = field(default_factory=list)

    def add(self, turn: load.Turn, base: load.Turn | None = None) -> None:
        """Add a round, with the turn of the case that it is compared to."""
        self.cpu_us.append(turn.cpu_us)
        if base is not None:
            self.base_cpu_us.append(base.cpu_us)
        self.rate.append(turn.answered / turn.seconds)
        self.p50_ms.append(turn.p50 * 1e3)
        self.p99_ms.append(turn.p99 * 1e3)
        self.server_share.append(turn.cpu / turn.seconds)
        self.load_share.append(turn.own_cpu / turn.seconds)


Results = dict[str, dict[str, Figures]]
"""By the names of the case and of the framework."""


class Bench:
    """A run.

    Args:
        peers: The frameworks, in the order of the tables.
        cases: The cases.
        effort: How much is measured.
        server_core: Where the servers run; None for anywhere.
        load_core: Where the load generator runs; None for anywhere.
        show: Takes a line about the progress.
    """

    def __init__(
        self,
        peers: Sequence[Peer],
        cases: Sequence[Case],
        effort: Effort,
        *,
        server_core: int | None,
        load_core: int | None,
        show: Show,
    ) -> None:
        self._peers, self._cases, self._effort, self._show = peers, cases, effort, show
        self._server_core, self._load_core = server_core, load_core
        self._spellings: dict[tuple[str, str], int] = {}
        self._folders = 0
        self._ports = processes.free_ports()

    def check(self) -> list[str]:
        """Let every framework answer every case, and return what is wrong."""
        problems = []
        bases = (each.base for each in self._cases if isinstance(each, LoadCase) and each.base is not None)
        asked = dict.fromkeys((*self._cases, *bases))
        with self._folder() as folder:
            for site in SITES:
                for peer in self._peers:
                    cases = [each for each in asked if each.site == site and each.name not in peer.lacks]
                    if not cases:
                        continue
                    self._show(f"self-test: {peer.title}, site {site}")
                    try:
                        with self._server(peer, site, folder) as server:
                            server.start()
                            spellings = selftest.check(server, site, cases)
                    except (WrongAnswerError, ServerError, OSError) as error:
                        problems.append(f"{peer.title}, site {site}: {error}")
                        continue
                    self._spellings.update({(peer.name, name): found for name, found in spellings.items()})
        return problems

    def measure(self) -> Results:
        """Measure every case; `check` has to have been called before."""
        results: Results = {}
        with self._folder() as folder, self._load() as executor:
            for site in SITES:
                loads = [each for each in self._cases if each.site == site and isinstance(each, LoadCase)]
                if loads:
                    results.update(self._measure_loads(site, loads, folder, executor))
            for case in self._cases:
                if isinstance(case, IdleCase):
                    able = self._able(case)
                    results[case.name] = {each.name: self._idle(each, case, folder, executor) for each in able}
                elif isinstance(case, StartCase):
                    results[case.name] = self._starts(case, folder)
        return results

    def _able(self, case: Case) -> list[Peer]:
        return [each for each in self._peers if case.name not in each.lacks]

    def _measure_loads(
        self, site: str, cases: Sequence[LoadCase], folder: Path, executor: ProcessPoolExecutor
    ) -> Results:
        """Let the servers of a site take turns in each of its cases, with one process of each after another."""
        results: Results = {case.name: {each.name: Figures() for each in self._able(case)} for case in cases}
        able = [each for each in self._peers if any(each.name in rows for rows in results.values())]
        sites = dict.fromkeys((site, *(case.base.site for case in cases if case.base is not None)))
        shares = min(self._effort.processes, self._effort.rounds)
        for share in range(shares):
            with ExitStack() as stack:
                servers = {
                    (each, peer.name): stack.enter_context(self._server(peer, each, folder))
                    for each in sites
                    for peer in able
                }
                for server in servers.values():
                    server.start()
                for (each, _), server in servers.items():
                    server.wait(probe_path(each))
                rounds = range(share, self._effort.rounds, shares)
                for case in cases:
                    self._rounds(case, servers, rounds, results[case.name], executor)
        return results

    def _rounds(
        self,
        case: LoadCase,
        servers: Mapping[tuple[str, str], Server],
        rounds: Sequence[int],
        figures: dict[str, Figures],
        executor: ProcessPoolExecutor,
    ) -> None:
        """Add *rounds* of a case to the *figures*, after one that is not counted: it warms the processes up."""
        pids = {name: servers[case.site, name].pids() for name in figures}
        for each in pids.values():
            processes.forget_peak(each)
        base = case.base
        names = list(figures)
        for number in (None, *rounds):
            turn = (number or 0) % len(names)
            what = "warming up" if number is None else f"round {number + 1} of {self._effort.rounds}"
            for name in names[turn:] + names[:turn]:
                self._show(f"{case.title}: {what}, {servers[case.site, name].peer.title}")
                taken = self._turn(case, servers[case.site, name], executor)
                compared = None if base is None else self._turn(base, servers[base.site, name], executor)
                if number is not None:
                    figures[name].add(taken, compared)
        for name, each in figures.items():
            each.peak_mib = max(each.peak_mib or 0, processes.memory(pids[name], "VmHWM") / 2**20)

    def _turn(self, case: LoadCase, server: Server, executor: ProcessPoolExecutor) -> load.Turn:
        job = load.Job(
            case=case,
            spelling=self._spellings[server.peer.name, case.name],
            port=server.port,
            pids=tuple(server.pids()),
            seconds=self._effort.seconds,
            requests=self._effort.requests,
        )
        return self._result(server, case, executor, load.run, job)

    def _idle(self, peer: Peer, case: IdleCase, folder: Path, executor: ProcessPoolExecutor) -> Figures:
        self._show(f"{case.title}: {peer.title}")
        with self._server(peer, case.site, folder) as server:
            server.start()
            server.wait(probe_path(case.site))
            pids = server.pids()
            job = idle.IdleJob(server.port, tuple(pids), self._effort.idle, websocket=case.websocket)
            used = self._result(server, case, executor, idle.hold, job)
            return Figures(idle_kib=used / 1024, peak_mib=processes.memory(pids, "VmHWM") / 2**20)

    def _starts(self, case: StartCase, folder: Path) -> dict[str, Figures]:
        """Start every server again and again, by turns."""
        able = self._able(case)
        figures = {each.name: Figures() for each in able}
        for number in range(self._effort.starts):
            turn = number % len(able)
            for peer in able[turn:] + able[:turn]:
                self._show(f"{case.title}: {number + 1} of {self._effort.starts}, {peer.title}")
                with self._server(peer, case.site, folder) as server:
                    server.start()
                    seconds = server.wait(probe_path(case.site))
                    pids = server.pids()
                    figures[peer.name].start_ms.append(seconds * 1e3)
                    figures[peer.name].cpu_us.append(processes.cpu_seconds(pids) * 1e6)
                    figures[peer.name].peak_mib = processes.memory(pids, "VmHWM") / 2**20
        return figures

    def _result(
        self, server: Server, case: Case, executor: ProcessPoolExecutor, work: Callable[..., Result], job: object
    ) -> Result:
        """Let the load generator do *work*, and say whose turn it was if that goes wrong."""
        try:
            return executor.submit(work, job).result(TURN_SECONDS)
        except (WrongAnswerError, OSError) as error:
            raise WrongAnswerError(f"{server.peer.title}, {case.name}: {error!r}\n{server.output()}") from error

    def _server(self, peer: Peer, site: str, folder: Path) -> Server:
        self._folders += 1
        return Server(peer, site, folder / str(self._folders), next(self._ports), self._server_core)

    @contextmanager
    def _load(self) -> Iterator[ProcessPoolExecutor]:
        """Yield the load generator's process, which is at work already: later it could not be started undisturbed."""
        with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as executor:
            with signals.held():
                executor.submit(load.prepare, self._load_core).result()
            yield executor

    @staticmethod
    @contextmanager
    def _folder() -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder)
