"""What a developer sees when the server has started in debug mode."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tornadopy.utils.versions import versions

if TYPE_CHECKING:
    from tornadopy.application import Application

# A browser cannot go to "any address"; it can go to this machine's own.
_ANY_HOST = {
    "0.0.0.0": ("127.0.0.1", " (on all addresses)"),  # noqa: S104  # a name to look up, nothing is bound here
    "::": ("::1", " (on all addresses)"),
}


def banner(application: Application, addresses: Iterable[Any], *, secure: bool = False) -> str:
    """Return the start banner: versions, settings module, apps, template engine, addresses.

    Args:
        application: What is served.
        addresses: What its sockets are bound to.
        secure: Whether they speak TLS.
    """
    conf = application.conf
    lines = {
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "Settings": conf.module or "the defaults",
        "Apps": ", ".join(conf.INSTALLED_APPS) or "none",
        "Templates": application.templates.engine_name,
        "Serving on": ", ".join(dict.fromkeys(_url(each, secure) for each in addresses)),
    }
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    width = max(map(len, lines))
    body = "\n".join(f"  {name:<{width}}  {text}" for name, text in lines.items())
    return f"\n{bold}tornadopy{plain} in debug mode; stop with Ctrl+C\n\n{body}\n\n"


def _url(address: Any, secure: bool) -> str:
    if not isinstance(address, tuple):
        return f"unix:{address}"
    scheme = "https" if secure else "http"
    host, note = _ANY_HOST.get(address[0], (address[0], ""))
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{address[1]}{note}"
