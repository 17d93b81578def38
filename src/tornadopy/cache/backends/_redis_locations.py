"""``LOCATION`` of the Redis backends: where the servers are, and what their URLs say besides.

`tornadopy.cache.backends._redis_connections` calls this; it knows texts, and no client. The URLs of single servers are
those of redis-py (https://redis.readthedocs.io/en/stable/connections.html#redis.Redis.from_url).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from tornadopy.cache.backends.addresses import Address, parse_address, texts_of
from tornadopy.exceptions import ConfigError
from tornadopy.utils.masking import MASK
from tornadopy.utils.suggest import nearest

REDIS_PORT = 6379
SENTINEL_PORT = 26379
DEFAULT_SERVICE = "mymaster"
EXPECTED = "host:port, a URL (redis://, rediss://, unix:, redis+cluster://, redis+sentinel://)"

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
_BETWEEN = re.compile(r"\s*[;,]\s*")
# A password may hold commas: between URLs, only what the next one begins after separates.
_BETWEEN_URLS = re.compile(r"\s*[;,]\s*(?=(?:rediss?|unix):)")
_ADVICE = "characters such as / ? # @ : and commas in a name or password are written as %2F %3F %23 %40 %3A %2C"


@dataclass(frozen=True, slots=True)
class Server:
    """One server.

    Attributes:
        name: What messages call it; no secret is in it.
        options: How it is reached, as redis-py takes it: ``host`` and ``port``, or ``path``; and what its URL says.
        tls: Whether the connection is encrypted.
    """

    name: str
    options: Mapping[str, Any] = field(repr=False)
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Servers:
    """A server that takes the writes, and perhaps replicas of it that take the reads."""

    primary: Server
    replicas: tuple[Server, ...] = ()

    @property
    def name(self) -> str:
        """What messages call them."""
        return self.primary.name


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Redis Cluster, of which some nodes are known."""

    nodes: tuple[Address, ...]
    options: Mapping[str, Any] = field(repr=False)
    tls: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the cluster of {', '.join(map(str, self.nodes))}"


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The master that Sentinels know under the name of a service."""

    addresses: tuple[Address, ...]
    service: str
    options: Mapping[str, Any] = field(repr=False)
    sentinel_options: Mapping[str, Any] = field(repr=False)
    tls: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.service!r} of the Sentinels at {', '.join(map(str, self.addresses))}"


Place = Servers | Cluster | Sentinels


def parse_location(location: object) -> Place:
    """Return what ``LOCATION`` means.

    Args:
        location: A text, or a list of the first server and its replicas; a text may hold several, separated by commas
            or semicolons.

    Raises:
        ConfigError: It cannot be read; the message begins with ``LOCATION`` and shows no password.

    .. versionadded:: 2.0
    """
    texts = [piece for text in texts_of(location, EXPECTED) for piece in _split(text)]
    places = [_parse(text) for text in texts]
    if len(places) == 1:
        return places[0]
    servers = tuple(place.primary for place in places if isinstance(place, Servers))
    if len(servers) < len(places):
        raise ConfigError("LOCATION: a Cluster, or a service of Sentinels, is one URL with several hosts, and no list")
    return Servers(servers[0], servers[1:])


def _split(text: str) -> list[str]:
    if "://" not in text:
        return _BETWEEN.split(text)
    return _BETWEEN_URLS.split(text)


def _parse(text: str) -> Place:
    scheme, is_url, rest = text.partition("://")
    if text.startswith("/") or (text.startswith("unix:") and not is_url):
        return Servers(_unix_server("", text.removeprefix("unix:"), text))
    if not is_url:
        address = parse_address(text, REDIS_PORT)
        if address is None:
            _refuse(text, f"expected {EXPECTED}")
        return Servers(Server(str(address), address._asdict()))
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        hint = nearest(scheme, _SCHEMES)
        _refuse(text, f"its scheme is none of {', '.join(_SCHEMES)}" + (f"; did you mean {hint}?" if hint else ""))
    return _parse_url(scheme, rest, text)


def _parse_url(scheme: str, rest: str, text: str) -> Place:
    base, _, kind = scheme.partition("+")
    tls = base == "rediss"
    if "#" in rest:
        _refuse(text, f"it has no fragment; {_ADVICE}")
    authority, path = _divide(rest)
    if scheme == "unix":
        return Servers(_unix_server(authority, path, text))
    user, _, hosts = authority.rpartition("@")
    path, _, query = path.partition("?")
    options = {**_credentials(user), **_read_query(query, text, is_sentinel=kind == "sentinel")}
    if kind == "sentinel":
        return _sentinels(_addresses(hosts, SENTINEL_PORT, text), path, options, tls=tls, text=text)
    addresses = _addresses(hosts, REDIS_PORT, text)
    options = {**_database(path, text), **options}
    if kind == "cluster":
        return _cluster(addresses, options, tls=tls, text=text)
    if len(addresses) > 1:
        _refuse(text, f"several hosts make a Cluster: {base}+cluster://; replicas are a list of URLs")
    return Servers(Server(str(addresses[0]), {**addresses[0]._asdict(), **options}, tls=tls))


def _divide(rest: str) -> tuple[str, str]:
    """Divide what follows the scheme where the authority ends (RFC 3986, 3.2)."""
    end = next((index for index, character in enumerate(rest) if character in "/?"), len(rest))
    return rest[:end], rest[end:]


def _unix_server(authority: str, path: str, text: str) -> Server:
    path, _, query = path.partition("?")
    user, at, host = authority.rpartition("@")
    if host or (authority and not at) or not path.startswith("/") or len(path) == 1:
        _refuse(text, "a Unix socket is an absolute path: unix:/run/redis/redis.sock")
    path = unquote(path)
    return Server(f"unix:{path}", {"path": path, **_credentials(user), **_read_query(query, text)})


def _cluster(addresses: tuple[Address, ...], options: dict[str, Any], *, tls: bool, text: str) -> Cluster:
    if options.pop("db", 0):
        _refuse(text, "a Cluster has one database only, number 0")
    return Cluster(addresses, options, tls=tls)


def _sentinels(
    addresses: tuple[Address, ...], path: str, options: dict[str, Any], *, tls: bool, text: str
) -> Sentinels:
    service, _, database = path.removeprefix("/").partition("/")
    prefix = "sentinel_"
    own = {name.removeprefix(prefix): options.pop(name) for name in list(options) if name.startswith(prefix)}
    options = {**_database(database, text), **options}
    return Sentinels(addresses, unquote(service) or DEFAULT_SERVICE, options, own, tls=tls)


def _addresses(hosts: str, default_port: int, text: str) -> tuple[Address, ...]:
    found = [parse_address(unquote(host), default_port) for host in (hosts or "localhost").split(",")]
    addresses = tuple(address for address in found if address is not None)
    if len(addresses) < len(found):
        _refuse(text, f"a host is a name or an address, a port a number from 1 to 65535; {_ADVICE}")
    return addresses


def _credentials(user: str) -> dict[str, str]:
    name, _, password = user.partition(":")
    given = {"username": unquote(name), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


def _database(path: str, text: str) -> dict[str, int]:
    number = path.strip("/")
    if not number:
        return {}
    if not (number.isascii() and number.isdigit()):
        _refuse(text, f"its path is the number of a database, such as /0; {_ADVICE}")
    return {"db": int(number)}


def _to_bool(value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return known[value.lower()]


def _to_number(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError
    return int(value)


def _to_seconds(value: str) -> float:
    seconds = float(value)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


_QUERY: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("db", "max_connections", "health_check_interval", "protocol"), _to_number),
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _to_seconds),
    **dict.fromkeys(("socket_keepalive", "ssl_check_hostname"), _to_bool),
    **dict.fromkeys(("username", "password", "client_name", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path"), str),
    **dict.fromkeys(("ssl_certfile", "ssl_keyfile", "ssl_password"), str),
}
_SENTINEL_QUERY: Mapping[str, Callable[[str], Any]] = {
    **_QUERY,
    **dict.fromkeys(("sentinel_username", "sentinel_password"), str),
}


def _read_query(query: str, text: str, *, is_sentinel: bool = False) -> dict[str, Any]:
    known = _SENTINEL_QUERY if is_sentinel else _QUERY
    options = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            hint = nearest(name, known)
            _refuse(
                text, f"it has an unknown option; {f'did you mean {hint}?' if hint else 'known: ' + ', '.join(known)}"
            )
        try:
            options[name] = known[name](value)
        except (ValueError, KeyError):
            _refuse(text, f"the value of its option {name} cannot be read")
    return options


def _refuse(text: str, reason: str) -> NoReturn:
    # SECURITY: what cannot be read cannot be masked precisely: all before the last @ goes, and the whole query.
    scheme, separator, rest = text.rpartition("://")
    user, at, place = rest.rpartition("@")
    shown = f"{scheme}{separator}{MASK if user else ''}{at}{place.partition('?')[0]}"
    raise ConfigError(f"LOCATION: {shown!r}: {reason}")
