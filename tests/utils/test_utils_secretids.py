"""Ids of sessions and tokens: told apart by their form, hashed for the store, shown to nobody."""

from __future__ import annotations

import base64
import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.utils.secretids import SecretIds

IDS = SecretIds("a-secret-of-the-tests", purpose="test 1")
ALPHABET = string.ascii_letters + string.digits + "-_"


def test_an_id_is_recognised() -> None:
    made = IDS.create()
    found = IDS.parse(made.text)
    assert found is not None
    assert (found.text, found.store_key) == (made.text, made.store_key)


def test_an_id_has_256_random_bits() -> None:
    """Its first 32 bytes; no bit of them is always the same."""
    drawn = [int.from_bytes(base64.urlsafe_b64decode(IDS.create().text)[:32]) for _ in range(64)]
    ever, always = 0, -1
    for each in drawn:
        ever |= each
        always &= each
    assert ever == 2**256 - 1
    assert always == 0


def test_the_store_cannot_tell_the_id() -> None:
    made = IDS.create()
    raw = base64.urlsafe_b64decode(made.text)
    assert len(made.store_key) == 64
    assert made.store_key not in raw.hex()
    assert raw[32:].hex() not in made.store_key


@given(st.text(max_size=200) | st.text(ALPHABET, min_size=64, max_size=64))
def test_what_is_no_id_is_not_recognised(text: str) -> None:
    assert IDS.parse(text) is None


@given(st.integers(0, 63), st.sampled_from(ALPHABET))
def test_a_changed_id_is_not_recognised(place: int, character: str) -> None:
    text = IDS.create().text
    changed = text[:place] + character + text[place + 1 :]
    assert (IDS.parse(changed) is None) == (changed != text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text * 1000,
        lambda text: f" {text}",
        lambda text: text + "\n",
        lambda text: text.encode(),
        lambda text: None,
        lambda text: "",
        lambda text: text.replace(text[0], "é"),
    ],
)
def test_cut_long_and_foreign_text_is_not_recognised(change: object) -> None:
    assert IDS.parse(change(IDS.create().text)) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "others",
    [
        SecretIds("another-secret-of-the-tests", purpose="test 1"),
        SecretIds("a-secret-of-the-tests", purpose="test 2"),
        SecretIds("a-secret-of-the-tests", purpose="test "),
    ],
)
def test_an_id_of_another_key_or_purpose_is_not_recognised(others: SecretIds) -> None:
    assert IDS.parse(others.create().text) is None


def test_the_tag_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison of the standard library decides, and no other."""
    compared: list[tuple[bytes, bytes]] = []
    original = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    text = IDS.create().text
    assert IDS.parse(text) is not None
    assert IDS.parse(("B" if text[-1] == "A" else "A").join([text[:-1], ""])) is None
    assert [len(each) for pair in compared for each in pair] == [16] * 4
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: False)
    assert IDS.parse(text) is None


def test_a_hash_is_no_id_and_depends_on_the_key() -> None:
    assert IDS.hash("7") == IDS.hash("7") != IDS.hash("8")
    assert IDS.hash("7") != SecretIds("another-secret-of-the-tests", purpose="test 1").hash("7")


def test_nothing_shows_it() -> None:
    made = IDS.create()
    assert repr(made) == str(made) == f"{made}" == "<SecretId>"
    assert repr(IDS) == "<SecretIds>"
    assert repr(made.text) == "<SecretText>"
    assert str(made.text) == f"{made.text}" == made.text
    assert type(str(made.text)) is str
