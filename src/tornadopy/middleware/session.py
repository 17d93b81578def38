"""The middleware that joins sessions to handlers: the cookie, the time of loading, the time of saving.

`tornadopy.handler` finds a request's session through `Application.open_session`, which is set here. What a session is,
`tornadopy.sessions` knows; `SignalMiddleware` is here because the seed's settings look for it here, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from tornadopy.cache.freshness import set_vary
from tornadopy.conf.security import usable_secret
from tornadopy.exceptions import ConfigError
from tornadopy.middleware.signal import SignalMiddleware
from tornadopy.middleware.stores import find_cache, refuse_without_secret
from tornadopy.sessions import LONGEST_LIFE, CookieOrder, Session, SessionPolicy, SessionStore
from tornadopy.utils.secretids import SecretId, SecretIds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tornado.httputil import HTTPServerRequest

    from tornadopy.application import Application
    from tornadopy.handler import StatefulHandler
    from tornadopy.types import Clear

__all__ = ["SessionMiddleware", "SignalMiddleware"]

# See RFC 6265, section 4.1.1.
_FORMS = {
    "session_name": re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"),
    "cookie_domain": re.compile(r"[!-:<-~]*"),
    "cookie_path": re.compile(r"[!-:<-~]*"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CookiePolicy:
    """What the setting ``SESSION`` says of the cookie.

    Args:
        name: Its name.
        domain: The domain that it is for; None: the host that sets it.
        path: The path that it is for.
        httponly: Whether scripts are kept from it.
        secure: Whether it is for HTTPS alone; None: if it has been set over HTTPS.
        samesite: Which requests from other sites bring it: ``Lax``, ``Strict`` or ``None``.
    """

    name: str
    domain: str | None
    path: str
    httponly: bool
    secure: bool | None
    samesite: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return what *options*, the setting, say.

        Raises:
            ConfigError: No cookie can have such a name, domain or path.
        """
        for key, form in _FORMS.items():
            if not form.fullmatch(options[key] or ""):
                raise ConfigError(f"SESSION.{key}: no cookie can have {options[key]!r}; take letters, digits, - and _")
        return cls(
            name=options["session_name"],
            domain=options["cookie_domain"] or None,
            path=options["cookie_path"],
            httponly=options["httponly"],
            secure=options["secure"],
            samesite=options["samesite"],
        )

    def read(self, request: HTTPServerRequest) -> str | None:
        """Return the value of the request's cookie, if there is one."""
        # PERF: parsing all cookies takes longer than the rest of an access to the session (benchmarks/sessions.py).
        header = request.headers.get("Cookie")
        if header is None or self.name not in header:
            return None
        pairs = [pair.partition("=") for pair in header.split(";")]
        values = [value.strip() for name, _, value in pairs if name.strip() == self.name]
        return values[-1] if values else None  # the last of a name, as Tornado takes it

    def write(self, handler: StatefulHandler, order: CookieOrder) -> None:
        """Let the response of *handler* carry out *order*."""
        secure = handler.request.protocol == "https" if self.secure is None else self.secure
        attributes: dict[str, Any] = {
            "domain": self.domain,
            "path": self.path,
            "httponly": self.httponly,
            "secure": secure,
            "samesite": self.samesite,
        }
        if order.owner is None:
            handler.clear_cookie(self.name, **attributes)
        elif order.max_age:
            expires = time.time() + order.max_age
            handler.set_cookie(self.name, order.owner.text, expires=expires, max_age=order.max_age, **attributes)
        else:
            handler.set_cookie(self.name, order.owner.text, **attributes)


class SessionMiddleware:
    """Give handlers a session, as the setting ``SESSION`` says.

    A request without the cookie of a session touches nothing. On a store with I/O the session is fetched before the
    handler runs; in this process it is loaded when it is first used. What has changed is saved before the headers go
    out, whatever other middlewares do.

    .. versionadded:: 2.0
    """

    _cookie: CookiePolicy
    _store: SessionStore

    def process_init(self, application: Application) -> None:
        """Build the store, and leave out the hook that it does not need.

        Raises:
            ConfigError: ``SESSION.session_cache_alias`` names no cache, or one whose settings are wrong; no cookie can
                be what the other keys say.
        """
        options = application.conf.SESSION
        cache = find_cache(application, "SESSION", "session_cache_alias")
        secret = usable_secret(application.conf, "SESSION")
        self._cookie = CookiePolicy.of(options)
        policy = SessionPolicy(
            expires=options.expires,
            ties_to_address=not options.ignore_change_ip,
            saves_always=options.save_every_request,
            fails_closed=options.fail_closed,
            max_size=options.max_size,
        )
        if options.expires > LONGEST_LIFE:
            raise ConfigError(
                f"SESSION.expires: expected at most {LONGEST_LIFE} (a hundred years), got {options.expires}"
            )
        if secret is None:
            application.open_session = refuse_without_secret("SESSION")
        else:
            ids = SecretIds(secret, purpose=f"tornadopy session {options.session_version}")
            self._store = SessionStore(cache, ids, policy)
            application.open_session = self.open
        if secret is None or not (cache.has_io or policy.saves_always):
            # PERF: the pipeline leaves it out (benchmarks/sessions.py).
            self.process_request = None  # type: ignore[method-assign,assignment]

    def process_request(self, handler: StatefulHandler, clear: Clear) -> Awaitable[None] | None:  # noqa: ARG002
        """Fetch the session of a request that has one, unless its handler does so itself."""
        presented = self._presented(handler.request)
        if presented is None or not handler.session_prefetch:
            return None
        return self._begin(handler, presented).load()

    def open(self, handler: StatefulHandler) -> Session:
        """Return the session of the request of *handler*, always the same one."""
        session: Session | None = handler.context.state.get(SessionMiddleware)
        # NOTE: an empty session is false, as an empty dictionary is.
        return self._begin(handler, self._presented(handler.request)) if session is None else session

    def _presented(self, request: HTTPServerRequest) -> SecretId | None:
        text = self._cookie.read(request)
        return None if text is None else self._store.ids.parse(text)

    def _begin(self, handler: StatefulHandler, presented: SecretId | None) -> Session:
        session = Session(self._store, presented, handler.request.remote_ip or "")
        context = handler.context
        context.state[SessionMiddleware] = session
        if handler._headers_written:
            session.seal()
        else:
            context.before_headers(partial(self._conclude, handler, session))
        context.on_end(session.close)
        return session

    def _conclude(self, handler: StatefulHandler, session: Session) -> Awaitable[None] | None:
        """Save, then tell the client."""
        waiting = session.conclude()
        if waiting is not None:
            return self._conclude_after(waiting, handler, session)
        self._tell_client(handler, session)
        return None

    async def _conclude_after(self, waiting: Awaitable[None], handler: StatefulHandler, session: Session) -> None:
        await waiting
        self._tell_client(handler, session)

    def _tell_client(self, handler: StatefulHandler, session: Session) -> None:
        order = session.seal()
        if order is not None:
            self._cookie.write(handler, order)
        # A shared cache must not hand this answer to others.
        if session.is_used:
            set_vary(handler, ["Cookie"])
