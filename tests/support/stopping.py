"""Run the site of the tests of the graceful stop as a process; see `lifecycle_stop_site.py`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.server import Client, wait_for

SITE = Path(__file__).parents[1] / "lifecycle" / "lifecycle_stop_site.py"
GRACE = 0.4
BOUND = GRACE + 4


class Process:
    """A running site, what it has said, and what it has logged."""

    def __init__(self, folder: Path, grace: float) -> None:
        self.folder = folder
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [sys.executable, str(SITE), str(folder), str(grace), "--disable_log=False"],
                stdout=out, stderr=err, cwd=folder,
            )  # fmt: skip
        wait_for(lambda: self.said.endswith("\n"), "the start", timeout=15)
        self.port = int(self.said.split()[1])

    @property
    def said(self) -> str:
        return self._out.read_text()

    @property
    def logged(self) -> str:
        return self._err.read_text()

    def until(self, words: str) -> None:
        wait_for(lambda: words in self.said, repr(words))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal, and wait until nobody is let in any more."""
        self.popen.send_signal(number)
        wait_for(self._refuses, "the refusal of new connections")

    def _refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return True
        return False

    def release(self) -> None:
        (self.folder / "release").touch()

    def connect(self) -> Client:
        return Client(self.port)

    def status(self) -> int:
        return self.popen.wait(BOUND)


@contextmanager
def running(folder: Path, grace: float = 10) -> Iterator[Process]:
    process = Process(folder, grace)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()
