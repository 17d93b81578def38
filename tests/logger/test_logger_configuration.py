"""The setting LOGGING: which handlers it gives to which loggers."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.log import LogFormatter

from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.logger import ProcessLogTimedFileHandler, syslogger
from tornadopy.logger.configuration import configure, flush, shutdown

DEFAULTS: list[dict[str, Any]] = [
    {"name": "tornado", "level": "INFO", "log_to_stderr": True, "filename": "tornado.log"},
    {"name": "tornadopy.tracelog", "level": "WARNING", "log_to_stderr": True, "filename": "trace.log"},
    {"name": "tornadopy.infolog", "level": "INFO", "filename": "info.log"},
    {"name": "tornadopy.accesslog", "level": "INFO", "filename": "access.log"},
]


class BracketFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{record.getMessage()}>"


class NeedyFormatter(logging.Formatter):
    def __init__(self, need: str) -> None:
        super().__init__(need)


class Terminal:
    """What standard error is on a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    shutdown()


def own(name: str | None = None) -> list[logging.Handler]:
    return [each for each in logging.getLogger(name).handlers if (each.get_name() or "").startswith("tornadopy.")]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_each_line_lands_where_its_entry_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(DEFAULTS, directory=tmp_path / "made" / "logs")
    syslogger.debug("not wanted")
    syslogger.info("an info")
    syslogger.warning("a warning")
    syslogger.access("an access line")
    logging.getLogger("tornado.access").info("from tornado")
    logs = tmp_path / "made" / "logs"
    assert read(logs / "info.log").endswith("] an info\n")
    assert read(logs / "info.log").count("\n") == 1
    assert read(logs / "trace.log").startswith("[W ")
    assert read(logs / "trace.log").endswith("] a warning\n")
    assert read(logs / "access.log") == ""  # it waits for others
    flush()
    assert read(logs / "access.log") == "an access line\n"
    assert read(logs / "tornado.log").endswith("] from tornado\n")
    on_terminal = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in on_terminal] == ["a warning", "from tornado"]


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_a_line_is_written_once_unless_it_shall_also_reach_the_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [*DEFAULTS, {"name": "", "level": "DEBUG", "filename": "all.log"}]
    configure(entries, directory=tmp_path)
    syslogger.error("once")
    logging.getLogger("blog").debug("from anywhere")
    assert read(tmp_path / "all.log").endswith("] from anywhere\n")
    assert "once" not in read(tmp_path / "all.log")
    configure(entries, directory=tmp_path, propagate_to_root=True)
    syslogger.error("twice")
    assert "twice" in read(tmp_path / "all.log")
    assert "twice" in read(tmp_path / "trace.log")
    assert capsys.readouterr().err.count("once") == 1


@pytest.mark.parametrize("name", ["", "root"])
def test_the_root_logger_is_the_root_and_gets_its_level_back(tmp_path: Path, name: str) -> None:
    before = logging.root.level
    configure([{"name": name, "level": "DEBUG", "filename": "all.log"}], directory=tmp_path)
    assert logging.root.level == logging.DEBUG
    assert len(own()) == 1
    shutdown()
    assert logging.root.level == logging.WARNING == before
    assert not own()


def test_configuring_again_replaces_its_own_handlers_and_no_others(tmp_path: Path) -> None:
    logger = logging.getLogger("tornadopy.infolog")
    users = logging.NullHandler()
    users.set_name("the user's")
    logger.addHandler(users)
    unnamed = logging.NullHandler()
    logger.addHandler(unnamed)
    try:
        configure(DEFAULTS, directory=tmp_path / "1")
        (first,) = own("tornadopy.infolog")
        syslogger.info("1")
        configure(DEFAULTS[2:3], directory=tmp_path / "2")
        (second,) = own("tornadopy.infolog")
        syslogger.info("2")
        assert first is not second
        assert logger.handlers == [users, unnamed, second]
        assert not own("tornado"), "an entry that is gone takes its handlers with it"
        assert logging.getLogger("tornado").propagate
        assert logging.getLogger("tornado").level == logging.NOTSET
        assert read(tmp_path / "1" / "info.log").count("\n") == 1
        assert read(tmp_path / "2" / "info.log").count("\n") == 1
        shutdown()
        assert logger.handlers == [users, unnamed]
    finally:
        logger.removeHandler(users)
        logger.removeHandler(unnamed)


