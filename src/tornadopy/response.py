"""Encode what a handler answers: JSON and JSONP."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tornadopy.exceptions import HttpBadRequestError

_CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", re.ASCII)
_CALLBACK_LENGTH = 128


def encode_json(value: Any, *, ensure_ascii: bool = True) -> str:
    """Return *value* as JSON that may stand inside a ``<script>`` element.

    Dates and times are written as ISO 8601, decimals and UUIDs as strings, sets as arrays, mappings as objects.

    Args:
        value: What to encode.
        ensure_ascii: Whether other characters are escaped.

    Raises:
        TypeError: It holds something that JSON cannot express.
        ValueError: It holds NaN or an infinity, which are not JSON (RFC 8259 §6), or itself.

    .. versionadded:: 2.0
    """
    text = json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, default=_default)
    text = text.replace("</", "<\\/")
    return text if ensure_ascii else text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def encode_jsonp(callback: str, value: Any, *, ensure_ascii: bool = True) -> str:
    """Return *value* as a script that calls *callback* with it.

    Raises:
        HttpBadRequestError: The name is no (dotted) JavaScript identifier.

    .. versionadded:: 2.0
    """
    if len(callback) > _CALLBACK_LENGTH or not _CALLBACK.fullmatch(callback):
        raise HttpBadRequestError("the JSONP callback %r is no JavaScript identifier", callback[:_CALLBACK_LENGTH])
    # The comment keeps the answer from being read as another kind of file that begins with the callback's letters.
    return f"/**/{callback}({encode_json(value, ensure_ascii=ensure_ascii)});"


def _default(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (AbstractSet, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable: {value!r:.80}")
