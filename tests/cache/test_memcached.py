"""What only the Memcached backend has: several servers, its limits, its times, pings."""

from __future__ import annotations

import asyncio
import gc
import pickle
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from networks import OPTIONS, TIMES

from support.memcached_servers import MemcachedServer, running_memcached, running_memcacheds
from support.redis_servers import RedisServer
from support.server import wait_for
from tornadopy.cache import CacheHandler
from tornadopy.cache.backends.memcached import BATCH, MemcachedCache
from tornadopy.conf import Settings
from tornadopy.decorators.async_execute import pool
from tornadopy.exceptions import (
    ArgumentError,
    CacheConnectionError,
    ConfigError,
    InvalidCacheKey,
    SerializationError,
)

MEGABYTE = 1024 * 1024


def locations(servers: list[MemcachedServer]) -> list[str]:
    return [server.location for server in servers]


def count_items(server: MemcachedServer) -> int:
    with server.connect() as client:
        return int(client.stats()[b"curr_items"])


def commands_of(server: MemcachedServer) -> dict[str, int]:
    with server.connect() as client:
        stats = client.stats()
    return {name: int(stats[name.encode()]) for name in ("cmd_get", "cmd_set", "delete_hits", "delete_misses")}


# Several servers


def test_keys_are_spread_over_the_servers() -> None:
    with running_memcacheds(3) as servers:
        cache = MemcachedCache(locations(servers), {})
        values = {f"key{number}": number for number in range(300)}
        assert cache.set_many(values) == []
        counts = [count_items(server) for server in servers]
        assert min(counts) > 30
        assert sum(counts) == 300
        assert cache.get_many(values) == values
        assert all(cache.get(key) == value for key, value in values.items())
        same = MemcachedCache(";".join(reversed(locations(servers))), {})  # whatever order they come in
        assert same.get_many(values) == values
        cache.delete_many(list(values)[:150])
        assert len(cache.get_many(values)) == 150
        cache.clear()
        assert [len(same.get_many(values)), cache.get_many(values)] == [0, {}]
        for each in (cache, same):
            each.close()


def test_a_server_that_is_killed_loses_only_its_own_keys() -> None:
    with running_memcacheds(3) as servers:
        cache = MemcachedCache(locations(servers), {"OPTIONS": {**OPTIONS, "RETRY_AFTER": 1000}})
        values = {f"key{number}": number for number in range(300)}
        cache.set_many(values)
        lost = count_items(servers[0])
        servers[0].kill()
        with pytest.raises(CacheConnectionError, match=f"Memcached at {servers[0].address} cannot be reached"):
            cache.get_many(values)
        found = cache.get_many(values)
        assert len(found) == 300 - lost
        assert found.items() <= values.items()
        # Its keys have moved to the others, and are as good there.
        assert cache.set_many(values) == []
        assert cache.get_many(values) == values
        assert asyncio.run(cache.aget_many(values)) == values
        cache.close()
        pool.shutdown(timeout=5)


def test_a_server_that_comes_back_gets_its_keys_again() -> None:
    with running_memcacheds(2) as servers:
        cache = MemcachedCache(locations(servers), {"OPTIONS": OPTIONS})
        values = {f"key{number}": number for number in range(100)}
        cache.set_many(values)
        mine = count_items(servers[0])
        servers[0].restart()
        cache.ping()
        assert len(cache.get_many(values)) == 100 - mine
        servers[0].kill()
        with pytest.raises(CacheConnectionError):
            cache.ping()
        assert len(cache.get_many(values)) == 100 - mine
        servers[0].start()

        def stores_there() -> bool:
            try:
                cache.set_many(values)
            except CacheConnectionError:
                return False
            return count_items(servers[0]) == mine

        wait_for(stores_there, "the return of the server", timeout=20)
        cache.close()


def test_a_ping_brings_a_server_back_at_once() -> None:
    with running_memcached() as server:
        cache = MemcachedCache(server.address, {"OPTIONS": {**OPTIONS, "RETRY_AFTER": 1000}})
        server.kill()
        with pytest.raises(CacheConnectionError, match="cannot be reached"):
            cache.get("key")
        server.start()
        with pytest.raises(CacheConnectionError, match="is tried again in a few seconds"):
            cache.get("key")
        with pytest.raises(CacheConnectionError, match="is tried again in a few seconds"):
            cache.get_many(["key"])
        cache.ping()
        assert cache.get("key") is None
        cache.close()


