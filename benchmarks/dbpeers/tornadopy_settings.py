"""The settings of `dbpeers.tornadopy`: the defaults, but for the database, its pool, and the templates' folder."""

from __future__ import annotations

import os

from peers.tornadopy_settings import no_log

from dbpeers import site

_address = site.Address.from_environment()

INSTALLED_APPS: list[str] = []
MIDDLEWARE_CLASSES = ["tornadopy.middleware.dbalchemy.DBAlchemyMiddleware"]
DATABASE_CONNECTION = {
    "default": {"connections": [{"ROLE": "master", "URL": _address.url(os.environ["BENCH_DRIVER"])}]}
}
SQLALCHEMY_CONFIGURATION = {"sqlalchemy.pool_size": site.POOL, "sqlalchemy.max_overflow": 0}
THREADS_NUM = site.POOL
TORNADO_CONF = {
    "cookie_secret": "not a secret: nothing is signed here",
    "template_path": str(site.TEMPLATES),
    "log_function": no_log,
}
