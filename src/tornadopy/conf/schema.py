"""Checks of settings against the annotations of `tornadopy.conf.defaults`, and their reading from text.

Knows annotations and values; where the values come from is the business of `tornadopy.conf.loader`.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
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

from tornadopy.conf.defaults import LEVEL, MERGED, PATH, PORT, AtLeast, Defaults
from tornadopy.exceptions import ConfigError
from tornadopy.utils.masking import mask, mask_text
from tornadopy.utils.suggest import nearest

TEXT_KEYS = frozenset({"cookie_secret", "login_url", "static_path", "static_url_prefix", "template_path"})
"""Keys of open groups whose values are text, even if they look like a number."""

PATH_KEYS = frozenset({"cache_directory", "module_directory", "static_path", "template_path"})
"""Keys of open groups whose values are paths."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")  # the logging module knows more, and those of the project
_HIGHEST_PORT = 65535
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
    return types.MappingProxyType(inspect.get_annotations(Defaults))


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
        _check_marked(path, value, annotation)
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
        return _describe_marked(get_args(annotation)[0], annotation.__metadata__)
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


def with_text_paths(value: Any, annotation: Any) -> Any:
    """Return *value* with the path objects in it turned into text where *annotation* wants a path."""
    origin = get_origin(annotation)
    if origin is Annotated and MERGED in annotation.__metadata__ and isinstance(value, Mapping):
        return {key: _text_path(each) if key in PATH_KEYS else each for key, each in value.items()}
    if origin is Annotated and PATH in annotation.__metadata__:
        return _text_path(value)
    if is_typeddict(annotation) and isinstance(value, Mapping):
        hints = _typed_dict_hints(annotation)
        return {key: with_text_paths(each, hints.get(key, Any)) for key, each in value.items()}
    if origin is list and isinstance(value, (list, tuple)):
        return [with_text_paths(each, get_args(annotation)[0]) for each in value]
    if origin is dict and isinstance(value, Mapping):
        return {key: with_text_paths(each, get_args(annotation)[1]) for key, each in value.items()}
    if origin in (Union, types.UnionType):
        for each in get_args(annotation):
            value = with_text_paths(value, each)
    return value


def _text_path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


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


def _check_marked(path: str, value: Any, annotation: Any) -> None:
    inner, marks = get_args(annotation)[0], annotation.__metadata__
    if not {LEVEL, PORT}.intersection(marks):  # they say more than the types behind them
        check(path, value, inner)
    if not _fits(value, annotation):
        _refuse(path, value, annotation, _did_you_mean(str(value), _LEVELS) if LEVEL in marks else "")


def _fits(value: Any, annotation: Any) -> bool:
    # PERF: most are of these two kinds, and get no message of a refusal that nobody reads.
    if type(annotation) is type:
        return _is_plain(value, annotation)
    if get_origin(annotation) is Annotated:
        return _fits(value, get_args(annotation)[0]) and all(_keeps(value, mark) for mark in annotation.__metadata__)
    try:
        check("", value, annotation)
    except ConfigError:
        return False
    return True


def _keeps(value: Any, mark: object) -> bool:
    """Whether *value*, of the right type, keeps within what *mark* says besides."""
    if isinstance(mark, AtLeast):
        return bool(value >= mark.minimum)  # not so for "not a number"
    if mark == LEVEL:
        return value.upper() in logging.getLevelNamesMapping()
    if mark == PORT and value not in {None, ""}:
        text = str(value)
        return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _HIGHEST_PORT
    return True


def _describe_marked(annotation: Any, marks: Iterable[object]) -> str:
    text = describe(annotation)
    for mark in marks:
        if isinstance(mark, AtLeast):
            text += f" of at least {mark.minimum}"
        elif mark == LEVEL:
            text = f"the name of a level ({', '.join(_LEVELS)})"
        elif mark == PORT:
            text = f"a port (0 to {_HIGHEST_PORT}) or None"
    return text


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
    missing = sorted(group.__required_keys__ - value.keys())
    if missing:
        raise ConfigError(f"{path}: the key {missing[0]!r} is missing; it takes {describe(hints[missing[0]])}")


def _check_union(path: str, value: Any, annotation: Any) -> None:
    if not any(_fits(value, each) for each in get_args(annotation)):
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
