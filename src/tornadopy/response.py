"""Encode what a handler answers: JSON and JSONP."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from json import encoder
from typing import Any

from tornado import escape
from tornado.escape import to_unicode

from tornadopy.exceptions import HttpBadRequestError

Encoder = Callable[[Any], str | bytes]
"""What ``JSON_ENCODER`` names: it returns a value as JSON."""

_CALLBACK = r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*"
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
    text = (_dump_ascii if ensure_ascii else _dump_unicode)(value).replace("</", "<\\/")
    return text if ensure_ascii else text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def encode_dict(value: dict[Any, Any]) -> str:
    """Return *value* as Tornado's ``write`` sends it: what `tornado.escape.json_encode` returns.

    A function that somebody has put in its place is called. The setting ``JSON_ENCODER`` takes the place of both.

    Raises:
        TypeError, ValueError: As `json.dumps` does.

    .. versionadded:: 2.0
    """
    if escape.json_encode is not _TORNADOS_JSON_ENCODE:
        return escape.json_encode(value)
    return _dump_plain(value).replace("</", "<\\/")


def encode_jsonp(callback: str, value: Any, *, ensure_ascii: bool = True, encode: Encoder | None = None) -> str:
    """Return *value* as a script that calls *callback* with it.

    Args:
        callback: The name of the function.
        value: What it is called with.
        ensure_ascii: Whether other characters are escaped.
        encode: What makes the JSON, in the place of `encode_json`.

    Raises:
        HttpBadRequestError: The name is no (dotted) JavaScript identifier.

    .. versionadded:: 2.0
    """
    if len(callback) > _CALLBACK_LENGTH or not re.fullmatch(_CALLBACK, callback, re.ASCII):
        raise HttpBadRequestError("the JSONP callback %r is no JavaScript identifier", callback[:_CALLBACK_LENGTH])
    # The comment keeps the answer from being read as another kind of file that begins with the callback's letters.
    text = encode_json(value, ensure_ascii=ensure_ascii) if encode is None else to_unicode(encode(value))
    return f"/**/{callback}({text});"


def plain_value(value: Any) -> Any:
    """Return what stands for *value* in JSON, where that does not know its type.

    Raises:
        TypeError: Nothing does.

    .. versionadded:: 2.0
    """
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (AbstractSet, tuple)):
        return list(value)
    # PERF: whoever has one of these has imported its module; a start would wait milliseconds for the two.
    from decimal import Decimal  # noqa: PLC0415
    from uuid import UUID  # noqa: PLC0415

    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable: {value!r:.80}")


def _compile(**options: Any) -> Callable[[Any], str]:
    """Return a function that does what `json.dumps` does with *options*, without putting an encoder together each time.

    PERF: halves the time of a small dictionary (benchmarks/handlers.py).
    """
    whole = json.JSONEncoder(**options)
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return whole.encode
    quote = encoder.encode_basestring_ascii if whole.ensure_ascii else encoder.encode_basestring
    # NOTE: without the dictionary of what it is inside of, which calls cannot share: a circle ends in RecursionError.
    encode = make(
        None, whole.default, quote, None, whole.key_separator, whole.item_separator, False, False, whole.allow_nan
    )

    def dump(value: Any) -> str:
        try:
            return "".join(encode(value, 0))
        except Exception:
            return json.dumps(value, **options)  # raises the error that says what is wrong

    return dump


_TORNADOS_JSON_ENCODE = escape.json_encode
_dump_plain = _compile()
_dump_ascii = _compile(allow_nan=False, default=plain_value)
_dump_unicode = _compile(allow_nan=False, default=plain_value, ensure_ascii=False)
