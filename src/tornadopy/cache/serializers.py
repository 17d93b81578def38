"""Serializers: how a value becomes the bytes that a store holds, and a value again.

The backends call this, with what ``OPTIONS['SERIALIZER']`` says; it knows none of them.

A store that others can write to must not be read with `PickleSerializer`: a pickle runs the code that it names.
Sessions and tokens ask for ``json``, whatever the cache itself uses.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any, Protocol

from tornadopy.exceptions import ConfigError, MissingExtraError, SerializationError
from tornadopy.utils.imports import import_setting
from tornadopy.utils.suggest import nearest


class Serializer(Protocol):
    """What a serializer of one's own has to offer; ``OPTIONS['SERIALIZER']`` names its class.

    .. versionadded:: 2.0
    """

    def dumps(self, value: Any, /) -> bytes:
        """Return *value* as bytes."""
        ...

    def loads(self, stored: bytes, /) -> Any:
        """Return the value that *stored* stands for."""
        ...


class PickleSerializer:
    """Any value that Python can pickle; the default, as in Django.

    What cannot be pickled raises what `pickle` raises: `pickle.PicklingError`, `TypeError` or `AttributeError`.

    .. versionadded:: 2.0
    """

    def dumps(self, value: Any, /) -> bytes:
        """Return *value* as bytes."""
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, stored: bytes, /) -> Any:
        """Return the value that *stored* stands for.

        Raises:
            SerializationError: It cannot be read, perhaps because the class of the value has moved.
        """
        try:
            # SECURITY: the store is trusted with this by the one who chose it; sessions and tokens never do.
            return pickle.loads(stored)  # noqa: S301
        except Exception as exc:
            raise _unreadable("pickle", exc) from exc


class JsonSerializer:
    """Values of JSON alone: a tuple comes back as a list, the keys of a dictionary as strings.

    .. versionadded:: 2.0
    """

    def dumps(self, value: Any, /) -> bytes:
        """Return *value* as bytes.

        Raises:
            SerializationError: JSON knows no such value.
        """
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as exc:
            raise _unstorable("json", exc) from exc
        # A half of a surrogate pair is text to Python and to JSON, but not to UTF-8.
        return text.encode("utf-8", "surrogatepass")

    def loads(self, stored: bytes, /) -> Any:
        """Return the value that *stored* stands for.

        Raises:
            SerializationError: It is not JSON.
        """
        try:
            return json.loads(stored.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as exc:
            raise _unreadable("json", exc) from exc


class MsgpackSerializer:
    """Values of MessagePack: those of JSON, and bytes; smaller and faster. A tuple comes back as a list.

    Raises:
        MissingExtraError: The library is not installed.

    .. versionadded:: 2.0
    """

    def __init__(self) -> None:
        try:
            import msgpack  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        except ImportError as exc:
            raise MissingExtraError(
                "msgpack is not installed: install the extra tornadopy[msgpack] (see README, Installation)"
            ) from exc
        self._pack: Callable[..., bytes] = msgpack.packb
        self._unpack: Callable[..., Any] = msgpack.unpackb

    def dumps(self, value: Any, /) -> bytes:
        """Return *value* as bytes.

        Raises:
            SerializationError: MessagePack knows no such value.
        """
        try:
            return self._pack(value, unicode_errors="surrogatepass")
        except (TypeError, ValueError, OverflowError) as exc:
            raise _unstorable("msgpack", exc) from exc

    def loads(self, stored: bytes, /) -> Any:
        """Return the value that *stored* stands for.

        Raises:
            SerializationError: It is not MessagePack.
        """
        try:
            return self._unpack(stored, strict_map_key=False, unicode_errors="surrogatepass")
        except Exception as exc:  # the library's own errors have no common base but this
            raise _unreadable("msgpack", exc) from exc


_KNOWN: dict[str, type[Serializer]] = {
    "pickle": PickleSerializer,
    "json": JsonSerializer,
    "msgpack": MsgpackSerializer,
}


def make_serializer(wanted: object) -> Serializer:
    """Return the serializer that ``OPTIONS['SERIALIZER']`` means.

    Args:
        wanted: ``"pickle"``, ``"json"``, ``"msgpack"``, the dotted name of a class, a class, or an object of one.

    Raises:
        ConfigError: There is no such serializer, or it lacks ``dumps`` or ``loads``.
        MissingExtraError: Its library is not installed.

    .. versionadded:: 2.0
    """
    found = _find(wanted) if isinstance(wanted, str) else wanted
    made = found() if isinstance(found, type) else found
    if not all(callable(getattr(made, name, None)) for name in ("dumps", "loads")):
        raise ConfigError(
            f"OPTIONS.SERIALIZER: expected one of {', '.join(_KNOWN)}, or a class with dumps and loads, got {wanted!r}"
        )
    serializer: Serializer = made  # type: ignore[assignment]  # as just seen
    return serializer


def _find(name: str) -> object:
    if name in _KNOWN:
        return _KNOWN[name]
    if "." in name:
        return import_setting("OPTIONS.SERIALIZER", name)
    hint = nearest(name, _KNOWN)
    advice = f"did you mean {hint!r}?" if hint else f"known: {', '.join(_KNOWN)}, or the dotted name of a class"
    raise ConfigError(f"OPTIONS.SERIALIZER: there is no serializer {name!r}; {advice}")


def _unstorable(serializer: str, cause: Exception) -> SerializationError:
    return SerializationError(
        f"the serializer {serializer!r} cannot store this value: {cause}; store what it knows, or choose another "
        "with OPTIONS.SERIALIZER"
    )


def _unreadable(serializer: str, cause: Exception) -> SerializationError:
    # SECURITY: the cause is named by its type: its words may quote what was stored.
    return SerializationError(
        f"the serializer {serializer!r} cannot read what is stored ({type(cause).__name__}); if it was written by "
        "another serializer or another version of the program, clear the cache or raise its VERSION"
    )
