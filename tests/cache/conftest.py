"""Fixtures of the battery: each store, called synchronously and asynchronously."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cachestores import STORES, Caller, Store

pytest.register_assert_rewrite("battery")

MakeCache = Callable[..., Caller]


@pytest.fixture(params=sorted(STORES))
def cache_backend(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each of the stores, empty."""
    with STORES[request.param](request) as store:
        yield store


@pytest.fixture(params=["sync", "async"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner | None]:
    """The two ways of calling: None, or the runner of the coroutines."""
    with asyncio.Runner() if request.param == "async" else contextlib.nullcontext() as found:
        yield found


@pytest.fixture
def make_cache(cache_backend: Store, runner: asyncio.Runner | None) -> Iterator[MakeCache]:
    """Make a cache on the store from the params of an entry in ``CACHES``; all are closed after the test."""
    made: list[Caller] = []

    def make(**params: Any) -> Caller:
        made.append(Caller(cache_backend.build(params), runner))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def cache(make_cache: MakeCache) -> Caller:
    """A cache on the store, as it is without any params."""
    return make_cache()
