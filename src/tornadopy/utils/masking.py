"""Masking of secrets, wherever values are shown to a person.

Called by the access log, the debug page and the ``tornadopy settings`` command. It knows names and texts alone: no
settings, no request. Where a text can be read in two ways, the reading that hides more wins: a masked port is a
nuisance, a shown password is a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

MASK = "********"
"""What is shown in the place of a secret."""

ELLIPSIS = "..."
"""What is shown in the place of a value that is nested too deeply, contains itself, or comes after too many others."""

MAX_DEPTH = 16
MAX_NODES = 50_000

_SECRET_WORDS = ("secret", "password", "passwd", "token", "key", "cookie", "authorization", "credential", "dsn")

# A text falls into pieces of at most one URL each. A password may hold any punctuation, so only white space, or a
# delimiter directly before the next scheme, ends a piece.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*+://"
_NEXT_URL = rf"""([\s,;|"'<>()\[\]{{}}](?={_SCHEME}))"""
_NEXT_WORD = rf"""(\s|[,;|"'<>()\[\]{{}}](?={_SCHEME}))"""
_STARTS_WITH_URL = rf"\s*{_SCHEME}"
# What follows the colon of ``http://host:8000/`` is a port; so it is where the URL's word ends without an ``@``.
_PORT = r"\d{1,5}(?=[/?#])"
_PORT_ENDING_WORD = r"\d{1,5}(?:[/?#][^\s@]{0,2000}+)?(?=\s)"
_WEB_SCHEMES = ("http", "https", "ws", "wss")
_USER = r"://([^:/]*+):"

_LONG_LITERAL = r"""(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z))"""
_LITERAL = rf"[bBrRuUfF]{{0,2}}(?:{_LONG_LITERAL}|" r""""(?:[^"\\]|\\.)*+(?:"|\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z))"""
_BRACKETED = rf"""[\w.]*+[(\[{{<](?:{_LITERAL}|[^()\[\]{{}}<>"'])*+[)\]}}>]"""
_BARE = r"""[^\s,;&)\]}]++"""
_NAME = r"(?<![\w.\-])(?P<name>[\w.\-]++)"
_QUOTED_SIGN = r"""\\?["'](?:\]\s*+=(?!=)|\s*+:)\s*+"""  # of 'name': and ["name"] =
_SIGN = r"(?::\s?[\w.\[\] |]{1,60}?)?\s*+=(?!=)\s*+"  # of name= and name: str =
_PAIR_SIGN = r"""(?P<pair>["'],\s*+)"""  # of ("name", value)
_ASSIGNED = rf"{_NAME}(?P<sign>{_QUOTED_SIGN}|{_SIGN}|{_PAIR_SIGN})"
_ASSIGNMENT = rf"(?s){_ASSIGNED}(?P<value>{_LITERAL}|{_BRACKETED}|{_BARE})"
_PAIR_START = r"""\([bBrRuU]{0,2}["']\Z"""
_LITERALS = rf"[\[({{]\s*+{_LITERAL}(?:\s*+,\s*+{_LITERAL})*+\s*+,?\s*+[\])}}]"
_EMPTY_LITERAL = r"""\w{0,2}(?:\"\"(?!\")|''(?!'))"""
_LITERAL_ASSIGNMENT = rf"(?s){_ASSIGNED}(?P<value>{_LITERALS}|(?!{_EMPTY_LITERAL}){_LITERAL})"
_QUERY_ARGUMENT = r"""(?P<start>[?&])(?P<name>[\w.\-]++)=(?P<value>[^\s&#"'<>]++)"""
_QUERY_START = r"[?#]"
_NESTED_ARGUMENT = r"(?:\A|[?&;#])([^=?&;#]++)="
_DECODINGS = 3  # a URL in a URL in a URL
# Of an address within a text: its query has no white space, and may have any punctuation.
_ARGUMENT_NAME = r"[?&;]([^\s?&;=]++)="
_ARGUMENT_END = r"[\s&]"
_HEADER_LINE = r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*+:\s*+)[^\r\n]++"


def is_secret(name: str) -> bool:
    """Tell whether a value of this name must not be shown.

    Returns:
        True if the name contains, in any case, one of: secret, password, passwd, token, key, cookie, authorization,
        credential, dsn; or if it is pw, as an argument of `tornadopy.db.basedb.database` is called.

    .. versionadded:: 2.0
    """
    folded = name.casefold()
    return folded == "pw" or any(word in folded for word in _SECRET_WORDS)


def mask_url(text: str) -> str:
    """Mask the password of each URL in a text.

    ``postgresql://user:pw@host/db`` becomes ``postgresql://user:********@host/db``. A password may hold characters
    that a URL should quote (``/ @ : #``), since drivers accept them; it reaches to the last ``@`` of its word, or, if
    the text begins with a URL, to the last ``@`` before the next one.

    .. versionadded:: 2.0
    """
    if "://" not in text or "@" not in text:
        return text
    boundary = _NEXT_URL if _compiled(_STARTS_WITH_URL).match(text) else _NEXT_WORD
    return "".join(map(_mask_one_url, _compiled(boundary).split(text)))


def mask_query(uri: str) -> str:
    """Mask the values of secret arguments, and URLs' passwords, in a URL or in the target of a request.

    ``/login?user[token]=x&next=/a`` becomes ``/login?user[token]=********&next=/a``. Arguments end at ``&`` and nowhere
    else, and names are percent-decoded, as Tornado reads them: what a handler gets as the value of a secret argument is
    masked whole, whatever characters it holds. A value that gives itself values to secret names, such as a URL, a JSON
    text or arguments between semicolons, is masked whole too.

    .. versionadded:: 2.0
    """
    # PERF: most addresses have no query, which is told faster without the expression.
    start = _compiled(_QUERY_START).search(uri) if "?" in uri or "#" in uri else None
    if start is None:
        return mask_url(uri)
    query = uri[start.end() :]
    if not ("%" in query or "://" in query or _may_name_secret(query)):
        return mask_url(uri)
    arguments = map(_mask_argument, query.split("&"))
    return mask_url(uri[: start.end()] + "&".join(arguments))


def mask_text(text: str) -> str:
    """Mask URLs' passwords, and the values that a text gives to secret names.

    For messages and the ``repr`` of objects: ``Account(password='pw')``, ``{'token': 'x'}``, ``('token', 'x')``,
    ``?api_key=x``, ``Authorization: Bearer x``.

    .. versionadded:: 2.0
    """
    text = _compiled(_HEADER_LINE).sub(rf"\1\2{MASK}", _mask_arguments_in(mask_url(text)))
    return _compiled(_ASSIGNMENT).sub(_mask_assignment, text)


def mask_source(line: str) -> str:
    """Mask URLs' passwords and the string literals that a line of source code gives to secret names.

    ``password = "pw"`` loses its literal; ``password = form["pw"]`` and ``password = ""`` say nothing secret and stay.

    .. versionadded:: 2.0
    """
    line = _compiled(_QUERY_ARGUMENT).sub(_mask_query_argument, mask_url(line))
    return _compiled(_LITERAL_ASSIGNMENT).sub(_mask_assignment, line)


def mask_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Mask the values of headers that carry secrets.

    These are ``Authorization``, ``Proxy-Authorization``, ``Cookie``, ``Set-Cookie`` and every header with a secret
    name; in the others URLs' passwords and secret query arguments (of a ``Referer``) are masked, as by `mask_query`.

    Args:
        headers: A mapping, or the pairs of name and value.

    Returns:
        The pairs, in their order.

    .. versionadded:: 2.0
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, MASK if is_secret(name) else mask_text(mask_query(value))) for name, value in pairs]


