"""Clients of redis-py, blocking and asynchronous, for one server, a Cluster, or a service of Sentinels.

`tornadopy.cache.backends._redis_connections` owns them. Building one opens no connection, save for a blocking client of
a Cluster, which has to ask the nodes for each other. Needs the extra ``tornadopy[redis]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tornadopy.cache.backends._redis_locations import Cluster, Place, Sentinels, Server, Servers
from tornadopy.cache.backends._redis_options import ClientOptions
from tornadopy.exceptions import ConfigError, MissingExtraError

try:
    import redis
    import redis.asyncio
    import redis.asyncio.cluster
    import redis.asyncio.retry
    import redis.asyncio.sentinel
    import redis.backoff
    import redis.cluster
    import redis.retry
    import redis.sentinel
except ImportError as exc:
    raise MissingExtraError(
        "redis-py is not installed: install the extra tornadopy[redis] (see README, Installation)"
    ) from exc

UNBOUNDED = 2**31
CLUSTER_RETRIES = 1  # a command is sent anew when the Cluster has moved its key, or has elected a new master


@dataclass(frozen=True, slots=True)
class Client:
    """A client of redis-py, and what it needs besides.

    Attributes:
        native: The client.
        helpers: The clients of the Sentinels, which are closed with it.
    """

    native: Any
    helpers: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """One half of redis-py: the same classes, blocking or asynchronous."""

    is_asynchronous: bool
    client: Any
    pool: Any
    connection: Any
    tls_connection: Any
    unix_connection: Any
    cluster: Any
    cluster_node: Any
    sentinel: Any
    retry: Any

    def make_clients(self, place: Place, options: ClientOptions) -> list[Client]:
        """Return the client of each server of *place*: first the one that takes the writes."""
        if isinstance(place, Cluster):
            return [self._cluster_client(place, options)]
        if isinstance(place, Sentinels):
            return [self._sentinel_client(place, options)]
        return [self._server_client(server, options) for server in (place.primary, *place.replicas)]

    def keywords(self, own: Mapping[str, Any], options: ClientOptions) -> dict[str, Any]:
        """Return what a connection is told: the options, and what the location says, which counts more."""
        merged = {**options.keywords, **own}
        parser = options.parser_for(asynchronous=self.is_asynchronous)
        if parser is not None:
            merged["parser_class"] = parser
        # Only the caller knows whether its command may be sent twice: a lost answer to an increment, say.
        if not isinstance(merged.get("retry"), self.retry):
            merged["retry"] = self.retry(redis.backoff.NoBackoff(), 0)
        return merged

    def connection_class(self, server: Server) -> Any:
        """Return the class of the connections to a server."""
        if "path" in server.options:
            return self.unix_connection
        return self.tls_connection if server.tls else self.connection

    def _server_client(self, server: Server, options: ClientOptions) -> Client:
        keywords = self.keywords(server.options, options)
        pool = self.pool(connection_class=self.connection_class(server), **self._bounded(keywords))
        return Client(self.client.from_pool(pool))

    def _bounded(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """Say how many connections a pool may have, and how long a thread waits for one of them.

        Tasks wait before they come to the pool, for all kinds of pools alike.
        """
        if self.is_asynchronous:
            return {**keywords, "max_connections": UNBOUNDED}
        return {**keywords, "timeout": keywords["socket_timeout"]}

    def _cluster_client(self, place: Cluster, options: ClientOptions) -> Client:
        keywords = self.keywords(place.options, options)
        keywords["retry"] = self.retry(redis.backoff.NoBackoff(), CLUSTER_RETRIES)
        if not self.is_asynchronous:
            keywords["ssl"] = place.tls
        elif place.tls:
            keywords["ssl"] = True
        keywords["max_connections"] = UNBOUNDED
        keywords.pop("db", None)
        nodes = [self.cluster_node(*address) for address in place.nodes]
        return Client(self.cluster(startup_nodes=nodes, **keywords))

    def _sentinel_client(self, place: Sentinels, options: ClientOptions) -> Client:
        keywords = {**self.keywords(place.options, options), "max_connections": UNBOUNDED, "ssl": place.tls}
        shared = ("socket_timeout", "socket_connect_timeout", "protocol", "retry", "ssl")
        own = {name: value for name, value in keywords.items() if name in shared or name.startswith("ssl_")}
        sentinel = self.sentinel(place.addresses, sentinel_kwargs={**own, **place.sentinel_options}, **keywords)
        return Client(sentinel.master_for(place.service, redis_class=self.client), tuple(sentinel.sentinels))


BLOCKING = Library(
    is_asynchronous=False,
    client=redis.Redis,
    pool=redis.BlockingConnectionPool,
    connection=redis.Connection,
    tls_connection=redis.SSLConnection,
    unix_connection=redis.UnixDomainSocketConnection,
    cluster=redis.cluster.RedisCluster,
    cluster_node=redis.cluster.ClusterNode,
    sentinel=redis.sentinel.Sentinel,
    retry=redis.retry.Retry,
)
ASYNCHRONOUS = Library(
    is_asynchronous=True,
    client=redis.asyncio.Redis,
    pool=redis.asyncio.ConnectionPool,
    connection=redis.asyncio.Connection,
    tls_connection=redis.asyncio.SSLConnection,
    unix_connection=redis.asyncio.UnixDomainSocketConnection,
    cluster=redis.asyncio.cluster.RedisCluster,
    cluster_node=redis.asyncio.cluster.ClusterNode,
    sentinel=redis.asyncio.sentinel.Sentinel,
    retry=redis.asyncio.retry.Retry,
)


def check_options(place: Place, options: ClientOptions) -> None:
    """Refuse options that no connection to *place* takes, without connecting.

    Raises:
        ConfigError: redis-py does not know one of them, or refuses its value.
    """
    if isinstance(place, Cluster):
        _check_cluster_options(place, options)
        return
    servers = (place.primary, *place.replicas) if isinstance(place, Servers) else (_any_master(place),)
    for server in servers:
        keywords = BLOCKING.keywords(server.options, options)
        del keywords["max_connections"]
        try:
            BLOCKING.connection_class(server)(**keywords)
        except (TypeError, ValueError, redis.RedisError) as exc:
            raise ConfigError(f"OPTIONS.POOL_KWARGS: redis-py takes no such connection: {exc}") from exc


def _any_master(place: Sentinels) -> Server:
    return Server(place.name, place.options, tls=place.tls)


def _check_cluster_options(place: Cluster, options: ClientOptions) -> None:
    known = inspect.signature(redis.asyncio.cluster.RedisCluster.__init__).parameters
    unknown = sorted({*options.keywords, *place.options} - known.keys())
    if unknown:
        raise ConfigError(f"OPTIONS.POOL_KWARGS: a Cluster's connections take no {unknown[0]!r}")
    if options.keywords.get("db"):
        raise ConfigError("OPTIONS.DB: a Cluster has one database only, number 0; tell caches apart by KEY_PREFIX")
    if options.parser is not None:
        raise ConfigError("OPTIONS.PARSER_CLASS: a Cluster's connections take no parser of one's own")
