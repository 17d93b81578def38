"""The system logger: which line goes to which logger, and whose line it is."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterator

import pytest

from tornadopy.logger import SysLogger, syslogger


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    collector = Collector()
    loggers = [logging.getLogger(f"tornadopy.{name}") for name in ("infolog", "tracelog", "accesslog")]
    for logger in loggers:
        logger.addHandler(collector)
        logger.setLevel(logging.DEBUG)
    yield collector.records
    for logger in loggers:
        logger.removeHandler(collector)
        logger.setLevel(logging.NOTSET)


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
@pytest.mark.parametrize(
    ("method", "logger", "level"),
    [
        ("debug", "tornadopy.infolog", logging.DEBUG),
        ("info", "tornadopy.infolog", logging.INFO),
        ("warning", "tornadopy.tracelog", logging.WARNING),
        ("error", "tornadopy.tracelog", logging.ERROR),
        ("exception", "tornadopy.tracelog", logging.ERROR),
        ("critical", "tornadopy.tracelog", logging.CRITICAL),
        ("access", "tornadopy.accesslog", logging.INFO),
    ],
)
def test_each_kind_has_its_logger_and_names_its_caller(
    records: list[logging.LogRecord], method: str, logger: str, level: int
) -> None:
    here = inspect.currentframe()
    assert here is not None
    line = here.f_lineno + 1
    getattr(syslogger, method)("%s and %d", "text", 5, extra={"more": 1}, stack_info=True)
    (record,) = records
    assert (record.name, record.levelno, record.getMessage()) == (logger, level, "text and 5")
    assert record.__dict__["more"] == 1
    assert (record.pathname, record.lineno, record.funcName) == (__file__, line, here.f_code.co_name)
    assert record.stack_info


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_a_wrapper_can_ask_for_its_own_caller(records: list[logging.LogRecord]) -> None:
    def wrapper() -> None:
        syslogger.error("wrapped", stacklevel=2)

    wrapper()
    assert records[0].funcName == "test_a_wrapper_can_ask_for_its_own_caller"


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_exception_records_the_exception_being_handled(records: list[logging.LogRecord]) -> None:
    try:
        raise ValueError("x")
    except ValueError as exc:
        syslogger.exception("failed")
        syslogger.exception("failed quietly", exc_info=False)
        syslogger.error("failed too", exc_info=exc)
    first, second, third = records
    assert first.exc_info is not None
    assert first.exc_info[0] is ValueError
    assert not second.exc_info
    assert third.exc_info is not None


def test_it_has_no_state_and_its_module_does_not_hide_it() -> None:
    importlib.import_module("tornadopy.logger.syslogger")
    from tornadopy.logger import syslogger as again

    assert again is syslogger
    assert isinstance(again, SysLogger)
    with pytest.raises(AttributeError):
        again.level = 3  # type: ignore[attr-defined]
