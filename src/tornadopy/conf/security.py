"""Secrets: which are needed, and which nobody must use."""

from __future__ import annotations

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
_MEND = "set it to a long random string, for example from: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def check_secrets(
    conf: Settings, tornado_settings: Mapping[str, Any], middlewares: Sequence[object], *, missing: bool = True
) -> None:
    """Refuse secrets that are missing, short, or known, unless in debug.

    Args:
        conf: The application's configuration.
        tornado_settings: Tornado's settings as the application has them.
        middlewares: The middleware objects in use.
        missing: Whether a missing one counts.

    Raises:
        ConfigError: The first problem.
    """
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
        yield f"TORNADO_CONF['cookie_secret'] is missing; {_MEND}"
    classes = [kind for each in middlewares for kind in type(each).__mro__]
    needed = {NEEDED_BY.get(f"{kind.__module__}.{kind.__qualname__}") for kind in classes}
    for group in ("SESSION", "TOKEN"):
        if group in needed and not getattr(conf, group).secret_key:
            yield f"{group}.secret_key is missing, and its middleware is on; {_MEND}"


def find_weak(conf: Settings, tornado_settings: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each secret that is short or known, in use or not."""
    yield from _weak("TORNADO_CONF['cookie_secret']", tornado_settings.get("cookie_secret"))
    yield from _weak("SESSION.secret_key", conf.SESSION.secret_key)
    yield from _weak("TOKEN.secret_key", conf.TOKEN.secret_key)


def _weak(path: str, secret: object) -> Iterable[str]:
    for each in secret.values() if isinstance(secret, Mapping) else [secret]:
        text = each.decode("latin1") if isinstance(each, bytes) else each
        if not isinstance(text, (str, type(None))):
            yield f"{path} is no text but {type(each).__name__}; {_MEND}"
        if not isinstance(text, str) or not text:
            continue
        if text in KNOWN_SECRETS:
            yield f"{path} is printed in a manual, so everybody knows it; {_MEND}"
        elif len(text) < MINIMUM_LENGTH:
            yield f"{path} is shorter than {MINIMUM_LENGTH} characters; {_MEND}"
