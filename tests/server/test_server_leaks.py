"""What is left of requests and of upgrades when they are over: nothing.

A site in a process of its own is asked on few connections, pipelined. What it holds after the first tenth of the
requests, when every cache is full, is compared to what it holds at the end. The variable ``LEAK_REQUESTS`` says how
many requests there are, such as a million, which takes some minutes on each loop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.loops import loops
from support.server import Client, wait_for
from support.websocket import CLOSE, receive_frame, send_frame, shake_hands

SITE = Path(__file__).with_name("leak_site.py")
REQUESTS = int(os.environ.get("LEAK_REQUESTS", "200_000"))
UPGRADES = 10_000
CONNECTIONS = 4
PAGE = os.sysconf("SC_PAGE_SIZE")

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")


@dataclass
class Held:
    """What the site's process holds."""

    objects: int
    blocks: int
    memory: int  # bytes
    files: int


class LeakSite:
    """The running site."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self._proc = Path(f"/proc/{process.pid}")

    def connect(self) -> Client:
        return Client(self.port, timeout=30)

    def files(self) -> int:
        """Return how many file descriptors are open."""
        return len(list((self._proc / "fd").iterdir()))

    def held(self) -> Held:
        with self.connect() as client:
            told = json.loads(client.get("/held").body)
        memory = int((self._proc / "statm").read_text().split()[1]) * PAGE
        return Held(**told, memory=memory, files=self.files())


@contextmanager
def site(loop: str) -> Iterator[LeakSite]:
    command = [sys.executable, str(SITE), loop]
    environment = {**os.environ, "PYTHONPATH": str(SITE.parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    with process.stdout as said:
        try:
            yield LeakSite(process, int(said.readline()))
        finally:
            process.kill()
            process.wait()


def request(path: str, body: bytes = b"") -> bytes:
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\n"
    if body:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


MIX = [
    *[request("/plain")] * 6,
    *[request("/waiting?word=later")] * 6,
    *[request("/form", b"word=posted&other=1")] * 6,
    request("/nowhere"),
    request("/failing"),
]
STATUSES = [*[200] * 18, 404, 500]


def ask(clients: list[Client], batch: list[bytes], rounds: int) -> list[int]:
    """Send *batch* in one piece on each connection, *rounds* times; return the statuses that came first.

    Every answer to a request has the same length each time, so that answers need not be taken apart to be counted.
    """
    raw = b"".join(batch)
    statuses, size = [], 0
    clients[0].send(raw)
    for _ in batch:
        head = clients[0].receive_head()
        body = int(head.headers["Content-Length"])
        clients[0].read(body)
        statuses.append(head.status)
        size += sum(len(f"{name}: {value}\r\n".encode("latin-1")) for name, value in head.headers.get_all())
        size += len(f"HTTP/1.1 {head.status} {head.reason}\r\n\r\n") + body
    expected = [b"HTTP/1.1 %d " % each for each in statuses]
    for _ in range(rounds):
        for client in clients:
            client.send(raw)
        for client in clients:
            answers = client.read(size)
            position = 0
            for each in expected:
                position = answers.index(each, position) + 1
    return statuses


@loops
def test_memory_is_flat(loop: str) -> None:
    """Of handlers that wait and that do not, forms and error pages nothing stays, not even one small object each."""
    rounds = REQUESTS // (len(MIX) * CONNECTIONS)
    with site(loop) as running, ExitStack() as connections:
        clients = [connections.enter_context(running.connect()) for _ in range(CONNECTIONS)]
        assert ask(clients, MIX, rounds // 10) == STATUSES
        before = running.held()
        ask(clients, MIX, rounds - rounds // 10)
        after = running.held()
        wait_for(lambda: running.files() <= before.files, "the end of other connections")
    counted = (rounds - rounds // 10) * len(MIX) * CONNECTIONS
    assert after.objects - before.objects < 100, (before, after)
    assert after.blocks - before.blocks < counted / 100, (before, after)
    # The smallest object takes 16 bytes, and 8 where it is kept.
    assert after.memory - before.memory < 500_000 + 8 * counted, (before, after)


def test_a_leak_would_be_seen() -> None:
    """One small object a request, whether the garbage collector knows it or not."""
    with site("asyncio") as running, running.connect() as client:
        for what in ("list", "object"):
            batch = [request(f"/leaking/{what}")] * 20
            ask([client], batch, 10)
            before = running.held()
            ask([client], batch, 99)
            after = running.held()
            assert after.blocks - before.blocks > 1900, (before, after)
            assert (after.objects - before.objects > 1900) == (what == "list"), (before, after)


def upgrade(clients: list[Client]) -> None:
    """Make a WebSocket of each connection, say a word, and end them: by a close frame, by closing, by breaking off."""
    for number, client in enumerate(clients):
        assert shake_hands(client, "/talk").status == 101
        send_frame(client, b"%d" % number)
    for number, client in enumerate(clients):
        assert receive_frame(client) == (1, b"%d" % number)
    for number, client in enumerate(clients):
        if number % 3 == 0:
            send_frame(client, b"\x03\xe8", CLOSE)
            assert receive_frame(client) == (CLOSE, b"\x03\xe8")
            assert client.is_closed()
        if number % 3 == 1:
            client.reset()
        else:
            client.close()


@loops
def test_no_file_is_left_of_upgrades(loop: str) -> None:
    """Of ten thousand, one after the other and a hundred at a time; their memory is given back, too."""
    with site(loop) as running:

        def upgrades(number: int, at_once: int) -> None:
            for _ in range(number // at_once):
                upgrade([running.connect() for _ in range(at_once)])

        upgrades(UPGRADES // 20, 100)
        upgrades(6, 1)
        before = running.held()
        upgrades(UPGRADES // 2, 1)
        upgrades(UPGRADES // 2, 100)
        wait_for(lambda: running.files() <= before.files, "the end of all connections")
        after = running.held()
    assert after.objects - before.objects < 1000, (before, after)
