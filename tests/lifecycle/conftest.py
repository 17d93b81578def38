"""What happens to a request does not depend on the server: these tests run on both."""

from __future__ import annotations

import pytest

from support.servers import on_both_servers

STOCK_ALONE = {"test_lifecycle_stop_more"}  # processes that take their time; test_lifecycle_stop is the core of it


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of this folder on both servers."""
    if metafunc.module.__name__.rpartition(".")[2] not in STOCK_ALONE:
        on_both_servers(metafunc)
