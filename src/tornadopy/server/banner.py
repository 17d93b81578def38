"""What a developer sees when the server has started in debug mode."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tornadopy.utils.versions import versions

if TYPE_CHECKING:
    from tornadopy.application import Application


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
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{'https' if secure else 'http'}://{host}:{address[1]}"