def test_one_request_to_each_server(memcached_server: MemcachedServer) -> None:
    """The many need one request; `cmd_get` counts keys, so the packets are counted by a socket in between."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = threading.Thread(target=_relay, args=(listener, memcached_server.port, requests))
        relay.start()
        cache = MemcachedCache(f"127.0.0.1:{listener.getsockname()[1]}", {})
        keys = [f"key{number}" for number in range(20)]
        cache.set_many(dict.fromkeys(keys, 1))
        assert cache.get_many(keys) == dict.fromkeys(keys, 1)
        cache.delete_many(keys)
        cache.close()
        relay.join(10)
    assert [request.split()[0] for request in requests] == [b"version", b"set", b"get", b"delete"]


def _relay(listener: socket.socket, port: int, requests: list[bytes]) -> None:
    """Pass requests on, and their answers back; a request is what comes until its answer has come."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        ends = {b"get": b"END\r\n", b"set": b"STORED\r\n", b"delete": b"DELETED\r\n", b"version": b"\r\n"}
        while request := client.recv(65536):
            requests.append(request)
            server.sendall(request)
            end = ends[request.split()[0]]
            count = 1 if request.startswith((b"get", b"version")) else request.count(request.split()[0] + b" ")
            answer = b""
            while answer.count(end) < count:
                answer += server.recv(65536)
            client.sendall(answer)


def test_more_keys_than_one_request_takes(memcached_server: MemcachedServer) -> None:
    cache = MemcachedCache(memcached_server.address, {})
    values = {f"key{number}": number for number in range(2 * BATCH + 7)}
    assert cache.set_many(values) == []
    assert cache.get_many(values) == values
    cache.delete_many(values)
    assert cache.get_many(values) == {}
    cache.close()


# Places and options


def test_a_unix_socket() -> None:
    with running_memcached(unix=True) as server:
        for location in (server.location, str(server.socket), f"unix://{server.socket}"):
            cache = MemcachedCache(location, {})
            cache.set("key", 1)
            assert cache.incr("key") == 2
            cache.close()


def test_a_name_with_several_addresses(memcached_server: MemcachedServer) -> None:
    """localhost may be ::1 first, where nobody listens."""
    cache = MemcachedCache(f"localhost:{memcached_server.port}", {})
    cache.set("key", 1)
    assert cache.get("key") == 1
    cache.close()


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("", "LOCATION: it is empty"),
        (None, "LOCATION: expected host:port, or unix:/path, or a list of them, got NoneType"),
        ("cache:port", "LOCATION: 'cache:port': expected host:port"),
        ("memcached://cache:1", "LOCATION: 'memcached://cache:1': expected host:port"),
        (["a:1", "b:1", "a:1"], "LOCATION: a:1 is named twice"),
        ("a,a:11211", "LOCATION: a:11211 is named twice"),
    ],
)
def test_a_wrong_location_is_named(location: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MemcachedCache(location, {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"RETRY_AFTR": 1}, "OPTIONS: unknown key 'RETRY_AFTR'; did you mean 'RETRY_AFTER'"),
        ({"POOL_KWARGS": {"socket_timeout": 0}}, "OPTIONS.POOL_KWARGS.socket_timeout: expected a number of at least"),
        ({"POOL_KWARGS": {"timeout": 1}}, "OPTIONS.POOL_KWARGS: unknown key 'timeout'; did you mean 'socket_timeout'"),
        ({"PING_INTERVAL": -1}, "OPTIONS.PING_INTERVAL: expected a number of at least 0"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], words: str) -> None:
    backend = "tornadopy.cache.backends.memcached.MemcachedCache"
    entry = {"BACKEND": backend, "LOCATION": "127.0.0.1:11211", "OPTIONS": options}
    with pytest.raises(ConfigError, match=rf"CACHES\['default'\].{words}"):
        CacheHandler(Settings(CACHES={"default": entry}))["default"]


def test_what_is_no_memcached_is_an_error(redis_server: RedisServer) -> None:
    cache = MemcachedCache(redis_server.address, {"OPTIONS": OPTIONS})
    with pytest.raises(CacheConnectionError, match=r"does not speak as Memcached does .*is LOCATION right"):
        cache.get("key")
    unknown = MemcachedCache("no-such-host.invalid:11211", {"OPTIONS": OPTIONS})
    with pytest.raises(CacheConnectionError, match=r"Memcached at no-such-host\.invalid:11211 cannot be reached"):
        unknown.get("key")


