"""Settings of the example, for looking at it; settings_online.py changes what serving it for others needs."""

import secrets
from typing import Any

DEBUG = True
# Any host: the example shall also answer under the name of the machine on which it is tried.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ("myapp1", "books")

MIDDLEWARE_CLASSES = (
    # The access log comes first: in the response phases the first one is the last, and sees everything.
    "tornadopy.middleware.accesslog.AccessLogMiddleware",
    "tornadopy.middleware.session.SessionMiddleware",
    "tornadopy.middleware.dbalchemy.DBAlchemyMiddleware",
    "middlewares.timing.TimingMiddleware",
    "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware",
)

COMMON_MODULES = ("httpmodules.headers.SecurityHeaders",)
ROUTE_MODULES = {
    "Visits": ["httpmodules.visits.VisitCounter"],
    "^/api/": ["!httpmodules.headers.SecurityHeaders"],
}

TORNADO_CONF: dict[str, Any] = {
    "template_path": "templates",
    "static_path": "statics",
    "xsrf_cookies": True,
    "login_url": "/login",
    # An example has no secret to keep: cookies from before a restart are void. A project of yours keeps its own.
    "cookie_secret": secrets.token_urlsafe(32),
}

# In memory, so that the example needs no server; a site with several workers names one that they share.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "tornadopy.cache.backends.localcache.LocMemCache",
        "LOCATION": "project_web",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
SESSION: dict[str, Any] = {"secret_key": secrets.token_urlsafe(32)}
DATABASE_CONNECTION = {
    "default": {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "books.sqlite3"}]},
}

TRANSLATIONS = True
TRANSLATIONS_CONF = {"translations_dir": "translations", "locale_default": "en_US"}

LOGGING_DIR = "logs"