def test_the_port_precedes_the_files_name(tmp_path: Path) -> None:
    entries = [{"name": "test.a", "filename": "a.log"}, {"name": "test.b", "filename": "sub/b.log"}]
    configure(entries, directory=tmp_path, port=8000, port_prefix=True)
    logging.getLogger("test.a").info("a")
    logging.getLogger("test.b").info("b")
    assert (tmp_path / "8000.a.log").exists()
    assert (tmp_path / "sub" / "8000.b.log").exists()
    configure(entries, directory=tmp_path, port=8000)
    assert (tmp_path / "a.log").exists()
    with pytest.raises(ArgumentError, match="needs a port"):
        configure(entries, directory=tmp_path, port_prefix=True)


def test_the_kind_of_file_handler(tmp_path: Path) -> None:
    entry = {"name": "test.a", "filename": "a.log", "when": "H", "interval": 6, "backups": 5}
    configure([entry], directory=tmp_path)
    (handler,) = own("test.a")
    assert isinstance(handler, ProcessLogTimedFileHandler)
    assert (handler.when, handler.interval, handler.backupCount) == ("H", 6 * 3600, 5)
    configure([entry], directory=tmp_path, process_safe=False)
    (handler,) = own("test.a")
    assert type(handler) is logging.handlers.TimedRotatingFileHandler
    logging.getLogger("test.a").info("ä \ud800")
    assert read(tmp_path / "a.log").endswith("ä \\ud800\n")
    configure([{"name": "test.a", "filename": "a.log"}], directory=tmp_path)
    (handler,) = own("test.a")
    assert isinstance(handler, ProcessLogTimedFileHandler)
    assert (handler.when, handler.interval, handler.backupCount) == ("MIDNIGHT", 24 * 3600, 0)


def test_several_entries_of_one_logger_filter_each_for_itself(tmp_path: Path) -> None:
    configure(
        [
            {"name": "test.a", "level": "ERROR", "filename": "errors.log", "formatter": "%(message)s"},
            {"name": "test.a", "level": "debug", "filename": "all.log", "formatter": "%(message)s"},
            {"name": "test.a", "level": 30},
        ],
        directory=tmp_path,
    )
    logging.getLogger("test.a").debug("small")
    logging.getLogger("test.a").error("big")
    assert read(tmp_path / "errors.log") == "big\n"
    assert read(tmp_path / "all.log") == "small\nbig\n"


def test_an_entry_without_output_sets_the_level_alone(tmp_path: Path) -> None:
    configure([{"name": "test.quiet", "level": "ERROR", "filename": None}], directory=tmp_path)
    logger = logging.getLogger("test.quiet")
    assert (logger.level, logger.propagate) == (logging.ERROR, True)
    assert list(tmp_path.iterdir()) == []
    shutdown()
    assert logger.level == logging.NOTSET


# ---- formatters


@pytest.mark.parametrize(
    ("formatter", "expected"),
    [
        ("%(levelname)s %(message)s", "WARNING text\n"),
        ("%(color)s%(levelname)s%(end_color)s %(message)s", "WARNING text\n"),
        ("test_logger_configuration.BracketFormatter", "<text>\n"),
    ],
)
def test_formatters(tmp_path: Path, formatter: str, expected: str) -> None:
    configure([{"name": "test.a", "filename": "a.log", "formatter": formatter}], directory=tmp_path)
    logging.getLogger("test.a").warning("text")
    assert read(tmp_path / "a.log") == expected


@pytest.mark.parametrize("formatter", [None, "tornado.log.LogFormatter", "%(color)s%(message)s%(end_color)s"])
def test_colour_is_for_terminals_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], formatter: str | None
) -> None:
    entry = {"name": "test.a", "filename": "a.log", "log_to_stderr": True, "formatter": formatter}
    configure([entry], directory=tmp_path)
    logging.getLogger("test.a").warning("text")
    assert "\x1b" not in capsys.readouterr().err
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        patched.setattr("tornado.log._stderr_supports_color", terminal.isatty)
        patched.setattr("tornado.log.curses", None)
        configure([entry], directory=tmp_path)
        logging.getLogger("test.a").warning("text")
        shutdown()
    assert "\x1b[" in terminal.text
    assert "\x1b" not in read(tmp_path / "a.log")