def test_a_server_that_fails_in_the_middle_of_the_many() -> None:
    """It refuses one value, and is gone when it is asked for the others: that is an error, and no list of keys."""
    with running_memcached() as server:
        cache = MemcachedCache(server.address, {"OPTIONS": OPTIONS})
        original = cache._servers[0].connection
        calls = []

        def connection() -> Any:
            calls.append(1)
            if len(calls) == 2:
                server.kill()
            return original()

        cache._servers[0].connection = connection  # type: ignore[method-assign]
        with pytest.raises(CacheConnectionError, match="cannot be reached"):
            cache.set_many({"a": 1, "b": "x" * 2 * MEGABYTE})
        with pytest.raises(CacheConnectionError, match="is tried again"):
            cache.set_many({"a": 1})
        cache.close()


def test_a_cache_that_nobody_closes_leaves_no_connection() -> None:
    with running_memcached() as server, server.count_connections() as count:
        wait_for(lambda: count() == 0, "the end of the connection that asked whether the server is there")
        cache = MemcachedCache(server.address, {})
        cache.set("key", 1)
        assert count() == 1
        del cache
        gc.collect()
        wait_for(lambda: count() == 0, "the end of the connection")


# Its limits


@pytest.mark.parametrize(
    "key", ["a b", "a\r\nset injected 0 0 1\r\n1", "a\x00", "a\x7f", "k" * 251, "ü" * 125, "a\u2028b" * 60]
)
def test_forbidden_keys_never_reach_the_server(memcached_server: MemcachedServer, key: str) -> None:
    cache = MemcachedCache(memcached_server.address, {"KEY_FUNCTION": lambda key, prefix, version: key})
    before = commands_of(memcached_server)
    for call in (
        lambda: cache.get(key),
        lambda: cache.set(key, 1),
        lambda: cache.set_many({"fine": 1, key: 1}),
        lambda: cache.get_many(["fine", key]),
        lambda: cache.delete_many(["fine", key]),
        lambda: asyncio.run(cache.aupdate(key, lambda value: 1)),
    ):
        if len(key.encode()) <= 250 and key.isprintable() and " " not in key:
            continue
        with pytest.raises(InvalidCacheKey, match="Memcached takes"):
            call()
    assert commands_of(memcached_server) == before
    assert cache.get("injected") is None
    cache.close()
    pool.shutdown(timeout=5)


def test_a_value_that_is_too_large_leaves_nothing_stale(memcached_server: MemcachedServer) -> None:
    cache = MemcachedCache(memcached_server.address, {})
    large = "x" * MEGABYTE
    cache.set("key", "small")
    with pytest.raises(ArgumentError, match=r"takes no value of 10\d{5} bytes; .*-I, 1 MB by default"):
        cache.set("key", large)
    assert cache.get("key") is None
    with pytest.raises(ArgumentError, match="takes no value of"):
        cache.add("key", large)
    cache.set("key", "small")
    with pytest.raises(ArgumentError, match="takes no value of"):
        cache.update("key", lambda value: large)
    with pytest.raises(ArgumentError, match="takes no value of"):
        asyncio.run(cache.aset("other", large))
    cache.set_many({"b": "old"})
    assert cache.set_many({"a": 1, "b": large, "c": 3}) == ["b"]
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "c": 3}
    assert cache.ping() is None  # a refusal is no failure of the server
    cache.close()
    pool.shutdown(timeout=5)


