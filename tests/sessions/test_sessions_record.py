"""What the store keeps of a session: read as it was written, and as nothing if somebody else wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tornadopy.exceptions import SessionError
from tornadopy.sessions.record import SessionRecord

RECORD = SessionRecord(texts={"a": "1", "ключ": '"é"'}, address="127.0.0.1", life=60, renewed=17.5)


def test_it_comes_back_from_json() -> None:
    assert SessionRecord.read(json.loads(json.dumps(RECORD.write()))) == RECORD


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "text",
        7,
        [],
        {},
        {"values": {}},
        {**RECORD.write(), "more": 1},
        {**RECORD.write(), "values": []},
        {**RECORD.write(), "life": "60"},
        {**RECORD.write(), "renewed": None},
    ],
)
def test_what_is_not_ours_is_nothing(stored: Any) -> None:
    assert SessionRecord.read(stored) is None


def test_changes_are_laid_over_it() -> None:
    changed = RECORD.changed({"a": None, "b": "2"}, life=None, renewed=18)
    assert changed == SessionRecord(texts={"ключ": '"é"', "b": "2"}, address="127.0.0.1", life=None, renewed=18)
    assert RECORD.texts["a"] == "1"


@pytest.mark.parametrize(("texts", "size"), [({"a": '"123456789"'}, 12), ({"é": '"é"'}, 6), ({"a": "1", "b": "22"}, 5)])
def test_its_size_is_counted_in_bytes(texts: dict[str, str], size: int) -> None:
    record = SessionRecord(texts=texts, address=None, life=None, renewed=0)
    record.check_size(size)
    with pytest.raises(SessionError, match=rf"have {size} bytes of JSON, and SESSION.max_size allows {size - 1};"):
        record.check_size(size - 1)


def test_the_largest_value_is_named() -> None:
    record = SessionRecord(texts={"small": "1", "large": '"' + "x" * 50 + '"'}, address=None, life=None, renewed=0)
    with pytest.raises(SessionError, match="the largest value is that of 'large'"):
        record.check_size(20)
