"""What only the Redis backends have: places, options, native clients, refusals of the server, pings."""

from __future__ import annotations

import asyncio
import enum
import pickle
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from networks import OPTIONS

from support.redis_servers import RedisServer, is_replica, running_cluster, running_redis, running_sentinel
from support.server import wait_for
from tornadopy.cache import CacheHandler
from tornadopy.cache.backends.base import BaseCache
from tornadopy.cache.backends.rediscache import RedisCache, RedisClient
from tornadopy.conf import Settings
from tornadopy.decorators.async_execute import pool
from tornadopy.exceptions import ArgumentError, CacheConnectionError, ConfigError, SerializationError


class OwnParser:
    """A parser that an option names; it has the method that the option asks for, and nothing connects with it."""

    def read_response(self) -> None:
        raise AssertionError("nobody was to connect")


SEED_OPTIONS = {
    "DB": 0,
    "PARSER_CLASS": "redis.connection.DefaultParser",
    "POOL_KWARGS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    "PING_INTERVAL": 120,
}


def handler(location: object, backend: type = RedisCache, **options: Any) -> CacheHandler:
    entry = {"BACKEND": f"{backend.__module__}.{backend.__name__}", "LOCATION": location, "OPTIONS": options}
    return CacheHandler(Settings(CACHES={"default": entry}))


def exercise(cache: RedisCache) -> None:
    """Call a cache in both ways."""
    cache.set_many({"a": 1, "b": [2]})
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": [2]}
    assert cache.update("a", lambda value: value + 1) == 2
    cache.delete_many(["b", "c"])

    async def main() -> None:
        assert await cache.aget("a") == 2
        await cache.aset_many({"c": 3, "d": 4})
        assert await cache.aget_many(["b", "c", "d"]) == {"c": 3, "d": 4}
        assert await cache.aincr("c") == 4
        await cache.adelete_many(["a", "c"])
        await cache.aping()
        await cache.aclose()

    asyncio.run(main())
    cache.ping()
    assert cache.get("d") == 4
    cache.clear()
    assert cache.has_key("d") is False
    cache.close()


# Places and options


