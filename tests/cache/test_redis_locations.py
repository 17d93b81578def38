"""What LOCATION may say of Redis, and that no message about it shows a password."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.cache.backends._redis_locations import Cluster, Sentinels, Servers, parse_location
from tornadopy.cache.backends.addresses import Address, parse_address
from tornadopy.exceptions import ConfigError


def only(location: object) -> Any:
    """Return the one server that a location names."""
    place = parse_location(location)
    assert isinstance(place, Servers)
    assert place.replicas == ()
    return place.primary


@pytest.mark.parametrize(
    ("location", "options"),
    [
        ("127.0.0.1:6380", {"host": "127.0.0.1", "port": 6380}),
        ("cache.example.com", {"host": "cache.example.com", "port": 6379}),
        (" cache:1 ", {"host": "cache", "port": 1}),
        ("[::1]:6380", {"host": "::1", "port": 6380}),
        ("[::1]", {"host": "::1", "port": 6379}),
        ("::1", {"host": "::1", "port": 6379}),
        ("redis://cache:6380", {"host": "cache", "port": 6380}),
        ("redis://", {"host": "localhost", "port": 6379}),
        ("REDIS://cache/", {"host": "cache", "port": 6379}),
        ("redis://cache/5", {"host": "cache", "port": 6379, "db": 5}),
        ("redis://cache/5?db=6", {"host": "cache", "port": 6379, "db": 6}),
        ("redis://:secret@cache", {"host": "cache", "port": 6379, "password": "secret"}),
        (
            "redis://me:s%40%2F%2C@cache/1",
            {"host": "cache", "port": 6379, "username": "me", "password": "s@/,", "db": 1},
        ),
        ("redis://me@[::1]:7", {"host": "::1", "port": 7, "username": "me"}),
        (
            "redis://cache?socket_timeout=0.5&max_connections=7&socket_keepalive=no&client_name=shop",
            {
                "host": "cache",
                "port": 6379,
                "socket_timeout": 0.5,
                "max_connections": 7,
                "socket_keepalive": False,
                "client_name": "shop",
            },
        ),
        ("/run/redis.sock", {"path": "/run/redis.sock"}),
        ("unix:/run/redis.sock", {"path": "/run/redis.sock"}),
        ("unix:///run/redis.sock", {"path": "/run/redis.sock"}),
        ("unix:/run/redis.sock?db=3", {"path": "/run/redis.sock", "db": 3}),
        (
            "unix://me:pw@/run/my%20redis.sock?db=3&password=other",
            {"path": "/run/my redis.sock", "username": "me", "password": "other", "db": 3},
        ),
    ],
)
def test_one_server(location: str, options: dict[str, Any]) -> None:
    server = only(location)
    assert server.options == options
    assert server.tls is False


def test_rediss_is_redis_with_tls() -> None:
    server = only("rediss://cache:6380/2?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=true")
    assert server.tls is True
    assert server.options == {
        "host": "cache",
        "port": 6380,
        "db": 2,
        "ssl_ca_certs": "/etc/ca.pem",
        "ssl_check_hostname": True,
    }


@pytest.mark.parametrize(
    "location",
    [
        ["a:1", "b:2", "c"],
        ("a:1", "b:2", "c:6379"),
        "a:1,b:2,c",
        "a:1; b:2; c",
        ["a:1", "b:2;c"],
        "redis://a:1, redis://b:2;redis://c",
    ],
)
def test_a_list_is_a_primary_and_its_replicas(location: object) -> None:
    place = parse_location(location)
    assert isinstance(place, Servers)
    assert place.name == place.primary.name == "a:1"
    assert [replica.name for replica in place.replicas] == ["b:2", "c:6379"]


def test_a_comma_in_a_password_separates_nothing() -> None:
    assert only("redis://:one,two@cache").options["password"] == "one,two"


def test_a_cluster_is_one_url() -> None:
    place = parse_location("rediss+cluster://me:pw@a:1,b,[::1]:3/0?socket_timeout=3")
    assert place == Cluster(
        (Address("a", 1), Address("b", 6379), Address("::1", 3)),
        {"username": "me", "password": "pw", "socket_timeout": 3.0},
        tls=True,
    )
    assert place.name == "the cluster of a:1, b:6379, [::1]:3"


def test_sentinels_name_a_service() -> None:
    place = parse_location("redis+sentinel://me:pw@a,b:2/shop%2D1/4?sentinel_password=other&client_name=x")
    assert place == Sentinels(
        (Address("a", 26379), Address("b", 2)),
        "shop-1",
        {"username": "me", "password": "pw", "db": 4, "client_name": "x"},
        {"password": "other"},
    )
    assert "'shop-1' of the Sentinels at a:26379, b:2" in place.name
    assert parse_location("redis+sentinel://a").service == "mymaster"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("", "it is empty"),
        ([], "it is empty"),
        (["a:1", " "], "it is empty"),
        (None, "got NoneType"),
        (6379, "got int"),
        ([6379], "got list"),
        ("a b", "expected host:port"),
        ("cache:port", "expected host:port"),
        ("cache:0", "expected host:port"),
        ("cache:65536", "expected host:port"),
        ("[::1:6379", "expected host:port"),
        ("[cache]:6379", "expected host:port"),
        ("http://cache", "its scheme is none of redis"),
        ("redis-cluster://cache", r"did you mean redis\+cluster"),
        ("redis://cache:port", "a port a number"),
        ("redis://cache/first", "its path is the number of a database"),
        ("redis://cache?soket_timeout=1", "did you mean socket_timeout"),
        ("redis://cache?socket_timeout=soon", "the value of its option socket_timeout"),
        ("redis://cache?socket_timeout=0", "the value of its option socket_timeout"),
        ("redis://cache?socket_timeout=nan", "the value of its option socket_timeout"),
        ("redis://cache?db=-1", "the value of its option db"),
        ("redis://cache?socket_keepalive=perhaps", "the value of its option socket_keepalive"),
        ("redis://cache?sentinel_password=x", "unknown option"),
        ("redis://cache#1", "no fragment"),
        ("redis://a,b", r"several hosts make a Cluster: redis\+cluster://"),
        ("redis+cluster://a/1", "one database only"),
        ("redis+sentinel://a/service/first", "its path is the number of a database"),
        ("unix:run/redis.sock", "absolute path"),
        ("unix:/", "absolute path"),
        ("unix://host/run/redis.sock", "absolute path"),
        (["redis+cluster://a", "b"], "one URL with several hosts"),
        ("redis://:se/cr:et@cache", "%2F"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_the_mend(location: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_location(location)
    assert str(caught.value).startswith("LOCATION: ")
    assert "se/cr" not in str(caught.value)


HOSTS = st.from_regex(r"[a-z][a-z0-9\-]{0,20}(\.[a-z0-9]{1,10}){0,2}", fullmatch=True)
PORTS = st.integers(1, 65535)
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)


@given(host=HOSTS, port=PORTS, user=SECRETS, password=SECRETS, db=st.integers(0, 99))
def test_a_quoted_url_is_read_as_it_was_meant(host: str, port: int, user: str, password: str, db: int) -> None:
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{db}"
    assert only(url).options == {"host": host, "port": port, "username": user, "password": password, "db": db}


@given(addresses=st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=5))
def test_all_hosts_of_a_cluster_are_read(addresses: list[tuple[str, int]]) -> None:
    url = "redis+cluster://" + ",".join(f"{host}:{port}" for host, port in addresses)
    place = parse_location(url)
    assert isinstance(place, Cluster)
    assert list(place.nodes) == addresses


@given(
    password=st.text(string.ascii_letters + string.digits + ":/?#@,;&=%[] ", min_size=1).map(lambda text: f"S{text}S")
)
def test_a_password_that_is_not_quoted_reaches_no_message(password: str) -> None:
    """Whatever is read into it: an error shows nothing of it, and neither does the name of the place."""
    for url in (f"redis://:{password}@cache:port/0", f"redis+sentinel://u:{password}@a:x,b/s", f"u:{password}@cache:1"):
        try:
            place = parse_location(url)
        except ConfigError as exc:
            shown = str(exc)
        else:
            shown = f"{place.name} {place!r}"
        assert password not in shown


@given(text=st.text(max_size=40))
def test_any_text_is_a_place_or_an_error(text: str) -> None:
    try:
        shown = parse_location(text).name
    except ConfigError as exc:
        shown = str(exc).removeprefix("LOCATION: ")
    assert shown


@given(host=HOSTS, port=PORTS)
def test_an_address_reads_as_it_is_written(host: str, port: int) -> None:
    assert parse_address(str(Address(host, port)), 1) == Address(host, port)
    assert parse_address(str(Address("fe80::1", port)), 1) == Address("fe80::1", port)
    assert parse_address(host, port) == Address(host, port)
