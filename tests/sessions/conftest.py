"""Caches that sessions are kept in."""

from __future__ import annotations

from typing import Any

import pytest

from support.state import KINDS, cache_entry


@pytest.fixture(params=KINDS)
def cache(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An entry of ``CACHES`` of each kind, its store empty."""
    return cache_entry(request.param, request)
