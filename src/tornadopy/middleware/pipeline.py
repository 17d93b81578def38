"""The middleware pipeline: which hooks a request meets, in which order, and how a phase of them runs.

Built once by the application; handlers run its phases. Knows middlewares by their hooks alone. This is the one place
where the results of hooks, plain or awaitable, are looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tornadopy.exceptions import ConfigError, TornadopyError
from tornadopy.utils.awaitables import is_asynchronous, settle
from tornadopy.utils.imports import import_setting

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.context import RequestContext

Hook = Callable[..., Any]

PHASES = ("call", "request", "render", "response", "endcall", "exception")
FORWARD = frozenset({"call", "request"})
SYNCHRONOUS = frozenset({"init", "call", "render"})


class Pipeline:
    """The hooks of one application, collected once.

    Args:
        middlewares: Middleware objects in the order of their declaration.

    Attributes:
        call, request, render, response, endcall, exception: The hooks of each phase, in the order a request meets them.
        is_asynchronous: Whether one of them is a coroutine function.
    """

    __slots__ = ("call", "endcall", "exception", "is_asynchronous", "middlewares", "render", "request", "response")

    def __init__(self, middlewares: Sequence[object] = ()) -> None:
        self.middlewares = tuple(middlewares)
        self.call = collect(middlewares, "call")
        self.request = collect(middlewares, "request")
        self.render = collect(middlewares, "render")
        self.response = collect(middlewares, "response")
        self.endcall = collect(middlewares, "endcall")
        self.exception = collect(middlewares, "exception")
        waiting_phases = (self.request, self.response, self.endcall, self.exception)
        self.is_asynchronous = any(is_asynchronous(hook) for hooks in waiting_phases for hook in hooks)

    def describe(self) -> dict[str, list[str]]:
        """Return the names of each phase's hooks, as ``tornadopy routes`` prints them."""
        return {
            phase: [type(inspect.unwrap(hook).__self__).__name__ for hook in getattr(self, phase)] for phase in PHASES
        }


def create(declared: Iterable[str | type | object]) -> list[object]:
    """Return a middleware object for each entry of ``MIDDLEWARE_CLASSES``.

    Raises:
        ConfigError: An entry cannot be imported, is no class, or makes a synchronous hook asynchronous.
    """
    return [_create(f"MIDDLEWARE_CLASSES[{index}]", entry) for index, entry in enumerate(declared)]


def initialize(middlewares: Sequence[object], application: Application) -> None:
    """Run ``process_init`` of each middleware, in the order of their declaration.

    Raises:
        ConfigError: One of them failed.
    """
    for middleware in middlewares:
        hook = getattr(middleware, "process_init", None)
        if hook is None:
            continue
        try:
            hook(application)
        except TornadopyError:
            raise
        except Exception as exc:
            name = f"{type(middleware).__module__}.{type(middleware).__qualname__}"
            raise ConfigError(f"process_init of the middleware {name} failed: {type(exc).__name__}: {exc}") from exc


def collect(middlewares: Sequence[object], phase: str) -> tuple[Hook, ...]:
    """Return the hooks of *phase* in the order a request meets them."""
    ordered = middlewares if phase in FORWARD else reversed(middlewares)
    return tuple(hook for each in ordered if (hook := getattr(each, f"process_{phase}", None)) is not None)


def run(
    hooks: Iterator[Hook], context: RequestContext, /, *args: Any, **kwargs: Any
) -> bool | Coroutine[Any, Any, bool]:
    """Run *hooks* until one returns a true value or calls ``clear``.

    Synchronous hooks have run when this returns. At the first hook that hands back an awaitable the rest is left to
    the awaitable returned, which the caller awaits.

    Args:
        hooks: An iterator, so that a phase that was broken off by an error goes on where it stood.
        context: The request's context; its ``clear`` is handed to each hook.
        *args: The hook's arguments; the first stands before ``clear``.
        **kwargs: Its keyword arguments, of any name.

    Returns:
        Whether a hook ended the phase by a true value (``clear`` alone does not count), or an awaitable of that.
    """
    handler, *others = args
    clear = context.clear
    for hook in hooks:
        if context.cleared:
            break
        result = hook(handler, clear, *others, **kwargs)
        if result is not None:
            if inspect.isawaitable(result):
                return _run_awaiting(result, hooks, context, args, kwargs)
            if result:
                return True
    return False


