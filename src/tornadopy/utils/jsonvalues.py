"""Values as JSON text, and the refusal of those that would not come back from it.

Sessions and tokens keep what they are given in this form. RFC 8259 says what JSON is.
"""

from __future__ import annotations

import json
from typing import Any

# PERF: `json.dumps` makes an encoder for each call that asks for anything special.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode_value(name: str, value: Any) -> str:
    """Return *value* as JSON, in as few characters as possible.

    Args:
        name: Where the value stands, for the message: ``session['cart']``.
        value: Text, a number, True, False, None, or lists and dictionaries of these. A tuple becomes a list.

    Raises:
        TypeError: JSON has no such value, or it would come back as another one.

    .. versionadded:: 2.0
    """
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()  # half of a surrogate pair is text to Python, but not to UTF-8
    except (TypeError, ValueError, RecursionError) as exc:
        raise _refusal(name, exc) from exc
    if isinstance(value, (dict, list, tuple)):
        _refuse_other_keys(name, value)
    return text


def decode_value(text: str) -> Any:
    """Return the value that *text*, from `encode_value`, stands for."""
    return json.loads(text)


def _refuse_other_keys(name: str, value: Any) -> None:
    """Refuse keys that are no text: JSON would turn them into text, and nobody would find them again."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise _refusal(name, f"the key {key!r} in it is no text")
            _refuse_other_keys(name, each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _refuse_other_keys(name, each)


def _refusal(name: str, cause: object) -> TypeError:
    return TypeError(
        f"{name} cannot be kept: {cause}; store text, numbers, True, False, None, and lists and dictionaries of these"
    )
