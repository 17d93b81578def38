"""How the modules of a request are run, phase by phase."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tornado.web import Finish

from tornadopy.conf import Settings
from tornadopy.context import RequestContext
from tornadopy.exceptions import ConfigError
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.httpmodule.httpmodule import HttpModuleMiddleware
from tornadopy.middleware import pipeline

Seen = list[Any]
HOOKS = ("process_request", "process_render", "process_response", "process_endcall")


def start(common: Any = (), routes: Any = None, route_names: Any = ()) -> HttpModuleMiddleware:
    """Return the middleware as an application has it after its start."""
    middleware = HttpModuleMiddleware()
    conf = Settings(COMMON_MODULES=common, ROUTE_MODULES=routes or {})
    middleware.process_init(cast("Any", SimpleNamespace(conf=conf, route_names=route_names)))
    return middleware


def make_handler(path: str = "/", route_name: str | None = None) -> Any:
    context = RequestContext(cast("Any", None), cast("Any", SimpleNamespace(path=path)))
    context.route_name = route_name
    return SimpleNamespace(context=context)


def nothing() -> None:
    raise AssertionError("a phase hands on the request's own clear")


def module(name: str, seen: Seen, **hooks: Callable[..., Any] | None) -> type[BaseHttpModule]:
    """Return a module class with the given hooks; None is one that only takes part."""

    def take_part(phase: str, behave: Callable[..., Any] | None) -> Callable[..., Any]:
        def hook(self: object, handler: Any, clear: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((name, phase, *args))
            return behave(handler, clear, *args, **kwargs) if behave else None

        return hook

    return type(name, (BaseHttpModule,), {phase: take_part(phase, behave) for phase, behave in hooks.items()})


def test_each_hook_runs_the_modules_hook_of_its_phase_in_declaration_order() -> None:
    seen: Seen = []
    every = dict.fromkeys(("begin_request", "begin_render", "begin_response", "complete_response"))
    middleware = start([module("A", seen, **every), module("B", seen, **every)])
    handler = make_handler()
    assert middleware.process_request(handler, nothing) is False
    assert middleware.process_render(handler, nothing, "page.html") is False
    assert middleware.process_response(handler, nothing, [b"body"]) is False
    assert middleware.process_endcall(handler, nothing) is False
    assert seen == [
        ("A", "begin_request"),
        ("B", "begin_request"),
        ("A", "begin_render", "page.html"),
        ("B", "begin_render", "page.html"),
        ("A", "begin_response", [b"body"]),
        ("B", "begin_response", [b"body"]),
        ("A", "complete_response"),
        ("B", "complete_response"),
    ]


def test_the_route_and_the_path_choose_the_modules() -> None:
    seen: Seen = []
    a, b, c = (module(name, seen, begin_request=None) for name in "ABC")
    middleware = start([a], {"index": [b], "^/user": [c, "!all"]}, {"index"})
    for path, name in [("/", "index"), ("/", None), ("/user", "index")]:
        middleware.process_request(make_handler(path, name), nothing)
        seen.append("end")
    assert [each if isinstance(each, str) else each[0] for each in seen] == [
        "A",
        "B",
        "end",
        "A",
        "end",
        "B",
        "C",
        "end",
    ]


def test_a_request_that_never_met_process_request_meets_the_others() -> None:
    seen: Seen = []
    middleware = start([], {"^/user": [module("A", seen, begin_response=None, complete_response=None)]})
    handler = make_handler("/user")
    middleware.process_response(handler, nothing, [])
    middleware.process_endcall(handler, nothing)
    assert [each[1] for each in seen] == ["begin_response", "complete_response"]


def test_the_plan_is_sought_once_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Seen = []
    middleware = start([module("A", seen, begin_request=None, begin_response=None, complete_response=None)])
    handler = make_handler("/user", "user")
    sought: list[Any] = []
    rules = middleware.rules
    middleware.rules = cast("Any", SimpleNamespace(plan=lambda *args: sought.append(args) or rules.plan(*args)))
    middleware.process_request(handler, nothing)
    middleware.process_response(handler, nothing, [])
    middleware.process_endcall(handler, nothing)
    assert sought == [("user", "/user")]
    middleware.process_request(make_handler("/other"), nothing)
    assert sought[1:] == [(None, "/other")]


def test_a_hook_that_no_module_writes_is_taken_away() -> None:
    middleware = start([module("A", [], begin_request=None)], {"x": [module("B", [], begin_response=None)]})
    collected = {hook: getattr(middleware, hook) is not None for hook in HOOKS}
    assert collected == {
        "process_request": True,
        "process_render": False,
        "process_response": True,
        "process_endcall": False,
    }
    chain = pipeline.Pipeline([middleware])
    assert (len(chain.request), chain.render, len(chain.response), chain.endcall) == (1, (), 1, ())


def test_without_modules_it_has_no_hooks() -> None:
    middleware = start()
    assert [getattr(middleware, hook) for hook in HOOKS] == [None] * 4


def test_the_pipeline_accepts_it() -> None:
    (middleware,) = pipeline.create(["tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"])
    assert isinstance(middleware, HttpModuleMiddleware)


def test_a_wrong_entry_stops_the_start() -> None:
    with pytest.raises(ConfigError, match=r"^COMMON_MODULES\[0\]: "):
        start(["no.such.module"])


@pytest.mark.parametrize("hook", ["process_request", "process_endcall"])
def test_a_true_value_ends_the_phase_for_modules_and_middlewares(hook: str) -> None:
    seen: Seen = []
    phase = {"process_request": "begin_request", "process_endcall": "complete_response"}[hook]
    a = module("A", seen, **{phase: lambda handler, clear: 1})
    middleware = start([a, module("B", seen, begin_request=None, complete_response=None)])
    handler = make_handler()
    after: Seen = []
    hooks = [getattr(middleware, hook), lambda handler, clear: after.append("ran")]
    assert pipeline.run(iter(hooks), handler.context, handler) is True
    assert seen == [("A", phase)]
    assert after == []


def test_clear_drops_everything_that_is_left() -> None:
    seen: Seen = []
    a = module("A", seen, begin_request=lambda handler, clear: clear(), complete_response=None)
    middleware = start([a, module("B", seen, begin_request=None)])
    handler = make_handler()
    after: Seen = []
    hooks = [middleware.process_request, lambda handler, clear: after.append("ran")]
    pipeline.run(iter(hooks), handler.context, handler)
    assert handler.context.cleared
    assert middleware.process_endcall(handler, nothing) is False
    assert seen == [("A", "begin_request")]
    assert after == []


def test_an_asynchronous_hook_is_awaited_before_the_next() -> None:
    seen: Seen = []

    async def slow(handler: Any, clear: Any) -> None:
        await asyncio.sleep(0)
        seen.append("slow is done")

    middleware = start([module("A", seen, begin_request=slow), module("B", seen, begin_request=lambda *args: True)])
    handler = make_handler()

    async def main() -> bool:
        running = middleware.process_request(handler, nothing)
        assert inspect.isawaitable(running)
        return await running

    assert asyncio.run(main()) is True
    assert seen == [("A", "begin_request"), "slow is done", ("B", "begin_request")]


def test_only_requests_that_meet_an_asynchronous_hook_are_asynchronous() -> None:
    seen: Seen = []

    async def slow(handler: Any, clear: Any) -> None: ...

    middleware = start([module("A", seen, begin_request=None)], {"^/slow": [module("B", seen, begin_request=slow)]})
    assert middleware.process_request(make_handler("/fast"), nothing) is False
    running = middleware.process_request(make_handler("/slow"), nothing)
    assert inspect.iscoroutine(running)
    assert asyncio.run(running) is False


def test_template_values_may_have_any_name() -> None:
    received: dict[str, Any] = {}

    class Module(BaseHttpModule):
        def begin_render(self, handler: Any, clear: Any, template_name: str, /, **kwargs: Any) -> None:
            received.update(kwargs)

    values = {"context": 1, "hooks": 2, "handler": 3, "template_name": 4, "clear": 5, "self": 6}
    middleware = start([Module])
    handler = make_handler()
    assert pipeline.run(iter([middleware.process_render]), handler.context, handler, "x.html", **values) is False
    assert received == values


def test_body_parts_can_be_replaced_and_appended() -> None:
    class Module(BaseHttpModule):
        def begin_response(self, handler: Any, clear: Any, chunk: list[bytes]) -> None:
            chunk[0] = chunk[0].upper()
            chunk.append(b"!")

    parts = [b"hello"]
    start([Module]).process_response(make_handler(), nothing, parts)
    assert parts == [b"HELLO", b"!"]


def fail(message: str) -> Callable[..., None]:
    def failing(*args: Any) -> None:
        raise ValueError(message)

    return failing


def fail_later(message: str) -> Callable[..., Any]:
    async def failing(*args: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError(message)

    return failing


async def wait(*args: Any) -> None:
    await asyncio.sleep(0)


def test_an_error_ends_the_phase_and_comes_out() -> None:
    seen: Seen = []
    middleware = start([module("A", seen, begin_request=fail("no")), module("B", seen, begin_request=None)])
    with pytest.raises(ValueError, match="no"):
        middleware.process_request(make_handler(), nothing)
    assert seen == [("A", "begin_request")]


def complete(*hooks: Callable[..., Any] | None) -> tuple[Seen, BaseException | bool]:
    """Return the modules that ran in complete_response, and the outcome."""
    seen: Seen = []
    modules = [module(name, seen, complete_response=hook) for name, hook in zip("ABCDE", hooks, strict=False)]
    middleware = start(modules)

    async def main() -> bool:
        ended = middleware.process_endcall(make_handler(), nothing)
        return ended if isinstance(ended, bool) else await ended

    try:
        outcome: BaseException | bool = asyncio.run(main())
    except (ValueError, Finish) as exc:
        outcome = exc
    return [each[0] for each in seen], outcome


@pytest.mark.parametrize(
    "hooks",
    [
        (fail("first"), None),
        (None, fail("first"), None),
        (fail("first"), wait, None),
        (fail_later("first"), None),
        (wait, fail_later("first"), wait, None),
        (fail_later("first"), None, wait),
    ],
)
def test_the_end_of_a_request_runs_every_module_even_if_one_fails(hooks: tuple[Any, ...]) -> None:
    seen, outcome = complete(*hooks)
    assert seen == list("ABCDE"[: len(hooks)])
    assert str(outcome) == "first"


@pytest.mark.parametrize(
    "hooks",
    [
        (fail("first"), fail("second"), None),
        (fail("first"), fail_later("second"), None),
        (fail_later("first"), fail("second"), None),
        (fail_later("first"), fail_later("second"), None),
    ],
)
def test_of_several_errors_at_the_end_each_is_in_the_traceback(hooks: tuple[Any, ...]) -> None:
    seen, outcome = complete(*hooks)
    assert seen == ["A", "B", "C"]
    assert isinstance(outcome, ValueError)
    assert (str(outcome), str(outcome.__context__)) == ("second", "first")


def test_a_synchronous_error_at_the_end_comes_out_at_once() -> None:
    middleware = start([module("A", [], complete_response=fail("no")), module("B", [], complete_response=None)])
    with pytest.raises(ValueError, match="no"):
        middleware.process_endcall(make_handler(), nothing)


def test_a_true_value_ends_the_phase_at_the_end_of_a_request_too() -> None:
    assert complete(wait, lambda *args: True, None) == (["A", "B"], True)


def finish(*args: Any) -> None:
    raise Finish


async def finish_later(*args: Any) -> None:
    raise Finish


@pytest.mark.parametrize("hook", [finish, finish_later])
def test_finish_ends_the_phase_at_the_end_of_a_request(hook: Callable[..., Any]) -> None:
    seen, outcome = complete(None, hook, None)
    assert seen == ["A", "B"]
    assert isinstance(outcome, Finish)
