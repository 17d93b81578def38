"""The session as a dictionary: what it has in common with one, and the two things it has not."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from support.state import SESSION_SECRET
from tornadopy.cache.backends.localcache import LocMemCache
from tornadopy.sessions import Session, SessionPolicy, SessionStore
from tornadopy.utils.secretids import SecretId, SecretIds


@pytest.fixture
def store() -> SessionStore:
    policy = SessionPolicy(expires=100, ties_to_address=True, saves_always=False, fails_closed=False, max_size=10_000)
    return SessionStore(LocMemCache("sessions", {}), SecretIds(SESSION_SECRET, purpose="test"), policy)


def begin(store: SessionStore, **values: Any) -> SecretId:
    """Save a session, and return its id."""
    session = Session(store, None, "127.0.0.1")
    session.update(values)
    assert session.conclude() is None
    order = session.seal()
    assert order is not None
    assert order.owner is not None
    return order.owner


def again(store: SessionStore, owner: SecretId | None) -> Session:
    """Return the session as the next request has it."""
    return Session(store, owner, "127.0.0.1")


def test_a_missing_key_reads_as_none_and_is_deleted_in_silence(store: SessionStore) -> None:
    session = again(store, None)
    assert session["missing"] is None
    assert "missing" not in session
    del session["missing"]
    assert session.pop("missing") is None
    assert session.pop("missing", 7) == 7
    assert session.get("missing", 7) == 7
    assert dict(session) == {}


def test_the_rest_is_that_of_a_dictionary(store: SessionStore) -> None:
    session = again(store, begin(store, a=1, b=[2]))
    assert isinstance(session, MutableMapping)
    assert (session["a"], session.get("b"), len(session), list(session)) == (1, [2], 2, ["a", "b"])
    assert list(session.items()) == [("a", 1), ("b", [2])]
    assert (list(session.keys()), list(session.values())) == (["a", "b"], [1, [2]])
    assert session == {"a": 1, "b": [2]}
    assert session.pop("a") == 1
    assert session.setdefault("b", []) == [2]
    session.setdefault("c", []).append(3)
    session.update({"d": 4}, e=5)
    assert session == {"b": [2], "c": [3], "d": 4, "e": 5}
    assert session.popitem() == ("b", [2])
    del session["d"]
    assert session == {"c": [3], "e": 5}


def test_an_empty_one_is_false_and_a_new_one_is_new(store: SessionStore) -> None:
    session = again(store, None)
    assert (bool(session), session.is_new, session.is_empty, session.is_loaded) == (False, True, True, True)
    session = again(store, begin(store, a=1))
    assert not session.is_loaded
    assert (bool(session), session.is_new, session.is_empty, session.is_loaded) == (True, False, False, True)


def test_clearing_keeps_the_id(store: SessionStore) -> None:
    """Another request that adds a key meanwhile does not lose it."""
    owner = begin(store, a=1, b=2)
    session, other = again(store, owner), again(store, owner)
    assert len(other) == 2
    session.clear()
    other["c"] = 3
    session.conclude()
    other.conclude()
    session.seal()
    assert again(store, owner) == {"c": 3}


def test_its_repr_tells_nothing(store: SessionStore) -> None:
    owner = begin(store, a="private")
    session = again(store, owner)
    assert repr(session) == "<Session, not loaded>"
    assert not session.is_used
    assert session["a"] == "private"
    assert repr(session) == "<Session, 1 keys>"


def test_who_has_not_looked_at_it_has_not_used_it(store: SessionStore) -> None:
    for look in (len, list, bool, dict, lambda session: "a" in session, lambda session: session.is_new):
        session = again(store, begin(store, a=1))
        assert not session.is_used
        look(session)
        assert session.is_used


def test_what_could_not_be_kept_is_not_tried_again(store: SessionStore) -> None:
    owner = begin(store, a=[])
    session = again(store, owner)
    session["a"].append(object())
    with pytest.raises(TypeError, match=r"session\['a'\] cannot be kept"):
        session.conclude()
    assert session.close() is None
    assert again(store, owner) == {"a": []}
