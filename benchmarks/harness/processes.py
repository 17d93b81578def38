"""The servers' processes: started on a core of their own, watched through ``/proc``, ended with their children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from peers.peer import Peer
from peers.site import STATIC_FILE, Site

from harness import signals
from harness.cases import SITES, STATIC
from harness.wire import ADDRESS, Connection, WrongAnswerError

ROOT = Path(__file__).parents[1]
START_SECONDS = 180.0
STOP_SECONDS = 10.0
POLL = 0.002
PORTS = range(20_000, 32_000)

_libc = ctypes.CDLL(None, use_errno=True)


class ServerError(Exception):
    """A server does not start."""


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run the block on *core*: the processes that it starts stay there. None leaves it where it is."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """A framework's server process, and its children; it runs from `start` to the end of the ``with`` block.

    Args:
        peer: The framework.
        site: The key of the site in `SITES`.
        folder: For its files; made here.
        port: It listens there; see `free_ports`.
        core: It runs there; None for anywhere.
    """

    def __init__(self, peer: Peer, site: str, folder: Path, port: int, core: int | None) -> None:
        self.peer = peer
        self.site = Site(folder=folder, **SITES[site])
        self.port = port
        self.site.static.mkdir(parents=True)
        (self.site.static / STATIC_FILE).write_bytes(STATIC)
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start the process."""
        environment = {name: value for name, value in os.environ.items() if not _is_of_the_caller(name)}
        command = self.peer.command(self.site, self.port)
        self.started = time.perf_counter()
        with (self.site.folder / "output.log").open("wb") as log, on_core(self._core), signals.held():
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**environment, "PYTHONPATH": str(ROOT), **self.site.environment(), **self.peer.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __exit__(self, *exc_info: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # what is left of its group is killed
            self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, path: str) -> float:
        """Wait until ``GET`` of *path* is answered with 200, and return the seconds since the process was started.

        Raises:
            ServerError: The process has ended, or nothing answers.
        """
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        deadline = self.started + START_SECONDS
        while time.perf_counter() < deadline:
            if self._running.poll() is not None:
                raise ServerError(f"{self.peer.title} has ended with {self._running.returncode}:\n{self.output()}")
            with contextlib.suppress(OSError, WrongAnswerError):
                connection = Connection(self.port)
                try:
                    if connection.ask(request)[0].status == 200:
                        return time.perf_counter() - self.started
                finally:
                    connection.close()
            time.sleep(POLL)
        raise ServerError(f"{self.peer.title} does not answer within {START_SECONDS:g} s:\n{self.output()}")

    def output(self) -> str:
        """Return the last of what the process has written."""
        return (self.site.folder / "output.log").read_text("utf-8", "replace")[-4000:]

    def logs(self) -> bytes:
        """Return all that the process has logged, in its output and in files."""
        files = (each for each in self.site.folder.rglob("*") if each.is_file() and each.parent != self.site.static)
        return b"".join(each.read_bytes() for each in sorted(files))

    def pids(self) -> list[int]:
        """Return the process and its descendants."""
        return family(self._running.pid)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("start() has not been called")
        return self._process


def probe_path(site: str) -> str:
    """Return a path that a site answers."""
    return "/last/x" if SITES[site].get("routes") else "/json"


def _is_of_the_caller(variable: str) -> bool:
    """Return whether *variable* sets up who measures and would change what is measured.

    NOTE: without bytecode on the disk, what is installed from a source tree is compiled at each start, and what pip has
    installed is not.
    """
    return variable.upper().startswith("TORNADOPY_") or variable == "PYTHONDONTWRITEBYTECODE"


def free_ports() -> Iterator[int]:
    """Yield ports that nobody listens on, below those that the system gives to clients; none of them twice.

    Raises:
        ServerError: There are no more.
    """
    for port in random.sample(PORTS, len(PORTS)):
        try:
            socket.create_server((ADDRESS, port)).close()
        except OSError:
            continue
        yield port
    raise ServerError(f"no more ports from {PORTS.start} to {PORTS.stop - 1} are free")


def family(root: int) -> list[int]:
    """Return *root* and the processes that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                # The name in parentheses may hold anything, so the fields are counted from its end.
                parent = int((entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time, the user's and the system's, that *pids* have used, to the nanosecond."""
    return sum(time.clock_gettime(_cpu_clock(pid)) for pid in pids)


def _cpu_clock(pid: int) -> int:
    clock = ctypes.c_int()
    error = _libc.clock_getcpuclockid(ctypes.c_int(pid), ctypes.byref(clock))
    if error:
        raise ProcessLookupError(error, f"the process {pid} has ended: {os.strerror(error)}")
    return clock.value


def memory(pids: Sequence[int], name: str) -> int:
    """Return the bytes of memory of *pids*: ``VmRSS`` now, ``VmHWM`` at most."""
    return sum(_status(pid, name) for pid in pids)


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0


def forget_peak(pids: Sequence[int]) -> None:
    """Let ``VmHWM`` begin again at what is used now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")
