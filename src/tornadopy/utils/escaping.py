"""Escapes what could break a line of text in two or command a terminal.

The access log, reports on standard error and anything else that writes foreign text into a line-wise file calls this.
It knows neither logs nor requests.
"""

from __future__ import annotations

import re
from functools import cache

# C0 controls, DEL and C1 controls; the two line separators of Unicode; halves of surrogate pairs, which no codec takes.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"


def escape_control(text: str) -> str:
    r"""Return *text* with each control character written as an escape.

    Controls below U+0100 become ``\x0a``, line separators and lone surrogates ``\u2028``. Everything else stays as it
    is, so that the result is one line for every reader, whatever it takes for the end of a line.

    .. versionadded:: 2.0
    """
    if text.isprintable():
        return text
    return _control().sub(_escape, text)


def escape_quoted(text: str) -> str:
    r"""Return *text* fit to stand between double quotes in a line.

    Beside the controls of `escape_control`, quotes become ``\"`` and backslashes ``\\``: the text can neither end its
    field nor look like an escape that it is not.

    .. versionadded:: 2.0
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _control_or_quote().sub(_escape, text)


# PERF: nearly all text can be printed, which Python tells fast. The expressions for what cannot take two milliseconds
# to compile, so that no start waits for them.
@cache
def _control() -> re.Pattern[str]:
    return re.compile(f"[{_CONTROLS}]")


@cache
def _control_or_quote() -> re.Pattern[str]:
    return re.compile(f'["\\\\{_CONTROLS}]')


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
