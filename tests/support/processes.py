"""Servers of other projects, such as redis-server, as processes of a test: on free ports of 127.0.0.1, in own folders.

A test may kill a server (SIGKILL), stop it (SIGSTOP: it accepts connections and answers nothing), let it go on, and
start it again on the same port.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from support.server import wait_for

STARTING = 20.0  # seconds that a server may take to start, on a busy machine
PORTS = range(10_000, 20_000)  # below those of clients, and of the benchmarks
ATTEMPTS = 5  # a free port may be taken by somebody else before the server has it


def find_program(name: str, package: str, *others: str) -> str:
    """Return the path of a program, which may have *others* of its names; without it, fail in CI and skip elsewhere."""
    for each in (name, *others):
        for folder in (*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"):
            found = shutil.which(each, path=folder)
            if found is not None:
                return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing, and CI must not skip its tests; scripts/test installs it", pytrace=False)
    # On a developer's machine the other tests still count.
    pytest.skip(f"{name} is missing: apt-get install {package}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that the system gives to no client in the meantime."""
    for port in random.sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder whose path is short enough for a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="tp-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ServerProcess(ABC):
    """A server of its own process; `command` says how it is started, `is_ready` when it serves.

    The port is chosen at the first start and kept for all others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments."""

    def is_ready(self) -> bool:
        """Tell whether the server accepts connections; one that does more than that before it serves overrides this."""
        with socket.socket() as sock:
            sock.settimeout(1)
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def start(self) -> Self:
        """Start the server, and return when it serves."""
        for _ in range(ATTEMPTS):
            self.port = self.port or free_port()
            self._process = self._spawn()
            wait_for(lambda: self._has_ended() or self.is_ready(), "the start of the server", timeout=STARTING)
            if not self._has_ended():
                return self
            if "ddress already in use" not in self.log:
                break
            self.port = 0
        raise AssertionError(f"{self.command()[0]} did not start:\n{self.log}")

    def start_without_waiting(self) -> None:
        """Start the server again on its port, and return when it accepts connections, whatever it answers."""
        self._process = self._spawn()
        wait_for(lambda: ServerProcess.is_ready(self), "the port of the server", timeout=STARTING)

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A test run that is killed must not leave servers behind.
        guard = shutil.which("setpriv")
        prefix = [guard, "--pdeathsig", "KILL"] if guard else []
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(
                [*prefix, *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _has_ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the server at once (SIGKILL), whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STARTING)

    def stop(self) -> None:
        """Let the server hang (SIGSTOP): the system still accepts connections, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(lambda: self._state() in "Tt", "the stop of the server")

    def resume(self) -> None:
        """Let a stopped server go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def restart(self) -> None:
        """Kill the server, and start it again on the same port."""
        self.kill()
        self.start()
