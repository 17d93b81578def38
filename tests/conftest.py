"""What holds for all tests: nothing is logged that a test does not expect."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = (
    "support.servers",  # first, for the others import it
    "support.redis_servers",
    "support.memcached_servers",
    "support.mariadb_servers",
    "support.postgres_servers",
)

# A busy machine is no reason to fail; nor is an example that chance has not brought up before. To look for new ones:
# scripts/test --hypothesis-profile=explore
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("steady", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile("steady")

WATCHED = ("tornado", "tornadopy", "asyncio")
UNWATCHED = ("tornado.access",)  # the status of an answer, which tests look at themselves


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(WATCHED) and not record.name.startswith(UNWATCHED):
            self.records.append(record)


@pytest.fixture(autouse=True)
def no_unexpected_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that logs a warning or an error, unless it asks for `caplog` and so looks at what is logged."""
    collector = _Collector()
    logging.getLogger().addHandler(collector)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(collector)
    if "caplog" not in request.fixturenames and collector.records:
        lines = "\n".join(f"{each.levelname} {each.name}: {each.getMessage()}" for each in collector.records)
        pytest.fail(f"logged, and not expected:\n{lines}", pytrace=False)