def test_a_server_may_take_larger_values() -> None:
    with running_memcached(arguments=("-I", "2m")) as server:
        cache = MemcachedCache(server.address, {})
        large = b"\x00\xff" * (MEGABYTE * 3 // 4)
        cache.set("key", large)
        assert cache.get("key") == large
        assert asyncio.run(cache.aget("key")) == large
        cache.close()
        pool.shutdown(timeout=5)


def test_a_server_without_memory_is_an_error() -> None:
    with running_memcached(arguments=("-m", "2", "-M")) as server:
        cache = MemcachedCache(server.address, {"OPTIONS": OPTIONS})

        def fill() -> None:
            for number in range(100):
                cache.set(f"key{number}", "x" * 500_000, None)

        with pytest.raises(CacheConnectionError, match="has refused the command: out of memory storing object"):
            fill()
        assert cache.get("missing") is None
        cache.close()


def test_it_counts_from_zero(memcached_server: MemcachedServer) -> None:
    cache = MemcachedCache(memcached_server.address, {})
    cache.set_many({"few": 2, "less": -5, "text": "12", "most": 2**64 - 1, "more": 2**64})
    assert cache.decr("few", 5) == 0
    assert cache.get("few") == 0
    assert cache.incr("most") == 0
    assert cache.get("more") == 2**64
    for key in ("less", "text", "more"):
        with pytest.raises(ArgumentError, match="Memcached counts with whole numbers from 0"):
            cache.incr(key)
    with pytest.raises(ValueError, match="Memcached counts"):
        cache.incr("few", 1.5)  # type: ignore[arg-type]
    assert cache.get("less") == -5
    cache.set("ten", 10)
    assert cache.decr("ten") == 9
    assert cache.get("ten") == 9  # Memcached keeps the two bytes of "10", the second one a space
    assert cache.update("ten", lambda value: value - 10) == -1
    assert cache.get("ten") == -1
    cache.close()


@pytest.mark.parametrize(
    ("timeout", "expiry"),
    [(None, 0), (0, -1), (-3, -1), (0.2, 1), (1, 1), (1.5, 2), (30 * 24 * 3600, 30 * 24 * 3600), (10**11, 0)],
)
def test_times_as_memcached_takes_them(timeout: float | None, expiry: int) -> None:
    cache = MemcachedCache("127.0.0.1:11211", {})
    assert cache.get_backend_timeout(timeout) == expiry
    assert cache.get_backend_timeout() == 300
    assert MemcachedCache("127.0.0.1:11211", {"TIMEOUT": timeout}).get_backend_timeout() == expiry


def test_more_than_a_month_is_a_date() -> None:
    cache = MemcachedCache("127.0.0.1:11211", {})
    month = 30 * 24 * 3600
    before = int(time.time())
    assert before <= cache.get_backend_timeout(month + 1) - month - 1 <= time.time()
    assert cache.get_backend_timeout(float("inf")) == 0


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def test_a_view_for_json_never_unpickles(memcached_server: MemcachedServer, tmp_path: Path) -> None:
    file = tmp_path / "exploded"
    cache = MemcachedCache(memcached_server.address, {})
    view = cache.using("json")
    assert view._servers is cache._servers
    for flags in (0, 1, 2, 3, 65535):
        with memcached_server.connect() as client:
            client.set(":1:key", pickle.dumps(Bomb(file)), flags=flags)
        for call in (
            lambda: view.get("key"),
            lambda: view.get_many(["key"]),
            lambda: view.update("key", lambda value: value),
            lambda: asyncio.run(view.aget("key")),
        ):
            with pytest.raises(SerializationError):
                call()
    assert not file.exists()
    with memcached_server.connect() as client:
        client.set(":1:key", pickle.dumps(Bomb(file)), flags=1)
    cache.get("key")
    assert file.exists()
    cache.close()
    pool.shutdown(timeout=5)


# Pings


def test_pings_keep_all_connections_from_being_closed() -> None:
    """The server closes what is idle for a second; with pings it does not, though nobody calls."""
    with running_memcached(arguments=("-o", "idle_timeout=1")) as server:
        backend = "tornadopy.cache.backends.memcached.MemcachedCache"
        entry = {"BACKEND": backend, "LOCATION": server.address, "OPTIONS": {"PING_INTERVAL": 0.2}}
        caches = CacheHandler(Settings(CACHES={"default": entry}))
        cache: Any = caches["default"]

        def is_kept(client: Any) -> bool:
            return client in cache._servers[0]._idle

        async def main() -> None:
            with cache._servers[0].connection() as first, cache._servers[0].connection() as second:
                assert first is not second
            caches.start_pings()
            deadline = time.monotonic() + 4
            with server.count_connections() as count:
                wait_for(lambda: count() == 2, "the end of the connection that asked whether the server is there")
                while time.monotonic() < deadline:
                    await asyncio.sleep(0.1)
                    assert count() == 2
            await caches._pings.end()
            async with asyncio.timeout(30):
                while server.connections():
                    await asyncio.sleep(0.1)
            assert await cache.aget("key") is None
            await caches.aclose()

        asyncio.run(main())
        pool.shutdown(timeout=5)


def test_the_times_are_those_of_the_options() -> None:
    cache = MemcachedCache("127.0.0.1:11211", {"OPTIONS": {"POOL_KWARGS": TIMES, "RETRY_AFTER": 7}})
    times = cache._servers[0]._times
    assert (times.connect, times.answer, times.retry_after) == (0.5, 0.5, 7)
    times = MemcachedCache("127.0.0.1:11211", {})._servers[0]._times
    assert (times.connect, times.answer, times.retry_after) == (2, 2, 5)
