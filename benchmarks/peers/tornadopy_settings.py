"""The settings of `peers.tornadopy`: the defaults, but for what the site asks for."""

from __future__ import annotations

from tornado.web import RequestHandler

from peers import site
from peers.site import Site

_served = Site.from_environment()


def no_log(handler: RequestHandler) -> None:
    """Log nothing."""


INSTALLED_APPS: list[str] = []
MIDDLEWARE_CLASSES = [
    *(["tornadopy.middleware.accesslog.AccessLogMiddleware"] if _served.access_log else []),
    *([f"peers.tornadopy.{name}Middleware" for name in ("Header", "Count", "Time")] if _served.middlewares else []),
]
TORNADO_CONF = {
    "cookie_secret": "not a secret: nothing is signed here",
    "template_path": str(site.TEMPLATES),
    "static_path": str(_served.static),
    "log_function": no_log,
}
