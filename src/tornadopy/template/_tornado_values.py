"""What becomes of the value of an expression in a template of Tornado's engine.

Called by the code that `_tornado_code` makes. The results are those of the functions by which Tornado's own code gets
there; values of other types than usual go through these.
"""

from __future__ import annotations

from typing import Any

from tornado.escape import utf8, xhtml_escape

_HARMLESS = frozenset({int, float, bool, type(None)})
"""Types whose texts hold nothing that is escaped."""


def escaped(value: Any) -> bytes:
    """Return *value* as text in UTF-8, its markup escaped by `tornado.escape.xhtml_escape`.

    PERF: most values hold no markup. It is looked for in the text, which an operator of Python's does, and replaced in
    the bytes, so that what cannot be encoded fails as it is, not as it has become.
    """
    if type(value) is not str:
        if type(value) in _HARMLESS:
            return str(value).encode()
        if not isinstance(value, str | bytes):
            value = str(value)
        if type(value) is not str:
            return utf8(xhtml_escape(utf8(value)))
    content = value.encode()
    if "&" in value:
        content = content.replace(b"&", b"&amp;")
    if "<" in value:
        content = content.replace(b"<", b"&lt;")
    if ">" in value:
        content = content.replace(b">", b"&gt;")
    if '"' in value:
        content = content.replace(b'"', b"&quot;")
    if "'" in value:
        content = content.replace(b"'", b"&#x27;")
    return content


def raw(value: Any) -> bytes:
    """Return *value* as text in UTF-8; bytes as they are."""
    if type(value) is bytes:
        return value
    return utf8(value if isinstance(value, str | bytes) else str(value))
