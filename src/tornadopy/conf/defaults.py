"""Every setting that tornadopy knows: its name, its type and its default.

`tornadopy.conf.schema` checks values against these annotations; `tornadopy.conf.loader` lays the project's values over
these. A `TypedDict` is a *closed* group (an unknown key is an error), an `OpenGroup` takes keys that belong to somebody
else (Tornado, a template engine, SQLAlchemy); both merge key by key. Everything else replaces its default.
"""

# PERF: without `from __future__ import annotations`, whose texts would have to be compiled one by one at each start.

from typing import Annotated, Any, Literal, Required, TypedDict


class AtLeast:
    """The least value that a number may have."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum


MERGED = "merged"
PATH = "path"
LEVEL = "level"
PORT = "port"
PathText = Annotated[str, PATH]  # stored as text, whatever `os.PathLike` it was
NotNegative = Annotated[int, AtLeast(0)]
Positive = Annotated[int, AtLeast(1)]
Seconds = Annotated[float, AtLeast(0.001)]  # to wait; without any, everything would be too late
NotNegativeSeconds = Annotated[float, AtLeast(0)]
LevelName = Annotated[str, LEVEL]
PortNumber = Annotated[int | str | None, PORT]
OpenGroup = Annotated[dict[str, Any], MERGED]


class SessionOptions(TypedDict, total=False):
    """``SESSION``: where sessions live and what their cookie looks like."""

    session_cache_alias: str
    session_name: str
    cookie_domain: str | None
    cookie_path: str
    expires: NotNegative  # seconds; 0: until the browser closes
    ignore_change_ip: bool
    httponly: bool
    secure: bool | None  # None: under HTTPS
    samesite: Literal["Lax", "Strict", "None"]
    save_every_request: bool
    fail_closed: bool
    max_size: Positive  # bytes of JSON
    secret_key: str | None
    session_version: str


class TokenOptions(TypedDict, total=False):
    """``TOKEN``: where tokens live and how long."""

    token_cache_alias: str
    ignore_change_ip: bool
    token_timeout: Positive  # seconds
    tokens_per_user: Positive
    max_size: Positive  # bytes of JSON
    fail_closed: bool
    secret_key: str | None
    token_version: str


class TranslationOptions(TypedDict, total=False):
    """``TRANSLATIONS_CONF``: where translations are found."""

    translations_dir: PathText
    locale_default: str
    use_gettext: bool
    gettext_domain: str
    csv_encoding: str


class LogEntry(TypedDict, total=False):
    """An entry of ``LOGGING``: one logger and its file."""

    name: Required[str]
    level: LevelName
    log_to_stderr: bool
    when: Literal["S", "M", "H", "D", "midnight", "W0", "W1", "W2", "W3", "W4", "W5", "W6"]
    interval: Positive
    filename: PathText | None
    formatter: str | None
    backups: NotNegative
    buffered: bool


class Connection(TypedDict, total=False):
    """A connection of ``DATABASE_CONNECTION``."""

    ROLE: Required[Literal["master", "slave"]]
    URL: str
    DRIVER: str
    UID: str | None
    PASSWD: str | None
    HOST: str | None
    PORT: PortNumber
    DATABASE: PathText
    QUERY: dict[str, Any]


class Connections(TypedDict, total=False):
    """A named entry of ``DATABASE_CONNECTION``."""

    connections: Required[list[Connection]]


class CacheEntry(TypedDict, total=False):
    """An entry of ``CACHES``: one cache. What ``LOCATION`` and ``OPTIONS`` may hold is for the backend to say."""

    BACKEND: Required[str | type]
    LOCATION: Any
    TIMEOUT: float | None  # seconds; None: for ever
    OPTIONS: dict[str, Any]
    KEY_PREFIX: str
    VERSION: int
    KEY_FUNCTION: Any  # a function or its dotted name


class Defaults:
    """The built-in value of every setting."""

    # The project
    DEBUG: bool = False
    PROJECT_PATH: PathText  # the folder above the settings package
    INSTALLED_APPS: list[str] = []
    TORNADO_CONF: OpenGroup = {"cross_origin_protection": True}

    # The server
    HTTP_SERVER: str | type = "tornadopy.server.HTTPServer"
    IPV4_ONLY: bool = False
    XHEADERS: bool = False
    TRUSTED_PROXIES: list[str] = []
    ALLOWED_HOSTS: list[str] = ["*"]
    INTERNAL_IPS: list[str] = []
    SHUTDOWN_TIMEOUT: NotNegativeSeconds = 30.0  # seconds that requests and threads get at a graceful stop
    THREADS_NUM: Positive | None = None  # None: as many as there are cores

    # A request's way
    MIDDLEWARE_CLASSES: list[str | type] = []
    COMMON_MODULES: list[str | type] = []
    ROUTE_MODULES: dict[str, list[str | type]] = {}
    WHITELIST: list[str] = []
    TEMPLATE_CONFIG: OpenGroup = {"template_engine": None, "autoescape": True}
    JSON_ENCODER: str | None = None  # None: the standard library, with Tornado's output
    TRANSLATIONS: bool = False
    TRANSLATIONS_CONF: TranslationOptions = {
        "translations_dir": "translations",
        "locale_default": "en_US",
        "use_gettext": False,
        "gettext_domain": "tornadopy",
        "csv_encoding": "utf-8",
    }

    # Logs
    ACCESS_LOG_FORMAT: Literal["line", "json"] = "line"
    LOGGING_DIR: PathText = "logs"
    LOGGING: list[LogEntry] = [
        {"name": "tornado", "level": "INFO", "log_to_stderr": True, "when": "midnight", "interval": 1,
         "filename": "tornado.log"},
        {"name": "tornadopy.tracelog", "level": "WARNING", "log_to_stderr": True, "when": "midnight", "interval": 1,
         "filename": "trace.log"},
        {"name": "tornadopy.infolog", "level": "INFO", "log_to_stderr": True, "when": "midnight", "interval": 1,
         "filename": "info.log"},
        {"name": "tornadopy.accesslog", "level": "INFO", "log_to_stderr": False, "when": "midnight", "interval": 1,
         "filename": "access.log"},
    ]  # fmt: skip

    # State
    CACHES: dict[str, CacheEntry] = {
        "default": {"BACKEND": "tornadopy.cache.backends.localcache.LocMemCache", "LOCATION": "default"},
    }
    SESSION: SessionOptions = {
        "session_cache_alias": "default",
        "session_name": "__TORNADOSSID",
        "cookie_domain": None,
        "cookie_path": "/",
        "expires": 0,
        "ignore_change_ip": False,
        "httponly": True,
        "secure": None,
        "samesite": "Lax",
        "save_every_request": False,
        "fail_closed": False,
        "max_size": 2 * 1024 * 1024,
        "secret_key": None,
        "session_version": "",
    }
    TOKEN: TokenOptions = {
        "token_cache_alias": "default_redis",
        "ignore_change_ip": False,
        "token_timeout": 30 * 24 * 3600,
        "tokens_per_user": 100,
        "max_size": 64 * 1024,
        "fail_closed": False,
        "secret_key": None,
        "token_version": "",
    }

    # Data
    DATABASE_CONNECTION: dict[str, Connections] = {
        "default": {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "db.sqlite3"}]},
    }
    SQLALCHEMY_CONFIGURATION: OpenGroup = {}
    PING_DB: Positive = 500  # seconds
    PING_CONN_COUNT: Positive = 5
    MIGRATIONS_DIR: PathText = "migrations"
    SLOW_SYNC_QUERY: Annotated[float, AtLeast(0)] = 50.0  # milliseconds; in debug alone
