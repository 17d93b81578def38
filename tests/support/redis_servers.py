"""Real Redis servers for tests: one, a Cluster of three masters, a master and a replica under a Sentinel.

The fixtures are known to all tests (`tests/conftest.py`). `redis_server` lives as long as the test run and is empty at
the start of each test; what a test kills or stops, it makes itself: `with running_redis() as server`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError

from support.processes import STARTING, ServerProcess, find_program, free_port, short_folder
from support.server import wait_for

SLOTS = 16384
SERVICE = "mymaster"


class RedisServer(ServerProcess):
    """A redis-server without persistence.

    Args:
        folder: Where it works.
        password: What clients have to give.
        unix: Listen on a Unix socket, and on no port.
        config: Directives of redis.conf: ``{"timeout": 1}``.
    """

    def __init__(
        self, folder: Path, *, password: str = "", unix: bool = False, config: dict[str, Any] | None = None
    ) -> None:
        super().__init__(folder)
        self.password = password
        self.socket = folder / "redis.sock" if unix else None
        self.config = config or {}

    def command(self) -> list[str]:
        directives: dict[str, Any] = {
            "port": 0 if self.socket else self.port,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "repl-diskless-sync-delay": 0,
            "dir": str(self.folder),
            **({"unixsocket": str(self.socket)} if self.socket else {}),
            **({"requirepass": self.password} if self.password else {}),
            **self.config,
        }
        command = [find_program("redis-server", "redis-server")]
        for name, value in directives.items():
            command += [f"--{name}", str(value)]
        return command

    @property
    def url(self) -> str:
        if self.socket:
            return f"unix://{self.socket}"
        return f"redis://{f':{self.password}@' if self.password else ''}{self.address}"

    def connect(self, **options: Any) -> Redis:
        """Return a client of the test's own."""
        options = {"password": self.password or None, "socket_timeout": 5, **options}
        if self.socket:
            return Redis(unix_socket_path=str(self.socket), **options)
        return Redis(host="127.0.0.1", port=self.port, **options)

    def is_ready(self) -> bool:
        if not (self.socket.exists() if self.socket else super().is_ready()):
            return False
        with self.connect() as client:
            try:
                return bool(client.ping())
            except RedisConnectionError:
                return False

    def clients(self) -> list[dict[str, Any]]:
        """Return what the server knows of its clients' connections, the asking one left out."""
        with self.connect(client_name="test") as client:
            return [each for each in client.client_list() if each["name"] != "test"]


@contextmanager
def running_redis(**options: Any) -> Iterator[RedisServer]:
    """Run a server of the test's own; the options are those of `RedisServer`."""
    with short_folder() as folder:
        server = RedisServer(folder, **options)
        try:
            yield server.start()
        finally:
            server.kill()


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(_redis_server: RedisServer) -> RedisServer:
    """A server without password, with nothing in its databases."""
    with _redis_server.connect() as client:
        client.flushall()
    return _redis_server


# A Cluster


@contextmanager
def running_cluster(count: int = 3) -> Iterator[list[RedisServer]]:
    """Run a Redis Cluster of masters that share the slots."""
    with ExitStack() as stack:
        servers = [_cluster_node(stack) for _ in range(count)]
        _meet(servers)
        wait_for(lambda: all(map(_is_whole, servers)), "the Cluster", timeout=STARTING)
        yield servers


def _cluster_node(stack: ExitStack) -> RedisServer:
    config = {"cluster-enabled": "yes", "cluster-port": free_port(), "cluster-node-timeout": 2000}
    return stack.enter_context(running_redis(config=config))


def _meet(servers: list[RedisServer]) -> None:
    """Share the slots, and tell every server of the first one."""
    bounds = [SLOTS * index // len(servers) for index in range(len(servers) + 1)]
    for index, server in enumerate(servers):
        with server.connect() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
            first = servers[0]
            client.execute_command("CLUSTER MEET", "127.0.0.1", first.port, first.config["cluster-port"])


def _is_whole(server: RedisServer) -> bool:
    with server.connect() as client:
        known = client.execute_command("CLUSTER INFO")
        return bool(known["cluster_state"] == "ok" and known["cluster_known_nodes"] != "1")


@pytest.fixture(scope="session")
def _redis_cluster() -> Iterator[list[RedisServer]]:
    with running_cluster() as servers:
        yield servers


@pytest.fixture
def redis_cluster(_redis_cluster: list[RedisServer]) -> list[RedisServer]:
    """Three masters of one Cluster, empty."""
    for server in _redis_cluster:
        with server.connect() as client:
            client.flushall()
    return _redis_cluster


# A Sentinel


class SentinelServer(RedisServer):
    """A Sentinel that watches one master, and takes the replica in its place when it is down for half a second."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        self.master = master

    def command(self) -> list[str]:
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        return [find_program("redis-server", "redis-server"), str(file), "--sentinel"]

    def knows_replica(self) -> bool:
        with self.connect() as client:
            replicas = client.sentinel_slaves(SERVICE)
            return any(each["is_slave"] and each["master-link-status"] == "ok" for each in replicas)

    def master_port(self) -> int:
        with self.connect() as client:
            return int(client.sentinel_get_master_addr_by_name(SERVICE)[1])


@contextmanager
def running_sentinel() -> Iterator[tuple[SentinelServer, RedisServer, RedisServer]]:
    """Run a master, its replica, and a Sentinel that knows both."""
    with ExitStack() as stack:
        master = stack.enter_context(running_redis())
        replica = stack.enter_context(running_redis(config={"replicaof": f"127.0.0.1 {master.port}"}))
        sentinel = SentinelServer(stack.enter_context(short_folder()), master)
        stack.callback(sentinel.kill)
        sentinel.start()
        wait_for(sentinel.knows_replica, "the Sentinel's knowledge of the replica", timeout=STARTING)
        yield sentinel, master, replica


def is_replica(server: RedisServer) -> bool:
    try:
        with server.connect() as client:
            return bool(client.info("replication")["role"] == "slave")
    except RedisError:
        return False
