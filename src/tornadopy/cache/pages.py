"""Pages that are kept: what the decorator ``cache_page`` makes of a handler's method.

`tornadopy.cache.decorators` calls this. What is kept of a page is the business of `tornadopy.cache.capture`.

An address has one entry: the page, or, if it depends on request headers, their names. Then there is an entry for each
combination of their values.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from inspect import isawaitable
from typing import Any

from tornadopy.cache.access import Access
from tornadopy.cache.capture import CREDENTIALS, Capture, Page, replay
from tornadopy.cache.singleflight import ABANDONED, Flight, Flights
from tornadopy.conf import settings
from tornadopy.types import PageHandler

_WAITS = 2
"""How often a request waits for another one to make its page, before it makes one itself."""


class PageCache:
    """The pages of one decorated method.

    Args:
        timeout: Seconds that a page is kept.
        key_prefix: Keeps pages apart that share a cache and an address.
        vary: Names of request headers that the page depends on; None: see ``cache_page``.
        alias: The alias of the cache.
    """

    def __init__(self, timeout: float, *, key_prefix: str, vary: tuple[str, ...] | None, alias: str) -> None:
        self._timeout = timeout
        self._key_prefix = key_prefix
        self._vary = vary
        self._alias = alias
        self._flights = Flights()

    def decorate(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return *method* with its pages kept; what is returned is to be awaited."""

        @functools.wraps(method)
        async def serve(handler: PageHandler, *args: Any, **kwargs: Any) -> None:
            make = functools.partial(method, handler, *args, **kwargs)
            if handler.request.method in {"GET", "HEAD"}:
                await self._serve(handler, make)
            else:
                await _call(make)

        return serve

    async def _serve(self, handler: PageHandler, make: Callable[[], Any]) -> None:
        access = Access(self._alias)
        address = _Address(handler, self._key_prefix)
        for _ in range(_WAITS if self._timeout > 0 else 0):
            page, key = await address.find(access)
            if page is not None:
                replay(handler, page)
                return
            flight = self._flights.join((access.cache, key))
            if flight is None:
                break
            if flight.leads:
                await self._lead(flight, handler, make, address, access)
                return
            if await flight.await_() is False:
                break  # such a page is not kept, so that waiting again would be in vain
        await self._make(handler, make, address)

    async def _lead(
        self, flight: Flight, handler: PageHandler, make: Callable[[], Any], address: _Address, access: Access
    ) -> None:
        """Make the page for all who wait for it, unless it has come in the meantime."""
        is_kept: object = ABANDONED
        try:
            page, _ = await address.find(access)
            if page is not None:
                is_kept = True
                replay(handler, page)
                return
            capture = await self._make(handler, make, address, lambda: flight.announce(False))
            is_kept = capture.page is not None and not access.is_down
            if capture.page is not None:
                await address.keep(access, capture.page, capture.vary, self._timeout)
        finally:
            flight.land(is_kept)

    async def _make(
        self,
        handler: PageHandler,
        make: Callable[[], Any],
        address: _Address,
        on_stream: Callable[[], None] | None = None,
    ) -> Capture:
        capture = Capture(
            handler, self._timeout, vary=self._vary, language=address.language is not None, on_stream=on_stream
        )
        try:
            await _call(make)
            if handler._auto_finish and not getattr(handler, "_answered", handler._finished):
                handler.finish()
        finally:
            capture.release()
        return capture


class _Address:
    """Where the page that a request asks for is kept."""

    def __init__(self, handler: PageHandler, key_prefix: str) -> None:
        request = handler.request
        self._method = str(request.method)
        self._headers = request.headers
        self.language: str | None = handler.locale.code if settings.TRANSLATIONS else None
        # SECURITY: who brings credentials shares pages with nobody, whatever the page says.
        who = [self._headers.get(name, "") for name in CREDENTIALS]
        self._digest = _digest([key_prefix, request.full_url(), self.language or "", *who])

    async def find(self, access: Access) -> tuple[Page | None, str]:
        """Return the page, if it is kept, and the key where it is or will be; a HEAD request may get that of a GET."""
        key = ""
        for method in dict.fromkeys(("GET", self._method)):
            key = f"cache_page:{method}:{self._digest}"
            found = await access.aget(key)
            if isinstance(found, dict) and "vary" in found:
                key = self._variant(key, found["vary"])
                found = await access.aget(key)
            if isinstance(found, dict) and "body" in found:
                return found, key
        return None, key

    async def keep(self, access: Access, page: Page, vary: Iterable[str], timeout: float) -> None:  # noqa: ASYNC109
        """Keep *page*, which depends on the request headers *vary*."""
        key = f"cache_page:{self._method}:{self._digest}"
        names = sorted(name.lower() for name in vary if not self._is_in_digest(name))
        if names:
            await access.aset(key, {"vary": names}, timeout)
            key = self._variant(key, names)
        await access.aset(key, page, timeout)

    def _is_in_digest(self, name: str) -> bool:
        if name.lower() == "accept-language":
            return self.language is not None
        return name in CREDENTIALS

    def _variant(self, key: str, names: Iterable[str]) -> str:
        values = [part for name in names for part in (name, *self._headers.get_list(name))]
        return f"{key}:{_digest(values)}"


async def _call(make: Callable[[], Any]) -> None:
    result = make()
    if isawaitable(result):
        await result


def _digest(parts: Iterable[str]) -> str:
    """Return a digest of *parts*, of which none can be taken for two."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
