"""The middleware that joins tokens to handlers: where a request shows one, and when it is looked up.

`tornadopy.handler` finds a request's token through `Application.open_token`, which is set here. What a token is,
`tornadopy.tokens` knows.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from tornadopy.conf.security import usable_secret
from tornadopy.middleware.stores import find_cache, refuse_without_secret
from tornadopy.tokens import Token, TokenPolicy, TokenStore
from tornadopy.utils.secretids import SecretIds

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from tornadopy.application import Application
    from tornadopy.handler import StatefulHandler
    from tornadopy.types import Clear

__all__ = ["TokenMiddleware", "presented_token"]

HEADER = "X-Token"
ARGUMENT = "tokenID"


class TokenMiddleware:
    """Give handlers the token that their request presents, as the setting ``TOKEN`` says.

    On a store with I/O it is looked up before the handler runs; in this process when it is first asked for.

    .. versionadded:: 2.0
    """

    _store: TokenStore

    def process_init(self, application: Application) -> None:
        """Build the store, and leave out the hook that it does not need.

        Raises:
            ConfigError: ``TOKEN.token_cache_alias`` names no cache, or one whose settings are wrong.
        """
        options = application.conf.TOKEN
        cache = find_cache(application, "TOKEN", "token_cache_alias")
        secret = usable_secret(application.conf, "TOKEN")
        policy = TokenPolicy(
            timeout=options.token_timeout,
            ties_to_address=not options.ignore_change_ip,
            fails_closed=options.fail_closed,
            per_user=options.tokens_per_user,
            max_size=options.max_size,
        )
        if secret is None:
            application.open_token = refuse_without_secret("TOKEN")
        else:
            ids = SecretIds(secret, purpose=f"tornadopy token {options.token_version}")
            self._store = TokenStore(cache, ids, policy)
            application.open_token = self.open
        if secret is None or not cache.has_io:
            self.process_request = None  # type: ignore[method-assign,assignment]  # the pipeline leaves it out

    def process_request(self, handler: StatefulHandler, clear: Clear) -> Awaitable[None] | None:  # noqa: ARG002
        """Look up the token of a request that shows one, unless its handler does so itself."""
        if not handler.token_prefetch or presented_token(handler.request) is None:
            return None
        token = self.open(handler)
        return None if token.is_loaded else token.load()

    def open(self, handler: StatefulHandler) -> Token:
        """Return the token of the request of *handler*, always the same one."""
        state = handler.context.state
        token: Token | None = state.get(TokenMiddleware)
        if token is None:
            request = handler.request
            text = presented_token(request)
            owner = None if text is None else self._store.ids.parse(text)
            token = Token(self._store, owner, request.remote_ip or "", is_presented=text is not None)
            state[TokenMiddleware] = token
        return token


def presented_token(request: HTTPServerRequest) -> str | None:
    """Return what *request* presents as a token: after ``Bearer``, in ``X-Token``, or as the argument ``tokenID``.

    The first of the three that is there counts, whatever it holds. See RFC 6750, section 2.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    header = request.headers.get(HEADER)
    if header is not None:
        return header.strip()
    arguments = request.arguments.get(ARGUMENT)
    return arguments[-1].decode("latin-1").strip() if arguments else None
