"""The middleware that runs HTTP modules; ``MIDDLEWARE_CLASSES`` names it.

The pipeline calls its hooks; what a request meets is the business of `tornadopy.httpmodule.rules`, and how a phase
runs that of `tornadopy.middleware.pipeline`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from tornado.web import Finish

from tornadopy.httpmodule.rules import Hook, Plan, Rules, compile_rules
from tornadopy.middleware.pipeline import run
from tornadopy.types import Clear

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.context import RequestContext

# Which hook of the modules each hook of the middleware runs.
_RUNS = {
    "process_request": "begin_request",
    "process_render": "begin_render",
    "process_response": "begin_response",
    "process_endcall": "complete_response",
}


class Handler(Protocol):
    """What is asked of a handler: the context of its request."""

    @property
    def context(self) -> RequestContext:
        """The context of its request."""
        ...


class HttpModuleMiddleware:
    """Runs the HTTP modules of ``COMMON_MODULES`` and ``ROUTE_MODULES``.

    A hook is synchronous as long as the modules' hooks are. Whether a module's hook ended the phase is handed on to
    the pipeline, so that it ends for the remaining middlewares too.

    Attributes:
        rules: The compiled settings; there after `process_init`.

    .. versionadded:: 2.0
    """

    rules: Rules

    def process_init(self, application: Application) -> None:
        """Compile the settings, and take away the hooks that no module needs.

        Raises:
            ConfigError: An entry of the two settings cannot be used.
        """
        conf = application.conf
        self.rules = compile_rules(conf.COMMON_MODULES, conf.ROUTE_MODULES, application.route_names)
        for own, theirs in _RUNS.items():
            if all(getattr(module, theirs) is None for module in self.rules.modules):
                # The pipeline collects a middleware's hooks after this, and passes over None.
                setattr(self, own, None)

    def process_request(self, handler: Handler, _clear: Clear) -> bool | Awaitable[bool]:
        """Run ``begin_request`` of the request's modules."""
        return run(iter(self._plan(handler.context).begin_request), handler.context, handler)

    def process_render(
        self, handler: Handler, _clear: Clear, template_name: str, /, **kwargs: Any
    ) -> bool | Awaitable[bool]:
        """Run ``begin_render`` of the request's modules."""
        return run(iter(self._plan(handler.context).begin_render), handler.context, handler, template_name, **kwargs)

    def process_response(self, handler: Handler, _clear: Clear, chunk: list[Any]) -> bool | Awaitable[bool]:
        """Run ``begin_response`` of the request's modules."""
        return run(iter(self._plan(handler.context).begin_response), handler.context, handler, chunk)

    def process_endcall(self, handler: Handler, _clear: Clear) -> bool | Awaitable[bool]:
        """Run ``complete_response`` of the request's modules, even if one of them fails."""
        return _run_all(iter(self._plan(handler.context).complete_response), handler.context, handler)

    def _plan(self, context: RequestContext) -> Plan:
        # A request that was refused before process_request gets its plan at the first hook that it meets.
        plan: Plan | None = context.state.get(self)
        if plan is None:
            plan = context.state[self] = self.rules.plan(context.route_name, context.request.path)
        return plan


def _run_all(hooks: Iterator[Hook], context: RequestContext, handler: Handler) -> bool | Awaitable[bool]:
    """Run *hooks*; the error of one, unless it is `Finish`, comes out when the others have run."""
    try:
        ended = run(hooks, context, handler)
    except Finish:
        raise
    except Exception as exc:
        rest = _run_all(hooks, context, handler)
        if isinstance(rest, bool):
            raise
        return _raise_after(rest, exc)
    return ended if isinstance(ended, bool) else _await_all(ended, hooks, context, handler)


async def _await_all(
    running: Awaitable[bool], hooks: Iterator[Hook], context: RequestContext, handler: Handler
) -> bool:
    try:
        return await running
    except Finish:
        raise
    except Exception:
        rest = _run_all(hooks, context, handler)
        if not isinstance(rest, bool):
            await rest
        raise


async def _raise_after(rest: Awaitable[bool], error: Exception) -> bool:
    try:
        raise error
    except Exception:
        await rest
        raise
