"""Which driver serves a ``DRIVER`` of the settings, in threads and in the event loop.

Asked by `tornadopy.db.configuration`; knows names of drivers, and neither settings nor SQLAlchemy.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tornadopy.exceptions import MissingExtraError

__all__ = ["Drivers", "choose_drivers", "missing_async_driver", "missing_driver"]


@dataclass(frozen=True, slots=True)
class _Backend:
    """The drivers of a kind of database, the best one first.

    Attributes:
        synchronous: Name in SQLAlchemy's URLs, and the module that must be there.
        asynchronous: Likewise, for the event loop.
        extra: The extra of tornadopy that brings the best ones.
    """

    synchronous: Mapping[str, str]
    asynchronous: Mapping[str, str]
    extra: str


_MYSQL = _Backend(
    synchronous=MappingProxyType({"mysqldb": "MySQLdb", "pymysql": "pymysql"}),
    asynchronous=MappingProxyType({"asyncmy": "asyncmy", "aiomysql": "aiomysql"}),
    extra="mysql",
)
_BACKENDS = MappingProxyType(
    {
        "sqlite": _Backend(
            synchronous=MappingProxyType({"pysqlite": "sqlite3"}),
            asynchronous=MappingProxyType({"aiosqlite": "aiosqlite"}),
            extra="sqlite",
        ),
        "postgresql": _Backend(
            synchronous=MappingProxyType({"psycopg": "psycopg", "psycopg2": "psycopg2"}),
            asynchronous=MappingProxyType({"psycopg": "psycopg", "asyncpg": "asyncpg"}),
            extra="postgres",
        ),
        "mysql": _MYSQL,
        "mariadb": _MYSQL,
    }
)
_OLD_NAMES = MappingProxyType({"postgres": "postgresql"})
_DISTRIBUTIONS = MappingProxyType({"mysqldb": "mysqlclient", "pysqlite": "sqlite3"})


@dataclass(frozen=True, slots=True)
class Drivers:
    """What SQLAlchemy's URLs begin with.

    Attributes:
        synchronous: For threads and scripts; None if no driver is installed.
        asynchronous: For the event loop; None if no driver is installed.
        notes: What was chosen in the place of what was asked for, in sentences.
    """

    synchronous: str | None
    asynchronous: str | None
    notes: tuple[str, ...] = ()


def choose_drivers(wanted: str) -> Drivers:
    """Return the drivers for *wanted*, such as ``mysql+mysqldb``, ``postgresql`` or ``sqlite+aiosqlite``.

    The one that is named serves if it is installed; another one of the same database stands in for it, with a note. A
    database that this module does not know is left to SQLAlchemy, as it is.
    """
    kind, _, named = wanted.lower().partition("+")
    notes = []
    if kind in _OLD_NAMES:
        notes.append(f"{kind!r} is called {_OLD_NAMES[kind]!r} now; rename it")
        kind = _OLD_NAMES[kind]
    backend = _BACKENDS.get(kind)
    if backend is None or (named and named not in {**backend.synchronous, **backend.asynchronous}):
        return Drivers(wanted, None)
    synchronous = _first_installed(backend.synchronous, named)
    asynchronous = _first_installed(backend.asynchronous, named)
    if named in backend.synchronous and synchronous not in {named, None}:
        notes.append(
            f"{_DISTRIBUTIONS.get(named, named)} is not installed, so {synchronous} serves in its place; "
            f"write '{kind}+{synchronous}', or install it"
        )
    return Drivers(
        synchronous and f"{kind}+{synchronous}", asynchronous and f"{kind}+{asynchronous}", notes=tuple(notes)
    )


def missing_driver(path: str, wanted: str) -> MissingExtraError:
    """Return the error that says which extra brings a driver for *wanted*, which the setting at *path* names."""
    return _missing(path, wanted, "driver")


def missing_async_driver(path: str, wanted: str) -> MissingExtraError:
    """Return the error that says which extra brings an asynchronous driver for *wanted*."""
    return _missing(path, wanted, "asynchronous driver")


def _missing(path: str, wanted: str, what: str) -> MissingExtraError:
    kind = wanted.lower().partition("+")[0]
    backend = _BACKENDS.get(_OLD_NAMES.get(kind, kind))
    if backend is None:
        advice = "install the package that brings it" if what == "driver" else "use the synchronous one in threads"
        return MissingExtraError(f"{path}: there is no {what} for {wanted!r}; {advice}")
    known = backend.synchronous if what == "driver" else backend.asynchronous
    names = " or ".join(_DISTRIBUTIONS.get(name, name) for name in known)
    return MissingExtraError(
        f"{path}: no {what} for {wanted!r} is installed ({names}): install the extra tornadopy[{backend.extra}]"
    )


def _first_installed(drivers: Mapping[str, str], named: str) -> str | None:
    preferred: Iterable[str] = sorted(drivers, key=lambda name: name != named)  # stable: the others keep their order
    return next((name for name in preferred if _is_installed(drivers[name])), None)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # somebody has taken care that it cannot be imported
        return False
