"""What ``tornadopy check --deploy`` adds: settings that serve development and are dangerous in production."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.conf.security import find_missing, find_weak


def find_open_doors(conf: Settings, application: Application | None) -> Iterator[str]:
    """Yield what should be changed before the project is put on the internet, a sentence each with its mend."""
    if conf.DEBUG:
        yield "DEBUG is on: error pages show code and settings to everybody; set DEBUG = False"
    if "*" in conf.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS allows any host, so that links can be made to lead elsewhere; name the site's hosts"
    if conf.XHEADERS and not conf.TRUSTED_PROXIES:
        yield (
            "XHEADERS is on without TRUSTED_PROXIES: only a proxy on this machine is believed; "
            "name the addresses of yours"
        )
    for proxy in conf.TRUSTED_PROXIES:
        if proxy.endswith("/0"):
            yield f"TRUSTED_PROXIES trusts everybody ({proxy}): clients can forge their address; name your proxies"
    if conf.DEBUG and application is not None:  # outside debug they are errors, which check reports anyway
        yield from find_missing(conf, {**conf.TORNADO_CONF}, application.pipeline.middlewares)
        yield from find_weak(conf, conf.TORNADO_CONF)
    yield from _tornado_doors(conf, application)
    yield from _state_of_one_process(conf, application)
    yield from _log_folder(conf)


def _tornado_doors(conf: Settings, application: Application | None) -> Iterator[str]:
    options = conf.TORNADO_CONF if application is None else application.settings
    if not options.get("xsrf_cookies"):
        yield "TORNADO_CONF['xsrf_cookies'] is off: other sites can send forms in a user's name; set it to True"
    if not options.get("cross_origin_protection"):
        yield "TORNADO_CONF['cross_origin_protection'] is off: other sites can send requests; set it to True"
    if options.get("serve_traceback") and not conf.DEBUG:
        yield "TORNADO_CONF['serve_traceback'] is on: error pages show code to everybody; remove it"
    if options.get("autoreload") and not conf.DEBUG:
        yield "TORNADO_CONF['autoreload'] is on: a changed file restarts the server; remove it"
    if options.get("autoescape", "") is None or not conf.TEMPLATE_CONFIG.get("autoescape", True):
        yield "templates do not escape, so users' texts can hold scripts; set TEMPLATE_CONFIG['autoescape'] = True"


def _state_of_one_process(conf: Settings, application: Application | None) -> Iterator[str]:
    """Yield which groups keep what several processes should share in the memory of one."""
    if application is None:
        return
    for group, key, is_on in (
        ("SESSION", "session_cache_alias", application.open_session is not None),
        ("TOKEN", "token_cache_alias", application.open_token is not None),
    ):
        alias = getattr(conf, group)[key]
        if is_on and not application.caches[alias].has_io:
            yield (
                f"{group}.{key}: the cache {alias!r} is in the memory of one process, so that several workers share "
                "nothing and a restart forgets all; name one on Redis, Memcached or in files"
            )
    if application.open_session is not None and conf.SESSION.secure is False:
        yield "SESSION.secure is off: the cookie also goes over plain HTTP, where others can read it; set it to None"


def _log_folder(conf: Settings) -> Iterator[str]:
    folder = conf.path(conf.LOGGING_DIR)
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir() or not _writable(nearest):
        yield f"LOGGING_DIR: {folder} cannot be written by this user; change its owner, or name another folder"


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
