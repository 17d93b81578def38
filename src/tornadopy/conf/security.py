"""Secrets: which are needed, and which nobody must use."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError

MINIMUM_LENGTH = 16
KNOWN_SECRETS = frozenset({"fLjUfxqXtfNoIldA0A0J", "xxxxxxxxxxxxxxxxxxxx", "EtdHjDO1"})
NEEDED_BY = {
    "tornadopy.middleware.session.SessionMiddleware": "SESSION",
    "tornadopy.middleware.token.TokenMiddleware": "TOKEN",
}
_COOKIE = "TORNADO_CONF['cookie_secret']"
_MEND = "set it to a long random string, for example from: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def check_secrets(
    conf: Settings, tornado_settings: Mapping[str, Any], middlewares: Sequence[object], *, missing: bool = True
) -> None:
    """Refuse secrets of a wrong form; unless in debug also those that are missing, short, or known.

    Args:
        conf: The application's configuration.
        tornado_settings: Tornado's settings as the application has them.
        middlewares: The middleware objects in use.
        missing: Whether a missing one counts.

    Raises:
        ConfigError: The first problem.
    """
    for problem in find_malformed(tornado_settings):
        raise ConfigError(problem)
    if conf.DEBUG:
        return
    weak = find_weak(conf, tornado_settings)
    for problem in find_problems(conf, tornado_settings, middlewares) if missing else weak:
        raise ConfigError(problem)


def find_problems(conf: Settings, tornado_settings: Mapping[str, Any], middlewares: Sequence[object]) -> Iterable[str]:
    """Yield what is wrong with the secrets, a sentence each."""
    yield from find_missing(conf, tornado_settings, middlewares)
    yield from find_weak(conf, tornado_settings)


def find_missing(conf: Settings, tornado_settings: Mapping[str, Any], middlewares: Sequence[object]) -> Iterable[str]:
    """Yield a sentence for each secret that is needed and not there."""
    if not tornado_settings.get("cookie_secret"):
        yield f"{_COOKIE} is missing; {_MEND}"
    classes = [kind for each in middlewares for kind in type(each).__mro__]
    needed = {NEEDED_BY.get(f"{kind.__module__}.{kind.__qualname__}") for kind in classes}
    for group in ("SESSION", "TOKEN"):
        if group in needed and not getattr(conf, group).secret_key:
            yield missing_secret(group)


def missing_secret(group: str) -> str:
    """Return what is wrong where the middleware of *group* is on and its ``secret_key`` is missing."""
    return f"{group}.secret_key is missing, and its middleware is on; {_MEND}"


def usable_secret(conf: Settings, group: str) -> str | None:
    """Return the ``secret_key`` of *group*; in debug a random one in the place of none, with a warning.

    Args:
        conf: The application's configuration.
        group: ``SESSION`` or ``TOKEN``.
    """
    secret: str | None = getattr(conf, group).secret_key
    if secret or not conf.DEBUG:
        return secret or None
    logging.getLogger("tornadopy.tracelog").warning(
        "%s.secret_key is not set: a random one is used until the next start, and what it protects is void then", group
    )
    return random_secret()


def random_secret() -> str:
    """Return a secret for the time until the next start."""
    import secrets  # noqa: PLC0415 - a site in production has its own

    return secrets.token_urlsafe(32)


def find_weak(conf: Settings, tornado_settings: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each secret that is of a wrong form, short or known, in use or not."""
    yield from find_malformed(tornado_settings)
    yield from _weak(_COOKIE, tornado_settings.get("cookie_secret"))
    yield from _weak("SESSION.secret_key", conf.SESSION.secret_key)
    yield from _weak("TOKEN.secret_key", conf.TOKEN.secret_key)


def find_malformed(tornado_settings: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each reason why the ``cookie_secret`` that is there could sign nothing.

    Tornado takes text, bytes, or a dictionary of these by key versions, which are whole numbers; see
    https://www.tornadoweb.org/en/stable/web.html#tornado.web.RequestHandler.set_signed_cookie.
    """
    secret = tornado_settings.get("cookie_secret")
    if not isinstance(secret, Mapping):
        if secret and not isinstance(secret, (str, bytes)):
            yield f"{_COOKIE} is no text but {type(secret).__name__}; {_MEND}"
        return
    for version, each in secret.items():
        if not isinstance(version, int):
            yield f"{_COOKIE} has the key version {version!r}; make it a whole number, as in {{1: '…', 2: '…'}}"
        if not isinstance(each, (str, bytes)):
            yield f"{_COOKIE}[{version!r}] is no text but {type(each).__name__}; {_MEND}"
        elif not each:
            yield f"{_COOKIE}[{version!r}] is empty; {_MEND}"
    signing = tornado_settings.get("key_version")
    if secret and signing is not None and signing not in secret:
        yield f"TORNADO_CONF['key_version'] is {signing!r}, which cookie_secret does not have; name one of its versions"


def _weak(path: str, secret: object) -> Iterable[str]:
    for each in secret.values() if isinstance(secret, Mapping) else [secret]:
        text = each.decode("latin1") if isinstance(each, bytes) else each
        if not isinstance(text, str) or not text:
            continue
        if text in KNOWN_SECRETS:
            yield f"{path} is printed in a manual, so everybody knows it; {_MEND}"
        elif len(text) < MINIMUM_LENGTH:
            yield f"{path} is shorter than {MINIMUM_LENGTH} characters; {_MEND}"