def test_the_options_of_the_seed(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    cache = handler(redis_server.address, **SEED_OPTIONS)["default"]
    assert isinstance(cache, RedisCache)
    assert isinstance(cache, RedisClient)
    assert cache.ping_interval == 120
    exercise(cache)
    assert caplog.records == []


@pytest.mark.parametrize("form", ["{address}", "redis://{address}", "redis://{address}/0?socket_timeout=3"])
def test_one_server_by_address_or_url(redis_server: RedisServer, form: str) -> None:
    exercise(RedisCache(form.format(address=redis_server.address), {}))


@pytest.mark.parametrize("form", ["{socket}", "unix:{socket}", "unix://{socket}?db=1"])
def test_a_unix_socket(form: str) -> None:
    with running_redis(unix=True) as server:
        exercise(RedisCache(form.format(socket=server.socket), {}))


def test_a_password_in_the_options_or_in_the_url() -> None:
    with running_redis(password="p@ss/w") as server:
        exercise(RedisCache(server.address, {"OPTIONS": {"PASSWORD": "p@ss/w"}}))
        exercise(RedisCache(f"redis://:p%40ss%2Fw@{server.address}", {"OPTIONS": {"PASSWORD": "other"}}))


def test_databases_keep_caches_apart_and_clear_empties_one(redis_server: RedisServer) -> None:
    first = RedisCache(redis_server.address, {"OPTIONS": {"DB": 1}})
    second = RedisCache(f"{redis_server.url}/2", {"OPTIONS": {"DB": 1}})
    first.set("key", 1)
    second.set("key", 2)
    second.client.rpush("queue", "job")
    assert first.get("key") == 1
    second.clear()
    assert first.get("key") == 1
    assert second.client.dbsize() == 0
    for cache in (first, second):
        cache.close()


def test_a_cluster(redis_cluster: list[RedisServer]) -> None:
    cache = RedisCache("redis+cluster://" + ",".join(server.address for server in redis_cluster), {})
    exercise(cache)
    values = {f"key{number}": number for number in range(100)}
    assert cache.set_many(values) == []
    sizes = [server.connect().dbsize() for server in redis_cluster]
    assert all(sizes)
    assert sum(sizes) == 100
    assert cache.get_many(values) == values
    assert isinstance(cache.client, redis.RedisCluster)
    cache.clear()
    assert [server.connect().dbsize() for server in redis_cluster] == [0, 0, 0]
    cache.close()


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_node_of_a_cluster_goes_and_comes_back(way: str) -> None:
    with running_cluster() as servers, asyncio.Runner() as runner:
        cache = RedisCache(f"redis+cluster://{servers[0].address},{servers[1].address}", {"OPTIONS": OPTIONS})

        def get(key: str) -> Any:
            return cache.get(key) if way == "threads" else runner.run(cache.aget(key))

        def answers(key: str) -> bool:
            try:
                return get(key) in {1, None}
            except CacheConnectionError:
                return False

        keys = [f"key{number}" for number in range(30)]
        cache.set_many(dict.fromkeys(keys, 1))
        assert all(map(answers, keys))
        servers[2].kill()
        wait_for(lambda: not all(map(answers, keys)), "an error", timeout=30)
        servers[2].start()
        wait_for(lambda: all(map(answers, keys)), "the end of all errors", timeout=30)
        runner.run(cache.aclose())
        pool.shutdown(timeout=5)


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_sentinels_lead_to_the_new_master(way: str) -> None:
    with running_sentinel() as (sentinel, master, replica), asyncio.Runner() as runner:
        nobody = "127.0.0.1:1"  # a Sentinel that is down
        cache = RedisCache(f"redis+sentinel://{nobody},{sentinel.address}/mymaster/1", {"OPTIONS": OPTIONS})

        def count() -> int | None:
            try:
                if way == "threads":
                    return cache.update("key", lambda value: (value or 0) + 1)
                return runner.run(cache.aupdate("key", lambda value: (value or 0) + 1))
            except CacheConnectionError:
                return None

        assert count() == 1
        assert master.connect(db=1).dbsize() == 1
        wait_for(lambda: replica.connect(db=1).dbsize() == 1, "the replication")
        master.kill()
        assert count() is None
        wait_for(lambda: count() is not None, "the new master", timeout=30)
        assert not is_replica(replica)
        assert (count() or 0) >= 3
        runner.run(cache.aclose())
        pool.shutdown(timeout=5)


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_replicas_take_the_reads(way: str) -> None:
    with (
        asyncio.Runner() as runner,
        running_redis() as primary,
        running_redis(config={"replicaof": f"127.0.0.1 {primary.port}"}) as replica,
    ):
        cache = RedisCache([primary.address, replica.address], {"OPTIONS": OPTIONS})

        def call(name: str, *args: Any) -> Any:
            return getattr(cache, name)(*args) if way == "threads" else runner.run(getattr(cache, f"a{name}")(*args))

        wait_for(lambda: is_replica(replica), "the replica")
        call("set", "key", 1)
        wait_for(lambda: replica.connect().dbsize() == 1, "the replication")
        before = primary.connect().info("commandstats").get("cmdstat_get", {"calls": 0})["calls"]
        assert [call("get", "key") for _ in range(5)] == [1] * 5
        assert call("get_many", ["key"]) == {"key": 1}
        assert call("has_key", "key") is True
        assert primary.connect().info("commandstats").get("cmdstat_get", {"calls": 0})["calls"] == before
        assert call("update", "key", lambda value: value + 1) == 2
        replica.kill()
        with pytest.raises(CacheConnectionError, match=f"at {replica.address} "):
            call("get", "key")
        assert call("get", "key") == 2  # from the primary, as long as the replica is left alone
        replica.start()
        wait_for(lambda: is_replica(replica) and replica.connect().dbsize() == 1, "the replication", timeout=20)
        wait_for(lambda: _asks(replica, lambda: call("get", "key")), "the return of the replica", timeout=20)
        runner.run(cache.aclose())
        pool.shutdown(timeout=5)


def _asks(server: RedisServer, call: Callable[[], object]) -> bool:
    call()
    return "cmdstat_get" in server.connect().info("commandstats")


def test_tls_reaches_the_connections_of_all_kinds_of_places() -> None:
    """No connection is made: what a connection would be is asked."""

    async def main() -> None:
        server = RedisCache("rediss://cache:1?ssl_ca_certs=/etc/ca.pem", {})
        for native, kind in ((server.client, redis.SSLConnection), (server.aclient, redis.asyncio.SSLConnection)):
            assert native.connection_pool.connection_class is kind
            assert native.connection_pool.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"
        service = RedisCache("rediss+sentinel://a/s?ssl_ca_certs=/etc/ca.pem", {"OPTIONS": {"PASSWORD": "pw"}})
        for native, kind in ((service.client, redis.SSLConnection), (service.aclient, redis.asyncio.SSLConnection)):
            watcher = native.connection_pool.sentinel_manager.sentinels[0].connection_pool
            assert issubclass(native.connection_pool.connection_class, kind)
            assert issubclass(watcher.connection_class, kind)
            assert watcher.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"
            assert watcher.connection_kwargs.get("password") is None
        cluster = RedisCache("rediss+cluster://a?ssl_ca_certs=/etc/ca.pem", {})
        (node,) = cluster.aclient.nodes_manager.startup_nodes.values()
        assert node.connection_class is redis.asyncio.SSLConnection
        assert node.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"
        for cache in (server, service, cluster):
            await cache.aclose()

    asyncio.run(main())
    pool.shutdown(timeout=5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"DBB": 1}, r"CACHES\['default'\].OPTIONS: unknown key 'DBB'; did you mean 'DB'"),
        ({"DB": -1}, r"CACHES\['default'\].OPTIONS.DB: expected a whole number of at least 0"),
        ({"PING_INTERVAL": "often"}, r"CACHES\['default'\].OPTIONS.PING_INTERVAL: "),
        ({"POOL_KWARGS": {"socket_timout": 1}}, r"CACHES\['default'\].OPTIONS.POOL_KWARGS: .*'socket_timout'"),
        ({"POOL_KWARGS": {"socket_timeout": 0}}, r"CACHES\['default'\].OPTIONS.POOL_KWARGS.socket_timeout: expected"),
        ({"POOL_KWARGS": {"max_connections": 0}}, r"CACHES\['default'\].OPTIONS.POOL_KWARGS.max_connections: expected"),
        ({"POOL_KWARGS": {"protocol": 9}}, r"CACHES\['default'\].OPTIONS.POOL_KWARGS: .*protocol must be"),
        (
            {"POOL_KWARGS": {"decode_responses": True}},
            r"CACHES\['default'\].OPTIONS.POOL_KWARGS: RedisCache reads bytes",
        ),
        ({"PARSER_CLASS": "myparsers.Parser"}, r"CACHES\['default'\].OPTIONS.PARSER_CLASS: cannot import"),
        ({"PARSER_CLASS": "collections.OrderedDict"}, r"CACHES\['default'\].OPTIONS.PARSER_CLASS: .* is no parser"),
        ({"SERIALIZER": "jsn"}, r"CACHES\['default'\].OPTIONS.SERIALIZER: .*did you mean 'json'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        handler("127.0.0.1:6379", **options)["default"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"DB": 1}, "OPTIONS.DB: a Cluster has one database"),
        ({"POOL_KWARGS": {"nonsense": 1}}, "OPTIONS.POOL_KWARGS: a Cluster's connections take no 'nonsense'"),
        ({"PARSER_CLASS": threading.Thread}, "OPTIONS.PARSER_CLASS: .* is no parser"),
        ({"PARSER_CLASS": OwnParser}, "OPTIONS.PARSER_CLASS: a Cluster's connections take no parser"),
    ],
)
def test_a_wrong_option_of_a_cluster_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RedisCache("redis+cluster://127.0.0.1:6379", {"OPTIONS": options})


