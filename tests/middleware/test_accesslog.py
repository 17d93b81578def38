"""The access log: its line, its JSON, and what a client cannot do to it."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from tornadopy.middleware.accesslog import AccessLogMiddleware, LineFormat, json_line, response_length

QUOTED = r'(?:[^"\\]|\\.)*'
LINE = re.compile(
    r"(?P<ip>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    rf'"(?P<target>{QUOTED})" (?P<status>\d{{3}}) (?P<length>\d+|-) '
    rf'"(?P<referer>{QUOTED})" "(?P<agent>{QUOTED})" (?P<ms>\d+\.\d\d)ms'
)


class FakeHandler:
    """What the middleware uses of a handler."""

    def __init__(
        self,
        *,
        method: str | None = "GET",
        uri: str | None = "/",
        headers: dict[str, str] | None = None,
        status: int = 200,
        response_headers: dict[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        self.request = SimpleNamespace(
            method=method,
            uri=uri,
            version="HTTP/1.1",
            remote_ip="203.0.113.9",
            headers=headers or {},
            request_time=lambda: 0.0123456,
        )
        self.status = status
        self._headers = HTTPHeaders(response_headers or {})
        vars(self).update(attributes)

    def get_status(self) -> int:
        return self.status


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Iterator[Collector]:
    logger = logging.getLogger("tornadopy.accesslog")
    collector = Collector()
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    yield collector
    logger.removeHandler(collector)
    logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _timezone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def line_of(handler: FakeHandler) -> str:
    return LineFormat()(handler)  # type: ignore[arg-type]


def object_of(handler: FakeHandler) -> dict[str, Any]:
    text = json_line(handler)  # type: ignore[arg-type]
    assert text.isascii()
    assert text.isprintable()
    return json.loads(text)


def test_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tornadopy.middleware.accesslog.time.time", lambda: 1795246200.5)
    handler = FakeHandler(
        uri="/a?b=c%20d",
        headers={"Referer": "https://example.org/", "User-Agent": 'Browser/1.0 "x"'},
        response_length=42,
    )
    assert line_of(handler) == (
        '203.0.113.9 - - [21/Nov/2026:07:30:00 +0000] "GET /a?b=c%20d HTTP/1.1" 200 42 '
        '"https://example.org/" "Browser/1.0 \\"x\\"" 12.35ms'
    )


def test_the_time_goes_on_and_keeps_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XXX-5:30")  # a zone of any name; POSIX has the sign the other way: +0530 in the log
    time.tzset()
    now = [1795246200.0]
    monkeypatch.setattr("tornadopy.middleware.accesslog.time.time", lambda: now[0])
    line_format, handler = LineFormat(), FakeHandler()
    first = line_format(handler)  # type: ignore[arg-type]
    now[0] += 0.9
    same = line_format(handler)  # type: ignore[arg-type]
    now[0] += 0.1
    later = line_format(handler)  # type: ignore[arg-type]
    assert "[21/Nov/2026:13:00:00 +0530]" in first
    assert first == same
    assert "[21/Nov/2026:13:00:01 +0530]" in later


def test_what_is_missing_is_a_dash() -> None:
    handler = FakeHandler(method=None, uri=None)
    handler.request.remote_ip = None
    match = LINE.fullmatch(line_of(handler))
    assert match
    assert (match["ip"], match["referer"], match["agent"], match["length"]) == ("-", "-", "-", "-")


# What a client may send, and what it would send to fake a line or a field.
MARK = "hunter2Zq"
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from('"\\\r\n\x00\x1b\x7f\x85\u2028\u2029 []-')), min_size=1)


@given(uri=HOSTILE, referer=HOSTILE, agent=HOSTILE)
def test_one_request_is_one_line_whose_fields_stay_apart(uri: str, referer: str, agent: str) -> None:
    handler = FakeHandler(uri=uri, headers={"Referer": referer, "User-Agent": agent}, response_length=1)
    line = line_of(handler)
    assert len(line.splitlines()) == 1
    assert LINE.fullmatch(line)
    entry = object_of(handler)
    assert entry["user_agent"] == agent


def test_the_json_object() -> None:
    handler = FakeHandler(
        method="POST", uri="/ä", status=404, headers={"User-Agent": "x\n\x7f"}, response_length=7,
        context=SimpleNamespace(request_id_if_known="0123456789abcdef"),
    )  # fmt: skip
    entry = object_of(handler)
    moment = entry.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", moment)
    assert entry == {
        "remote_ip": "203.0.113.9",
        "method": "POST",
        "uri": "/ä",
        "version": "HTTP/1.1",
        "status": 404,
        "length": 7,
        "referer": None,
        "user_agent": "x\n\x7f",
        "duration_ms": 12.35,
        "request_id": "0123456789abcdef",
    }


@pytest.mark.parametrize("attributes", [{}, {"context": None}, {"context": SimpleNamespace(request_id_if_known=None)}])
def test_an_unknown_request_id_is_left_out(attributes: dict[str, Any]) -> None:
    assert "request_id" not in object_of(FakeHandler(**attributes))


@pytest.mark.parametrize(
    ("handler", "length"),
    [
        (FakeHandler(response_length=0, response_headers={"Content-Length": "5"}), 0),
        (FakeHandler(response_length=12), 12),
        (FakeHandler(response_headers={"Content-Length": "5"}), 5),
        (FakeHandler(response_headers={"Content-Length": "5"}, method="HEAD"), 0),
        (FakeHandler(response_headers={"Content-Length": "5"}, status=304), 0),
        (FakeHandler(status=204), 0),
        (FakeHandler(status=101), 0),
        (FakeHandler(), None),
        (FakeHandler(response_headers={"Content-Length": "many"}), None),
    ],
)
def test_the_length_is_what_was_sent(handler: FakeHandler, length: int | None) -> None:
    assert response_length(handler) == length  # type: ignore[arg-type]
    assert object_of(handler)["length"] == length


@pytest.mark.parametrize("shown", [line_of, lambda handler: json.dumps(object_of(handler))])
def test_secrets_in_addresses_are_masked(shown: Any) -> None:
    address = "/login?user=me&tokenID=abcdef&next=/a"
    text = shown(FakeHandler(uri=address, headers={"Referer": f"https://example.org{address}"}))
    assert "abcdef" not in text
    assert text.count("/login?user=me&tokenID=********&next=/a") == 2
    assert "/token/abc?a=b" in shown(FakeHandler(uri="/token/abc?a=b"))


@given(
    name=st.sampled_from(["token", "user[password]", "api_key[]", "%74oken", "csrf%5Ftoken", "=token"]),
    value=st.text(st.sampled_from("abcXYZ019()[]{}'!*,;=~-_.:@/?#\"\\%+"), min_size=1),
)
def test_no_part_of_a_secret_argument_reaches_the_log(name: str, value: str) -> None:
    """Whatever a client leaves unquoted in the value, and however it writes the name."""
    address = f"/login?user=me&{name}={MARK}{value}{MARK}&next=/a"
    handler = FakeHandler(uri=address, headers={"Referer": f"https://example.org{address}"})
    for text in (line_of(handler), json.dumps(object_of(handler))):
        assert MARK not in text
        assert text.count("&next=/a") == 2


@pytest.mark.parametrize(
    ("conf", "starts_with"),
    [
        (SimpleNamespace(ACCESS_LOG_FORMAT="json"), "{"),
        (SimpleNamespace(ACCESS_LOG_FORMAT="line"), "2"),
        (SimpleNamespace(), "2"),
        (None, "2"),
    ],
)
def test_the_setting_chooses_the_format_once(log: Collector, conf: Any, starts_with: str) -> None:
    middleware = AccessLogMiddleware()
    middleware.process_init(SimpleNamespace(conf=conf))  # type: ignore[arg-type]
    for _ in range(2):
        assert middleware.process_endcall(FakeHandler(uri="/%s%d"), lambda: None) is None  # type: ignore[arg-type, func-returns-value]
    assert len(log.lines) == 2
    assert all(line.startswith(starts_with) and "/%s%d" in line for line in log.lines)


def test_it_writes_without_having_been_set_up(log: Collector) -> None:
    AccessLogMiddleware().process_endcall(FakeHandler(), lambda: None)  # type: ignore[arg-type]
    assert len(log.lines) == 1


def test_a_silent_logger_costs_no_line(log: Collector) -> None:
    logging.getLogger("tornadopy.accesslog").setLevel(logging.WARNING)
    AccessLogMiddleware().process_endcall(None, lambda: None)  # type: ignore[arg-type]
    assert log.lines == []


def test_it_takes_the_place_of_the_request_log() -> None:
    assert AccessLogMiddleware.replaces_request_log is True


# ---- the record


def log_one_request() -> None:
    AccessLogMiddleware().process_endcall(FakeHandler(), None)  # type: ignore[arg-type]


def test_the_record_says_where_it_comes_from(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tornadopy.accesslog"):
        log_one_request()
    (record,) = caplog.records
    assert (record.name, record.levelno, record.args) == ("tornadopy.accesslog", logging.INFO, ())
    assert (record.filename, record.module, record.funcName) == ("accesslog.py", "accesslog", "process_endcall")
    assert record.lineno > 0
    assert LINE.fullmatch(record.getMessage())


def test_a_filter_of_the_user_sees_the_record(log: Collector) -> None:
    logger, seen = logging.getLogger("tornadopy.accesslog"), []
    logger.addFilter(refuse := lambda record: bool(seen.append(record.name)))
    try:
        log_one_request()
    finally:
        logger.removeFilter(refuse)
    assert (seen, log.lines) == (["tornadopy.accesslog"], [])
    log_one_request()
    assert len(log.lines) == 1


@pytest.mark.parametrize("way", ["level", "logger", "process"])
def test_a_logger_that_is_off_writes_nothing(log: Collector, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("tornadopy.accesslog")
    if way == "level":
        logger.setLevel(logging.WARNING)
    elif way == "logger":
        monkeypatch.setattr(logger, "disabled", True)
    else:
        logging.disable(logging.INFO)
    try:
        log_one_request()
    finally:
        logging.disable(logging.NOTSET)
    assert log.lines == []
