"""Middlewares for tests: one that records what it meets, others made of a function for one phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tornadopy.context import current_request


class Recorder:
    """Note each phase of each request as ``(name, phase, path)`` in `seen`, and the end of what was opened."""

    name = "recorder"
    seen: list[tuple[str, str, str]]

    def _note(self, phase: str, path: str) -> None:
        self.seen.append((self.name, phase, path))

    def process_call(self, request: Any, clear: Any) -> None:
        self._note("call", request.path)
        context = current_request.get()
        assert context is not None
        context.on_end(lambda: self._note("end", request.path))

    def process_request(self, handler: Any, clear: Any) -> None:
        self._note("request", handler.request.path)

    def process_render(self, handler: Any, clear: Any, template_name: str, **kwargs: Any) -> None:
        self._note("render", handler.request.path)

    def process_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None:
        self._note("response", handler.request.path)

    def process_endcall(self, handler: Any, clear: Any) -> None:
        self._note("endcall", handler.request.path)


class ExceptionRecorder(Recorder):
    """Note exceptions too, which keeps them out of the log."""

    def process_exception(self, handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        assert isinstance(value, typ)
        assert tb is value.__traceback__
        self._note(f"exception {typ.__name__}", handler.request.path)


def recorder(name: str, seen: list[Any], base: type[Recorder] = Recorder) -> type[Recorder]:
    """Return a recording middleware that notes everything in *seen*."""
    return type(name, (base,), {"name": name, "seen": seen})


def hook(phase: str, work: Callable[..., Any], *, is_async: bool = False, name: str = "Hook") -> type:
    """Return a middleware whose only hook, that of *phase*, is *work*; an asynchronous one lets others run first."""

    def plain(self: object, *args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)

    async def waiting(self: object, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return work(*args, **kwargs)

    return type(name, (), {f"process_{phase}": waiting if is_async else plain})


def path_of(subject: Any) -> str:
    """Return the path of a request, or of a handler's request."""
    return str(getattr(subject, "request", subject).path)
