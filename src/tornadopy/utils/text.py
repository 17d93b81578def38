"""Text out of anything.

In Python 2 the two functions gave bytes and text; in Python 3 both give `str`.
"""

from __future__ import annotations

__all__ = ["safestr", "safeunicode"]


def safestr(value: object, encoding: str = "utf-8") -> str:
    r"""Return *value* as text: bytes decoded, anything else by its `str`.

    Bytes that cannot be decoded are replaced by U+FFFD, so that no input makes it fail::

        safestr(b"caf\xc3\xa9")  # 'café'
        safestr(42)  # '42'

    Args:
        value: Anything.
        encoding: How bytes are decoded.

    .. versionadded:: 2.0
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode(encoding, "replace")
    return str(value)


safeunicode = safestr
"""The other name of `safestr`."""
