"""Arguments of a function as text that is the same whenever the arguments are.

`tornadopy.cache.functions` makes the keys of cached functions out of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from tornadopy.exceptions import ArgumentError

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def describe_arguments(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    """Return the arguments of a call as text; however they are passed, the same ones give the same text.

    Args:
        name: The function's name, for the message.
        signature: What it takes.
        args: The arguments by position.
        kwargs: The arguments by name.

    Raises:
        ArgumentError: An argument has no text that is the same in another process.
        TypeError: The function does not take such arguments.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return ", ".join(f"{key}={_describe(name, key, value)}" for key, value in bound.arguments.items())


def _describe(function: str, argument: str, value: Any) -> str:
    def inner(each: Any) -> str:
        return _describe(function, argument, each)

    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind in {list, tuple}:
        return f"{kind.__name__}({', '.join(map(inner, value))})"
    if kind is dict:
        return f"dict({', '.join(sorted(f'{inner(key)}: {inner(each)}' for key, each in value.items()))})"
    if kind in {set, frozenset}:
        return f"{kind.__name__}({', '.join(sorted(map(inner, value)))})"
    text = repr(value)
    if _ADDRESS.search(text):
        raise ArgumentError(
            f"cached: the argument {argument!r} of {function} is a {kind.__qualname__}, whose repr() says nothing that "
            "holds in another process; give cached() a function that says what it stands for: key=lambda ...: '...'"
        )
    return f"{kind.__module__}.{kind.__qualname__}({text})"


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return what *function* takes.

    Raises:
        ArgumentError: It does not tell, as some functions written in C do.
    """
    try:
        return inspect.signature(function)
    except ValueError as exc:
        raise ArgumentError(
            f"cached: {function!r} does not tell its parameters; wrap it in a function that does"
        ) from exc