def run_short(hooks: Iterator[Hook], context: RequestContext, handler: object) -> bool | Coroutine[Any, Any, bool]:
    """Run the *hooks* of a phase that hands over nothing but the handler; see `run`.

    PERF: a call that unpacks takes three times as long (benchmarks/overhead.py).
    """
    if context.cleared:
        return False
    clear = context.clear
    for hook in hooks:
        result = hook(handler, clear)
        if result is not None or context.cleared:
            return _judge(result, hooks, context, handler)
    return False


def run_on_body(
    hooks: Iterator[Hook], context: RequestContext, handler: object, chunks: list[bytes]
) -> bool | Coroutine[Any, Any, bool]:
    """Run the *hooks* of the phase that hands over the handler and the response's body; see `run_short`."""
    if context.cleared:
        return False
    clear = context.clear
    for hook in hooks:
        result = hook(handler, clear, chunks)
        if result is not None or context.cleared:
            return _judge(result, hooks, context, handler, chunks)
    return False


def run_synchronous(hooks: tuple[Hook, ...], context: RequestContext, /, *args: Any, **kwargs: Any) -> None:
    """Run the *hooks* of a phase that cannot wait.

    Raises:
        TypeError: A hook handed back an awaitable all the same.
    """
    result = run(iter(hooks), context, *args, **kwargs)
    if not isinstance(result, bool):
        result.close()
        raise TypeError("a hook of the phases call and render returned an awaitable; these phases are synchronous")


def _judge(result: Any, hooks: Iterator[Hook], context: RequestContext, *args: Any) -> bool | Coroutine[Any, Any, bool]:
    """Look at the *result* of a hook, and run the remaining *hooks* unless it has ended the phase."""
    if result is not None:
        if inspect.isawaitable(result):
            return _run_awaiting(result, hooks, context, args, {})
        if result:
            return True
    return run(hooks, context, *args)


async def _run_awaiting(
    result: Awaitable[Any],
    hooks: Iterator[Hook],
    context: RequestContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> bool:
    if await settle(result):
        return True
    ended = run(hooks, context, *args, **kwargs)
    return ended if isinstance(ended, bool) else await ended


def _create(path: str, entry: str | type | object) -> object:
    if isinstance(entry, str):
        entry = import_setting(path, entry)
    if not inspect.isclass(entry):
        raise ConfigError(f"{path}: expected a middleware class, got {entry!r} ({type(entry).__name__})")
    _check_hooks(path, entry)
    try:
        return entry()
    except Exception as exc:
        raise ConfigError(f"{path}: cannot create {entry.__qualname__}: {type(exc).__name__}: {exc}") from exc


def _check_hooks(path: str, middleware: type) -> None:
    names = {f"process_{phase}" for phase in ("init", *PHASES)}
    if not any(hasattr(middleware, name) for name in names):
        raise ConfigError(
            f"{path}: {middleware.__qualname__} implements no hook; a middleware has at least one of "
            f"{', '.join(sorted(names))}"
        )
    for phase in ("init", *PHASES):
        hook = getattr(middleware, f"process_{phase}", None)
        if phase in SYNCHRONOUS and is_asynchronous(hook):
            raise ConfigError(
                f"{path}: process_{phase} of {middleware.__qualname__} is asynchronous; this phase is synchronous "
                "(request, response, endcall and exception may be async)"
            )
        if inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
            raise ConfigError(
                f"{path}: process_{phase} of {middleware.__qualname__} is a generator; return, do not yield"
            )