# ---- mistakes


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"level": "INOF"}, r"LOGGING\[1\]\.level is 'INOF'; expected one of .*DEBUG.*; did you mean 'INFO'\?"),
        ({"level": "7"}, r"LOGGING\[1\]\.level is '7'; expected one of [^;]*$"),
        ({"formatter": "%(message"}, r"LOGGING\[1\]\.formatter is '%\(message'"),
        ({"formatter": "no.such.Formatter"}, r"LOGGING\[1\]\.formatter: cannot import 'no\.such\.Formatter'"),
        ({"formatter": "text"}, r"LOGGING\[1\]\.formatter is 'text'; expected a format with %\(message\)s, or"),
        ({"formatter": "logging.Handler"}, r"'logging\.Handler' is no subclass of logging\.Formatter"),
        ({"formatter": "logging.getLogger"}, r"'logging\.getLogger' is no subclass of logging\.Formatter"),
        (
            {"formatter": "test_logger_configuration.NeedyFormatter"},
            r"LOGGING\[1\]\.formatter: .* cannot be made without arguments",
        ),
        ({"filename": "x.log", "when": "yearly"}, r"LOGGING\[1\]\.when is 'yearly'; expected S, M, H, D, midnight"),
        ({"filename": "x.log", "interval": 0}, r"LOGGING\[1\]\.interval is 0"),
    ],
)
def test_a_mistake_names_its_entry_and_changes_nothing(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    configure([{"name": "test.a", "filename": "a.log"}], directory=tmp_path)
    before = own("test.a")
    with pytest.raises(ConfigError, match=message):
        configure([{"name": "test.b", "filename": "b.log"}, {"name": "test.c", **entry}], directory=tmp_path)
    assert own("test.a") == before
    assert not (tmp_path / "b.log").exists()


def test_an_error_inside_a_formatters_module_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brokenformat.py").write_text("import os\nmissing_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^LOGGING\[0\]\.formatter: cannot import .*NameError: .*line 2\)$"
    ) as caught:
        configure([{"name": "test.a", "formatter": "brokenformat.F"}], directory=tmp_path)
    assert isinstance(caught.value.__cause__, NameError)


def test_a_folder_that_cannot_be_used_is_one_line_and_the_logs_go_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    configure(DEFAULTS, directory=tmp_path / "logs")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"tornadopy: cannot write in the log folder {tmp_path}/logs: tornado.log, trace.log, info.log, access.log "
        "(File exists); these lines go to standard error instead. Make it writable, or name another folder by the "
        "setting LOGGING_DIR or the option --logging_dir"
    )
    syslogger.access("an access line")
    syslogger.error("an error")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "an access line"
    assert lines[1].endswith("] an error")
    assert len(lines) == 2


def test_a_single_file_that_cannot_be_used_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "info.log").mkdir()
    configure(DEFAULTS, directory=tmp_path)
    assert f"{tmp_path}: info.log (Is a directory)" in capsys.readouterr().err
    syslogger.info("an info")
    syslogger.access("an access line")
    assert "an info" in capsys.readouterr().err
    flush()
    assert read(tmp_path / "access.log") == "an access line\n"


def test_each_entry_may_say_whether_its_lines_wait(tmp_path: Path) -> None:
    swapped = {"tornadopy.infolog": True, "tornadopy.accesslog": False}
    configure([entry | {"buffered": swapped.get(entry["name"], False)} for entry in DEFAULTS], directory=tmp_path)
    syslogger.info("an info")
    syslogger.access("an access line")
    assert read(tmp_path / "info.log") == ""
    assert read(tmp_path / "access.log") == "an access line\n"
    shutdown()
    assert read(tmp_path / "info.log").endswith("] an info\n")


def test_the_standard_librarys_handler_does_not_wait(tmp_path: Path) -> None:
    configure([DEFAULTS[3] | {"buffered": True}], directory=tmp_path, process_safe=False)
    syslogger.access("an access line")
    assert read(tmp_path / "access.log") == "an access line\n"


def test_default_formatter_is_tornados(tmp_path: Path) -> None:
    configure(DEFAULTS, directory=tmp_path)
    assert all(isinstance(handler.formatter, LogFormatter) for handler in own("tornado"))


def test_shutdown_without_configuration_does_nothing() -> None:
    before = list(logging.root.handlers), logging.root.level
    shutdown()
    assert (logging.root.handlers, logging.root.level) == before
