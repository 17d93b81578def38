"""How a phase runs: plain and awaitable hooks, a true value, `clear`, an error."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tornadopy.context import RequestContext
from tornadopy.middleware.pipeline import run


@pytest.fixture
def context() -> RequestContext:
    return RequestContext(cast("Any", None), cast("Any", SimpleNamespace(path="/")))


def hook(seen: list[Any], name: str, result: object = None) -> Any:
    def plain(first: object, clear: object, *rest: object, **kwargs: object) -> object:
        seen.append(name)
        return result

    return plain


def asynchronous(seen: list[Any], name: str, result: object = None) -> Any:
    async def waiting(first: object, clear: object) -> object:
        await asyncio.sleep(0)
        seen.append(name)
        return result

    return waiting


def test_plain_hooks_have_run_when_it_returns_and_none_of_them_ended_the_phase(context: RequestContext) -> None:
    seen: list[str] = []
    assert run(iter([hook(seen, "a"), hook(seen, "b", 0), hook(seen, "c", "")]), context, "first") is False
    assert seen == ["a", "b", "c"]


def test_a_true_value_ends_the_phase_and_is_reported(context: RequestContext) -> None:
    seen: list[str] = []
    assert run(iter([hook(seen, "a", 1), hook(seen, "b")]), context, "first") is True
    assert seen == ["a"]


def test_the_awaitable_tells_whether_a_later_hook_ended_the_phase(context: RequestContext) -> None:
    seen: list[str] = []
    hooks = [hook(seen, "a"), asynchronous(seen, "b"), hook(seen, "c", "stop"), hook(seen, "d")]

    async def main() -> bool:
        ended = run(iter(hooks), context, "first")
        assert inspect.isawaitable(ended)
        assert seen == ["a"]
        return await ended

    assert asyncio.run(main()) is True
    assert seen == ["a", "b", "c"]


@pytest.mark.parametrize(("result", "ended"), [(None, False), (True, True)])
def test_an_asynchronous_hook_ends_the_phase_by_what_it_returns(
    context: RequestContext, result: object, ended: bool
) -> None:
    seen: list[str] = []

    async def main() -> bool:
        running = run(iter([asynchronous(seen, "a", result), asynchronous(seen, "b")]), context, "first")
        assert not isinstance(running, bool)
        return await running

    assert asyncio.run(main()) is ended
    assert seen == (["a"] if ended else ["a", "b"])


def test_clear_drops_the_rest_and_is_not_reported_as_an_end(context: RequestContext) -> None:
    seen: list[str] = []

    def clearing(first: object, clear: Any) -> None:
        clear()

    assert run(iter([clearing, hook(seen, "a")]), context, "first") is False
    assert context.cleared
    assert seen == []


def test_the_iterator_goes_on_behind_a_hook_that_failed(context: RequestContext) -> None:
    seen: list[str] = []

    def failing(first: object, clear: object) -> None:
        raise ValueError("no")

    hooks = iter([failing, hook(seen, "a")])
    with pytest.raises(ValueError, match="no"):
        run(hooks, context, "first")
    assert run(hooks, context, "first") is False
    assert seen == ["a"]


def test_arguments_surround_clear_and_keyword_arguments_may_have_any_name(context: RequestContext) -> None:
    seen: list[Any] = []

    def recording(first: object, clear: object, second: object, **kwargs: object) -> None:
        seen.append((first, clear == context.clear, second, kwargs))

    run(iter([recording]), context, "first", "second", hooks=1, context=2)
    assert seen == [("first", True, "second", {"hooks": 1, "context": 2})]
