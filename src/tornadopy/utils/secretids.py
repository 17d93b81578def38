"""Ids that only their holder knows: of sessions and of tokens.

An id is text for the client and, by a keyed hash, a key for the store, so that who can read the store can use none of
the ids. It carries a tag made with the same key: what is forged, cut, or of another key is told apart by its form, and
nobody asks the store about it.

An id is 64 characters of URL-safe Base64: 256 random bits and 128 bits of tag. Tag and store key are the two ends of
one HMAC-SHA512 (RFC 2104); neither tells anything of the other, nor of the random bits.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

_RANDOM_BYTES = 32
_TAG_BYTES = 16
_LENGTH = 64
_FORM = re.compile(rf"[A-Za-z0-9_-]{{{_LENGTH}}}")


class SecretText(str):
    """Text that its ``repr`` does not show, so that it gets neither into logs nor onto error pages by chance.

    .. versionadded:: 2.0
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SecretId:
    """An id; neither its ``repr`` nor its ``str`` shows it.

    Args:
        text: What the client has.
        store_key: What the store has, 64 hexadecimal digits.

    .. versionadded:: 2.0
    """

    __slots__ = ("store_key", "text")

    def __init__(self, text: str, store_key: str) -> None:
        self.text = SecretText(text)
        self.store_key = store_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SecretIds:
    """Makes ids and recognises them.

    Args:
        secret: The key; with another one, all ids of this one are void.
        purpose: What the ids are for, so that those of one purpose are void for another, whatever the key.

    .. versionadded:: 2.0
    """

    __slots__ = ("_mac",)

    def __init__(self, secret: str, *, purpose: str) -> None:
        key = hmac.digest(secret.encode(), purpose.encode(), "sha512")
        self._mac = hmac.new(key, digestmod="sha512")

    def create(self) -> SecretId:
        """Return a new id."""
        random = secrets.token_bytes(_RANDOM_BYTES)
        tag, store_key = self._split(random)
        return SecretId(urlsafe_b64encode(random + tag).decode(), store_key)

    def parse(self, text: object) -> SecretId | None:
        """Return the id that *text* is, or None if it is none of these."""
        if not isinstance(text, str) or len(text) != _LENGTH or _FORM.fullmatch(text) is None:
            return None
        raw = urlsafe_b64decode(text)
        tag, store_key = self._split(raw[:_RANDOM_BYTES])
        if not hmac.compare_digest(tag, raw[_RANDOM_BYTES:]):
            return None
        return SecretId(text, store_key)

    def hash(self, text: str) -> str:
        """Return a key of the store for *text*, which is no id; of the form that ids have there."""
        return self._split(text.encode())[1]

    def _split(self, message: bytes) -> tuple[bytes, str]:
        mac = self._mac.copy()
        mac.update(message)
        digest = mac.digest()
        return digest[:_TAG_BYTES], digest[_RANDOM_BYTES:].hex()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
