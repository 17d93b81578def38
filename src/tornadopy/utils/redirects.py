"""Addresses that a client brings along, and that it is to be sent to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# A browser drops tabs and line ends, and reads a backslash as a slash.
_MISREAD = re.compile(r"[\x00-\x20\x7f\\]")


def is_own_address(target: str, *, protocol: str, host: str) -> bool:
    """Whether a browser that is sent to *target* stays on the site.

    So does a path (``/cart?page=2``), and a whole address of the same protocol and host. ``//elsewhere.example`` and
    whatever browsers take for it do not; see https://url.spec.whatwg.org/#url-parsing.

    Args:
        target: The address.
        protocol: That of the site, ``http`` or ``https``.
        host: That of the site, with its port if it is in the address bar.

    .. versionadded:: 2.0
    """
    if _MISREAD.search(target) is not None:
        return False
    if target.startswith("/"):
        return not target.startswith("//")
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return target.startswith(f"{protocol}://") and parts.netloc == host
