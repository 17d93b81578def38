"""Keys spread evenly over the servers, and only those of a server that leaves or comes move."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tornadopy.cache.backends._memcached_ring import Ring

KEYS = [f":1:key{number}".encode() for number in range(300)]
NAMES = st.lists(st.integers(1, 65535).map(lambda port: f"127.0.0.1:{port}"), min_size=2, max_size=8, unique=True)


def owner(names: list[str], key: bytes) -> str:
    return names[next(Ring(names).order(key))]


def owners(names: list[str]) -> dict[bytes, str]:
    ring = Ring(names)
    return {key: names[next(ring.order(key))] for key in KEYS}


@given(names=NAMES, data=st.data())
def test_only_the_keys_of_a_server_that_leaves_move(names: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(names))
    before, after = owners(names), owners([name for name in names if name != gone])
    assert {key for key in KEYS if before[key] != after[key]} == {key for key in KEYS if before[key] == gone}


@given(names=NAMES, key=st.binary(min_size=1))
def test_the_order_names_each_server_once(names: list[str], key: bytes) -> None:
    order = list(Ring(names).order(key))
    assert sorted(order) == list(range(len(names)))
    assert order == list(Ring(names).order(key))


@given(names=NAMES, key=st.binary(min_size=1), data=st.data())
def test_the_next_one_takes_the_place_of_the_first(names: list[str], key: bytes, data: st.DataObject) -> None:
    """Where a key goes when its server is down is where it would go if that server did not exist."""
    first, second, *_ = (names[index] for index in Ring(names).order(key))
    assert owner([name for name in names if name != first], key) == second


@given(names=NAMES, data=st.data())
def test_the_order_of_the_names_is_nothing_to_the_ring(names: list[str], data: st.DataObject) -> None:
    assert owners(names) == owners(data.draw(st.permutations(names)))


def test_keys_spread_evenly() -> None:
    ring = Ring([f"10.0.0.{number}:11211" for number in range(1, 5)])
    shares = Counter(next(ring.order(f":1:key{number}".encode())) for number in range(4000))
    assert len(shares) == 4
    assert min(shares.values()) > 600
    assert max(shares.values()) < 1500
