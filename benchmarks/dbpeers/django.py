"""Django with its ORM: as WSGI application on gunicorn, as ASGI application on uvicorn; `djangosite` has the views."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from peers.peer import Peer, gunicorn, uvicorn

from dbpeers import site


def configure(urls: str, **connection: Any) -> None:
    """Set Django up.

    Args:
        urls: The module that has the routes.
        **connection: How connections are kept.
    """
    address = site.Address.from_environment()
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.database,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": address.host,
        "PORT": address.port,
        **connection,
    }
    settings.configure(
        DEBUG=False,
        SECRET_KEY="not a secret: nothing is signed here",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=urls,
        MIDDLEWARE=[],
        DATABASES={"default": database},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [site.TEMPLATES]}],
        USE_I18N=False,
    )
    django.setup()


def build_wsgi() -> WSGIHandler:
    """Return the WSGI application, whose threads keep their connections."""
    configure("dbpeers.djangosite", CONN_MAX_AGE=None)
    return get_wsgi_application()


def build_asgi() -> ASGIHandler:
    """Return the ASGI application, which has a pool: its documentation advises against kept connections there."""
    configure("dbpeers.djangosite_async", OPTIONS={"pool": {"min_size": site.POOL, "max_size": site.POOL}})
    return get_asgi_application()


PEERS = (
    Peer(
        name="django",
        title="Django (WSGI)",
        server="gunicorn (gthread, 4 threads)",
        json="standard library",
        templates="Django",
        distributions=("django", "gunicorn", "psycopg"),
        command=gunicorn("dbpeers.django:build_wsgi()"),
        notes="Persistent connections (`CONN_MAX_AGE=None`), one a thread; none of the middlewares of `startproject`.",
    ),
    Peer(
        name="django-asgi",
        title="Django (ASGI)",
        server="uvicorn[standard] (uvloop, httptools)",
        json="standard library",
        templates="Django",
        distributions=("django", "uvicorn", "psycopg", "psycopg-pool"),
        command=uvicorn("dbpeers.django:build_asgi"),
        notes="Asynchronous views and queries, psycopg's pool; none of the middlewares of `startproject`.",
    ),
)