def mask(name: str, value: object) -> Any:
    """Return a copy of a value that may be shown under this name.

    Values under secret names, at any depth, become `MASK`; so does the second item of a pair whose first is a secret
    name. In strings and bytes, URLs' passwords are masked. Mappings become `dict`, sequences `list` or `tuple`; objects
    of other kinds are returned as they are. What is nested deeper than `MAX_DEPTH`, contains itself, or comes after
    `MAX_NODES` others becomes `ELLIPSIS`.

    .. versionadded:: 2.0
    """
    return MASK if is_secret(name) else _Masker().copy(value)


def name_of(key: object) -> str:
    """Return the name that a key of a mapping stands for; an empty one, if it is no text."""
    if isinstance(key, bytes):
        return key.decode("latin-1")
    return key if isinstance(key, str) else ""


def is_secret_pair(value: tuple[object, ...]) -> bool:
    """Tell whether a tuple is a pair of a secret name and its value, as in a list of headers."""
    return len(value) == 2 and is_secret(name_of(value[0]))


# PERF: compiled when they are first used; no start waits for those that it does not need.
@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _mask_one_url(piece: str) -> str:
    end = piece.rfind("@")
    found = _compiled(_USER).search(piece, 0, end) if end > 0 else None
    while found is not None and _has_port(piece, found):
        found = _compiled(_USER).search(piece, found.end(), end)
    return piece if found is None else piece[: found.end()] + MASK + piece[end:]


