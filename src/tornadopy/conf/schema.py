"""Checks of settings against the annotations of `tornadopy.conf.defaults`, and their reading from text.

Knows annotations and values; where the values come from is the business of `tornadopy.conf.loader`.
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Iterable, Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    NoReturn,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from tornadopy.conf.defaults import MERGED, AtLeast, Defaults
from tornadopy.exceptions import ConfigError
from tornadopy.utils.masking import mask, mask_text
from tornadopy.utils.suggest import nearest

TEXT_KEYS = frozenset({"cookie_secret", "login_url", "static_path", "static_url_prefix", "template_path"})
"""Keys of open groups whose values are text, even if they look like a number."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    type: "a class",
    types.NoneType: "None",
    list: "a list or tuple",
    dict: "a dictionary",
}


@functools.cache
def setting_types() -> Mapping[str, Any]:
    """Return the annotation of every known setting."""
    return types.MappingProxyType(get_type_hints(Defaults, include_extras=True))


def group_keys(annotation: Any) -> Mapping[str, Any] | None:
    """Return the keys of a closed group with their annotations, or None for anything else."""
    return _typed_dict_hints(annotation) if is_typeddict(annotation) else None


def merges(annotation: Any) -> bool:
    """Whether values of *annotation* are laid over their default key by key."""
    return is_typeddict(annotation) or (get_origin(annotation) is Annotated and MERGED in annotation.__metadata__)


def check(path: str, value: Any, annotation: Any) -> None:
    """Raise a `ConfigError` naming *path* unless *value* is of the type that *annotation* describes.

    Args:
        path: The setting with its keys, such as ``SESSION.expires``.
        value: What was found there.
        annotation: The type that is expected.
    """
    origin = get_origin(annotation)
    if annotation is Any:
        return
    if origin is Annotated:
        check(path, value, get_args(annotation)[0])
        if any(isinstance(each, AtLeast) and value < each.minimum for each in annotation.__metadata__):
            _refuse(path, value, annotation)
    elif is_typeddict(annotation):
        _check_group(path, value, annotation)
    elif origin in (Union, types.UnionType):
        _check_union(path, value, annotation)
    elif origin is Literal:
        if value not in get_args(annotation):
            _refuse(path, value, annotation, _did_you_mean(str(value), map(str, get_args(annotation))))
    elif origin is list:
        _check_list(path, value, annotation)
    elif origin is dict:
        _check_dict(path, value, annotation)
    elif not _is_plain(value, annotation):
        _refuse(path, value, annotation)


def describe(annotation: Any) -> str:
    """Return what *annotation* expects, in words."""
    origin = get_origin(annotation)
    if origin is Annotated:
        limits = [f" of at least {each.minimum}" for each in annotation.__metadata__ if isinstance(each, AtLeast)]
        return describe(get_args(annotation)[0]) + "".join(limits)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(each) for each in get_args(annotation)))
    if origin is Literal:
        return "one of " + ", ".join(repr(each) for each in get_args(annotation))
    if is_typeddict(annotation):
        return "a dictionary"
    return _NAMES.get(origin or annotation, str(annotation))


def parse(path: str, text: str, annotation: Any) -> Any:
    """Return the value that *text*, from the environment, has as a setting of type *annotation*.

    Args:
        path: The setting with its keys, for the message.
        text: What the environment says.
        annotation: The type that is expected; `Any` reads true and false in any case, JSON, and falls back to the
            text itself.

    Raises:
        ConfigError: The text cannot be read as that type.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return parse(path, text, get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _parse_union(path, text, annotation)
    if annotation is str or origin is Literal:
        return text
    if annotation is bool:
        return _parse_bool(path, text)
    if annotation is types.NoneType:
        if text.lower() in {"", "none", "null"}:
            return None
        _refuse(path, text, annotation)
    if origin is list and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text.lower() if annotation is Any and text.lower() in {"true", "false"} else text)
    except ValueError:
        if annotation is not Any:
            _refuse(path, text, annotation)
        return text


def narrowed(annotation: Any, key: str, present: Any) -> Any:
    """Return how to read the text for *key*: where anything is allowed, as text if text is there or belongs there.

    Args:
        annotation: What the key may hold.
        key: The setting, or the key of a group.
        present: The value so far.
    """
    if annotation is Any and (key in TEXT_KEYS or isinstance(present, str)):
        return str
    return annotation


def _parse_bool(path: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    _refuse(path, text, bool)


def _parse_union(path: str, text: str, annotation: Any) -> Any:
    # The strictest reading comes first: "8000" is a number where a number is allowed, text is always the last resort.
    for each in sorted(get_args(annotation), key=lambda kind: kind in (str, type)):
        if each is type:
            continue
        try:
            value = parse(path, text, each)
            check(path, value, each)
        except ConfigError:
            continue
        return value
    _refuse(path, text, annotation)


@functools.cache
def _typed_dict_hints(group: Any) -> Mapping[str, Any]:
    hints = get_type_hints(group, include_extras=True)
    return types.MappingProxyType({key: _without_required(each) for key, each in hints.items()})


def _without_required(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Required else annotation


@functools.cache
def _required_keys(group: Any) -> frozenset[str]:
    # NOTE: a TypedDict does not see `Required` in annotations that are strings, as the __future__ import makes them.
    hints = get_type_hints(group, include_extras=True)
    return frozenset(key for key, annotation in hints.items() if get_origin(annotation) is Required)


def _is_plain(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, (int, float))
    return isinstance(value, kind)


def _check_group(path: str, value: Any, group: Any) -> None:
    if not isinstance(value, Mapping):
        _refuse(path, value, group)
    hints = _typed_dict_hints(group)
    for key, each in value.items():
        if key not in hints:
            _refuse_key(path, key, hints)
        check(f"{path}.{key}", each, hints[key])
    missing = sorted(_required_keys(group) - value.keys())
    if missing:
        raise ConfigError(f"{path}: the key {missing[0]!r} is missing; it takes {describe(hints[missing[0]])}")


def _check_union(path: str, value: Any, annotation: Any) -> None:
    for each in get_args(annotation):
        try:
            check(path, value, each)
        except ConfigError:
            continue
        return
    _refuse(path, value, annotation)


def _check_list(path: str, value: Any, annotation: Any) -> None:
    if not isinstance(value, (list, tuple)):
        _refuse(path, value, annotation, "; a single value needs its comma: ('...',)" if isinstance(value, str) else "")
    for index, each in enumerate(value):
        check(f"{path}[{index}]", each, get_args(annotation)[0])


def _check_dict(path: str, value: Any, annotation: Any) -> None:
    if not isinstance(value, Mapping):
        _refuse(path, value, annotation)
    key_type, value_type = get_args(annotation)
    for key, each in value.items():
        check(f"{path} (one of its names)", key, key_type)
        check(f"{path}[{key!r}]", each, value_type)


def _refuse(path: str, value: Any, annotation: Any, advice: str = "") -> NoReturn:
    shown = mask_text(repr(mask(path, value)))
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    raise ConfigError(f"{path}: expected {describe(annotation)}, got {shown} ({type(value).__name__}){advice}")


def _refuse_key(path: str, key: object, known: Mapping[str, Any]) -> NoReturn:
    advice = _did_you_mean(str(key), known) or f"; known keys: {', '.join(sorted(known))}"
    raise ConfigError(f"{path}: unknown key {key!r}{advice}")


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    hint = nearest(name, known)
    return f"; did you mean {hint!r}?" if hint else ""
