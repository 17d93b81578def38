"""Which hosts a site answers for: ``ALLOWED_HOSTS``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

from tornadopy.exceptions import ConfigError, HttpBadRequestError

_ENDS_WITH_PORT = r"^[^:\[\]]+:\d+$|\]:\d+$"


class HostFilter:
    """Refuse requests for other hosts.

    Args:
        allowed: Host names; ``.example.com`` stands for the domain and all below it, ``*`` for any host. The meaning is
            that of Django's ``ALLOWED_HOSTS``: https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts

    Raises:
        ConfigError: An entry can never match.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        for index, host in enumerate(allowed):
            if host != "*" and ("*" in host or "/" in host or re.search(_ENDS_WITH_PORT, host)):
                raise ConfigError(
                    f"ALLOWED_HOSTS[{index}]: {host!r} matches no host; write 'example.com', '.example.com' for it and "
                    "all below it, or '*' for any, without scheme and port"
                )
        self._any = "*" in allowed
        self._exact = frozenset(host.lower().lstrip(".") for host in allowed)
        self._domains = tuple(host.lower() for host in allowed if host.startswith("."))

    def check(self, request: HTTPServerRequest) -> None:
        """Let *request* pass, or raise.

        Raises:
            HttpBadRequestError: Its host is not allowed.
        """
        if self._any:
            return
        host = request.host_name.lower().rstrip(".")
        if host not in self._exact and not host.endswith(self._domains or ("\0",)):
            raise HttpBadRequestError("the host %r is not in ALLOWED_HOSTS", request.host_name)