def _has_port(piece: str, found: re.Match[str]) -> bool:
    """Tell whether a port follows the colon, rather than a password."""
    if not found[1]:
        return False  # ``redis://:6379/``: without a host there is no port
    if _compiled(_PORT_ENDING_WORD).match(piece, found.end()):
        return True
    of_the_web = piece[max(0, found.start() - 5) : found.start()].lower().endswith(_WEB_SCHEMES)
    return of_the_web and _compiled(_PORT).match(piece, found.end()) is not None


def _mask_assignment(found: re.Match[str]) -> str:
    if not is_secret(found["name"]):
        return found[0]
    if found["pair"] and not _compiled(_PAIR_START).search(found.string[max(0, found.start() - 4) : found.start()]):
        return found[0]
    value = found["value"]
    quote = value[-1] if value[-1] in "\"'" and value.lstrip("bBrRuUfF")[0] == value[-1] else ""
    return f"{found['name']}{found['sign']}{quote}{MASK}{quote}"


def _may_name_secret(query: str) -> bool:
    # PERF: one look at all arguments, most of which are harmless, in place of several at each.
    folded = query.casefold()
    return "pw" in folded or is_secret(folded)


def _mask_argument(argument: str) -> str:
    name, sign, value = argument.partition("=")
    if _tells_secret(name):
        return MASK
    if value and (is_secret(_decoded(name)) or _tells_secret(value)):
        value = MASK
    return name + sign + value


def _mask_arguments_in(text: str) -> str:
    """Mask the values of secret arguments in the addresses of a text, up to white space or the next ``&``."""
    pieces, done = [], 0
    for found in _compiled(_ARGUMENT_NAME).finditer(text):
        if found.start() < done or not is_secret(_decoded(found[1])):
            continue
        end = _compiled(_ARGUMENT_END).search(text, found.end())
        stop = end.start() if end else len(text)
        if stop > found.end():
            pieces += [text[done : found.end()], MASK]
            done = stop
    return "".join([*pieces, text[done:]])


def _tells_secret(quoted: str) -> bool:
    """Tell whether a name or value of a URL's argument holds values of secret names, or URLs' passwords."""
    text = _decoded(quoted)
    if "%" in text and unquote_plus(text) != text:
        return True  # quoted more often than anybody would look
    if not is_secret(text) and "://" not in text:
        return False
    return any(map(is_secret, _compiled(_NESTED_ARGUMENT).findall(text))) or mask_text(text) != text


def _decoded(quoted: str) -> str:
    for _ in range(_DECODINGS):
        if "%" not in quoted and "+" not in quoted:
            break
        quoted = unquote_plus(quoted)
    return quoted


def _mask_query_argument(found: re.Match[str]) -> str:
    return f"{found['start']}{found['name']}={MASK}" if is_secret(found["name"]) else found[0]


class _Masker:
    """One masked copy in the making: its path from the root, and how many values it has met."""

    def __init__(self) -> None:
        self._path: set[int] = set()
        self._nodes = 0

    def copy(self, value: object) -> object:
        self._nodes += 1
        if isinstance(value, str):
            return mask_url(value)
        if isinstance(value, bytes):
            return mask_url(value.decode("latin-1")).encode("latin-1")
        if not isinstance(value, Mapping | Sequence | AbstractSet) or isinstance(value, bytearray | memoryview | range):
            return value
        if id(value) in self._path or len(self._path) >= MAX_DEPTH or self._nodes > MAX_NODES:
            return ELLIPSIS
        self._path.add(id(value))
        try:
            return self._copy_container(value)
        finally:
            self._path.discard(id(value))

    def _copy_container(self, value: Mapping[object, object] | Sequence[object] | AbstractSet[object]) -> object:
        if isinstance(value, Mapping):
            return {self.copy_key(key): self._copy_named(key, item) for key, item in value.items()}
        if isinstance(value, tuple):
            return self._copy_tuple(value)
        items = [self.copy(item) for item in value]
        return _as_set(items) if isinstance(value, AbstractSet) else items

    def copy_key(self, key: object) -> object:
        return mask_url(key) if isinstance(key, str) else key

    def _copy_named(self, name: object, value: object) -> object:
        return MASK if is_secret(name_of(name)) else self.copy(value)

    def _copy_tuple(self, value: tuple[object, ...]) -> tuple[object, ...]:
        if is_secret_pair(value):
            return (value[0], MASK)
        names = getattr(value, "_fields", None)
        if isinstance(names, tuple) and len(names) == len(value):
            return tuple(self._copy_named(name, item) for name, item in zip(names, value, strict=True))
        return tuple(self.copy(item) for item in value)


def _as_set(items: list[object]) -> object:
    """Return a set of the items, or their list where a copy cannot be hashed any more."""
    try:
        return set(items)
    except TypeError:
        return items