def test_a_wrong_location_is_named() -> None:
    with pytest.raises(ConfigError, match=r"CACHES\['default'\].LOCATION: 'http://x': its scheme"):
        handler("http://x")["default"]


@pytest.mark.parametrize("name", ["redis.connection.PythonParser", "redis.connection.HiredisParser"])
def test_a_parser_that_redis_py_dropped_is_named_and_does_no_harm(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    exercise(RedisCache(redis_server.address, {"OPTIONS": {"PARSER_CLASS": name}}))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"OPTIONS.PARSER_CLASS: redis-py has no {name!r} any more, and uses its own default; remove it"
    )


def test_a_parser_of_ones_own_parses(redis_server: RedisServer) -> None:
    base = type(redis.Connection(protocol=2)._parser)
    asynchronous_base = type(redis.asyncio.Connection(protocol=2)._parser)
    seen: list[str] = []

    class Parser(base):  # type: ignore[misc, valid-type]
        def read_response(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("blocking")
            return super().read_response(*args, **kwargs)

    class AsyncParser(asynchronous_base):  # type: ignore[misc, valid-type]
        async def read_response(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("asynchronous")
            return await super().read_response(*args, **kwargs)

    exercise(RedisCache(redis_server.address, {"OPTIONS": {"PARSER_CLASS": Parser}}))
    assert set(seen) == {"blocking"}
    seen.clear()
    exercise(RedisCache(redis_server.address, {"OPTIONS": {"PARSER_CLASS": AsyncParser}}))
    assert set(seen) == {"asynchronous"}


def test_no_more_connections_than_allowed(redis_server: RedisServer) -> None:
    """Calls wait for one of them, in tasks and in threads."""
    cache = RedisCache(redis_server.address, {"OPTIONS": {"POOL_KWARGS": {"max_connections": 3}}})

    async def main() -> None:
        await asyncio.gather(*(cache.aset(f"key{number}", number) for number in range(100)))
        assert len(redis_server.clients()) == 3
        await cache.aclose()

    asyncio.run(main())
    threads = [threading.Thread(target=cache.set, args=(f"key{number}", number)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(redis_server.clients()) <= 3
    cache.close()


# Native clients


def test_the_native_client(redis_server: RedisServer) -> None:
    client = handler(redis_server.address, RedisClient, **SEED_OPTIONS)["default"]
    assert isinstance(client, RedisClient)
    assert not hasattr(client, "get")
    assert isinstance(client.client, redis.Redis)
    assert client._client is client.client
    client.client.lpush("queue", "a", "b")
    assert client.client.lrange("queue", 0, -1) == [b"b", b"a"]

    async def main() -> None:
        assert isinstance(client.aclient, redis.asyncio.Redis)
        assert client.aclient is client.aclient
        assert await client.aclient.lpop("queue") == b"b"
        await client.aping()
        await client.aclose()

    asyncio.run(main())
    client.ping()
    client.close()
    assert issubclass(RedisClient, BaseCache)  # as CACHES wants it


def test_a_cache_has_the_native_client_of_the_same_place(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.address, {"OPTIONS": {"DB": 5}})
    cache.set("key", 12)
    assert cache.client.get(":1:key") == b"12"
    assert cache._client.connection_pool.connection_kwargs["db"] == 5
    cache.close()


def test_a_client_may_decode(redis_server: RedisServer) -> None:
    client = RedisClient(redis_server.address, {"OPTIONS": {"POOL_KWARGS": {"decode_responses": True}}})
    client.client.set("key", "ä")
    assert client.client.get("key") == "ä"
    client.close()


# Values


def test_numbers_are_digits_for_redis_too(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.address, {})
    cache.set_many({"number": -42, "flag": True, "text": "42", "large": 2**70})
    client = cache.client
    assert client.get(":1:number") == b"-42"
    assert client.incrby(":1:number", 2) == -40
    assert cache.get_many(["number", "flag", "text", "large"]) == {
        "number": -40,
        "flag": True,
        "text": "42",
        "large": 2**70,
    }
    assert cache.incr("number", 2**60) == 2**60 - 40
    assert cache.incr("number") == 2**60 - 39  # no double of Lua has come in between
    cache.close()


class Size(enum.IntEnum):
    SMALL = 50  # one byte in MessagePack: that of the digit 2


@pytest.mark.parametrize("serializer", ["json", "msgpack", "pickle"])
def test_numbers_of_other_classes_keep_their_value(redis_server: RedisServer, serializer: str) -> None:
    cache = RedisCache(redis_server.address, {"OPTIONS": {"SERIALIZER": serializer}})
    for value in (Size.SMALL, True, 50, 2**64):
        if serializer == "msgpack" and value == 2**64:
            continue  # MessagePack knows no such number
        cache.set("key", value)
        assert cache.get("key") == value
    cache.close()


def test_what_redis_cannot_count_is_an_error(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.address, {})
    cache.set_many({"text": "x", "most": 2**63 - 1, "number": 1})
    for key, delta in (("text", 1), ("most", 1), ("number", 1.5), ("number", True)):
        with pytest.raises(ArgumentError, match="Redis counts with whole numbers of 64 bits"):
            cache.incr(key, delta)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="Redis counts"):
            asyncio.run(cache.aincr(key, delta))  # type: ignore[arg-type]
    cache.close()


class Digits:
    """A serializer whose bytes could be taken for those of numbers."""

    def dumps(self, value: Any) -> bytes:
        return str(value).encode()

    def loads(self, stored: bytes) -> str:
        return stored.decode()


def test_a_serializer_that_writes_digits_is_found_out(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.address, {"OPTIONS": {"SERIALIZER": Digits}})
    cache.set("key", "text")
    assert cache.get("key") == "text"
    with pytest.raises(SerializationError, match="Digits writes str as digits"):
        cache.set("key", "12")
    assert cache.get("key") == "text"
    cache.close()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_view_for_json_never_unpickles(redis_server: RedisServer, tmp_path: Path, way: str) -> None:
    file = tmp_path / "exploded"
    cache = RedisCache(redis_server.address, {})
    view = cache.using("json")
    assert view._connections is cache._connections
    cache.client.set(":1:key", pickle.dumps(Bomb(file)))
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("get", ("key",)),
        ("get_many", (["key"],)),
        ("get_or_set", ("key", 1)),
        ("update", ("key", lambda value: value)),
        ("incr_version", ("key",)),
    ]
    for name, arguments in calls:
        method = partial(getattr(view, name), *arguments)
        if way == "tasks":
            method = partial(asyncio.run, getattr(view, f"a{name}")(*arguments))
        with pytest.raises(SerializationError):
            method()
    assert not file.exists()
    assert view.has_key("key")
    cache.get("key")
    assert file.exists()
    cache.close()


@pytest.mark.parametrize(
    ("timeout", "life"), [(None, -1), (0.0004, 1), (2.5, 2500), (10**9, 10**12), (float("inf"), 2**53), (10**30, 2**53)]
)
def test_timeouts_are_milliseconds(redis_server: RedisServer, timeout: float | None, life: int) -> None:
    cache = RedisCache(redis_server.address, {})
    assert cache.get_backend_timeout(timeout) == (None if life < 0 else life)
    cache.set("key", 1, timeout)
    found = cache.client.pttl(":1:key")
    assert found == -1 if life < 0 else found <= life
    cache.close()


# What the server refuses


def refused(server: RedisServer, call: Callable[[RedisCache], object], words: str, **options: Any) -> None:
    cache = RedisCache(server.address, {"OPTIONS": {**OPTIONS, **options}})
    with pytest.raises(CacheConnectionError, match=f"Redis at {server.address} {words}") as caught:
        call(cache)
    assert isinstance(caught.value.__cause__, redis.RedisError)
    cache.close()


def test_sentinels_that_cannot_be_reached_are_named_and_nothing_else() -> None:
    cache = RedisCache("redis+sentinel://127.0.0.1:1/shop", {"OPTIONS": OPTIONS})
    with pytest.raises(CacheConnectionError) as caught:
        cache.get("key")
    cache.close()
    assert "'shop' of the Sentinels at 127.0.0.1:1 cannot be reached: No master found for 'shop'; is it" in str(
        caught.value
    )


def is_served(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def write(cache: RedisCache) -> None:
    cache.set("key", "value")


async def _close_after(cache: RedisCache, call: Any) -> None:
    try:
        await call
    finally:
        await cache.aclose()


def awrite(cache: RedisCache) -> None:
    asyncio.run(_close_after(cache, cache.aset("key", "value")))


@pytest.mark.parametrize("call", [write, awrite])
def test_out_of_memory(call: Any) -> None:
    with running_redis(config={"maxmemory": 1}) as server:
        refused(server, call, "has no memory left for a write; raise its maxmemory")
        refused(server, lambda cache: cache.update("key", lambda value: 1), "has no memory left")
        refused(server, lambda cache: cache.set_many({"key": "value"}), "has no memory left")


@pytest.mark.parametrize("call", [write, awrite])
def test_a_replica_takes_no_writes(call: Any) -> None:
    with running_redis(config={"replicaof": "127.0.0.1 1"}) as server:
        refused(server, call, "is a replica and takes no writes; name its primary first")
        refused(server, lambda cache: cache.update("key", lambda value: 1), "is a replica and takes no writes")


@pytest.mark.parametrize("call", [write, awrite])
def test_a_disk_that_cannot_be_written(call: Any) -> None:
    with (
        running_redis(config={"save": "3600 1", "enable-protected-configs": "yes"}) as server,
        server.connect() as client,
    ):
        folder = server.folder / "gone"
        folder.mkdir()
        client.config_set("dir", str(folder))
        folder.rmdir()
        client.bgsave()
        wait_for(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "the failure to save")
        refused(server, call, "refuses writes because it cannot save to its disk")
        refused(server, lambda cache: cache.update("key", lambda value: 1), "refuses writes because it cannot save")
        refused(server, lambda cache: cache.set_many({"key": "value"}), "refuses writes because it cannot save")


def test_a_server_that_loads_its_data() -> None:
    config = {"key-load-delay": 0, "loading-process-events-interval-bytes": 1024}
    with running_redis(config=config) as server:
        with server.connect() as client:
            client.mset({f"key{number}": "x" * 100 for number in range(10_000)})
            client.save()
        server.kill()
        server.config["key-load-delay"] = 2000  # microseconds; twenty seconds in all
        server.start_without_waiting()
        refused(server, write, "is still loading its data; try again")
        refused(server, awrite, "is still loading its data; try again")


def test_passwords_that_are_missing_or_wrong() -> None:
    with running_redis(password="right") as server:
        refused(server, write, "refuses the user name or password; see OPTIONS.USERNAME")
        refused(server, awrite, "refuses the user name or password", PASSWORD="sec-ret")
        refused(server, write, "refuses the user name or password", USERNAME="me", PASSWORD="sec-ret")
        with server.connect() as client:
            client.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"], commands=["+get"])
        refused(server, write, "does not permit the command to the user", USERNAME="reader", PASSWORD="pw")


def test_the_permissions_that_the_page_names_are_enough(redis_server: RedisServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cache-servers.md").read_text(encoding="utf-8")
    found = re.search(r"A user with restricted permissions needs `([a-z\s]+)`", page)
    assert found is not None
    with redis_server.connect() as client:
        names = [f"+{name}" for name in found[1].split()]
        client.acl_setuser("cache", enabled=True, reset=True, passwords=["+pw"], keys=["*"], commands=names)
    try:
        cache = RedisCache(redis_server.address, {"OPTIONS": {"USERNAME": "cache", "PASSWORD": "pw"}})
        exercise(cache)
        cache.set("key", 1)
        assert cache.touch("key", None) is True
        assert cache.touch("key", 10) is True
        assert cache.has_key("key") is True
        assert cache.update("key", lambda value: None) is None
        cache.close()
    finally:
        with redis_server.connect() as client:
            client.acl_deluser("cache")


def test_too_many_connections() -> None:
    with running_redis(config={"maxclients": 1}) as server, server.connect() as client:
        wait_for(lambda: is_served(client), "the end of the connection that asked whether the server is there")
        refused(server, write, "takes no more connections")


def test_other_things_under_a_key(redis_server: RedisServer) -> None:
    with redis_server.connect() as client:
        client.lpush(":1:key", 1)
    refused(redis_server, lambda cache: cache.get("key"), "holds no value of a cache under this key")
    refused(redis_server, lambda cache: cache.incr("key"), "holds no value of a cache under this key")


def test_what_is_no_redis(memcached_server: Any) -> None:
    refused(memcached_server, write, "cannot be reached: ")


# Pings


def test_pings_keep_all_connections_from_being_closed() -> None:
    """The server closes what is idle for three seconds; with pings, connections of tasks and of threads live on."""
    with running_redis(config={"timeout": 3}) as server:
        caches = handler(server.address, PING_INTERVAL=0.2)
        cache: Any = caches["default"]

        def threads_call() -> None:
            threads = [threading.Thread(target=cache.client.blpop, args=(["nothing"], 0.3)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)

        async def main() -> None:
            await asyncio.gather(*(cache.aclient.blpop(["nothing"], 0.3) for _ in range(5)))
            await asyncio.to_thread(threads_call)
            before = {client["id"] for client in server.clients()}
            assert len(before) == 7
            known = set(threading.enumerate())
            caches.start_pings()
            async with asyncio.timeout(20):
                while min(int(client["age"]) for client in server.clients() if client["id"] in before) < 6:
                    assert {client["id"] for client in server.clients()} == before
                    await asyncio.sleep(0.1)
            assert {client["id"] for client in server.clients()} == before
            assert not [thread for thread in set(threading.enumerate()) - known if "tornadopy" not in thread.name]
            await caches._pings.end()
            async with asyncio.timeout(20):
                while server.clients():
                    await asyncio.sleep(0.1)
            assert await cache.aget("key") is None
            await caches.aclose()

        asyncio.run(main())
        pool.shutdown(timeout=5)


def test_a_ping_that_fails_is_an_error(redis_server: RedisServer) -> None:
    with running_redis() as server:
        cache = RedisCache(server.address, {"OPTIONS": OPTIONS})
        server.kill()
        with pytest.raises(CacheConnectionError, match="cannot be reached"):
            cache.ping()
        with pytest.raises(CacheConnectionError, match="cannot be reached"):
            asyncio.run(cache.aping())
        cache.close()
