"""Which hosts a site answers for: ``ALLOWED_HOSTS``."""

from __future__ import annotations

from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

from tornadopy.exceptions import HttpBadRequestError


class HostFilter:
    """Refuse requests for other hosts.

    Args:
        allowed: Host names; ``.example.com`` stands for the domain and all below it, ``*`` for any host. The meaning is
            that of Django's ``ALLOWED_HOSTS``: https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts
    """

    def __init__(self, allowed: Sequence[str]) -> None:
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
