"""Values that are of the right type and wrong all the same, and values that are right in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tornadopy.conf import Settings
from tornadopy.conf.security import find_weak
from tornadopy.exceptions import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"SHUTDOWN_TIMEOUT": -1}, "SHUTDOWN_TIMEOUT: expected a number of at least 0, got -1"),
        ({"THREADS_NUM": 0}, "THREADS_NUM: expected a whole number of at least 1 or None, got 0"),
        ({"PING_DB": 0}, "PING_DB: expected a whole number of at least 1"),
        ({"SESSION": {"expires": -5}}, "SESSION.expires: expected a whole number of at least 0"),
        ({"TOKEN": {"token_timeout": 0}}, "TOKEN.token_timeout: expected"),
        ({"LOGGING": [{"name": "x", "interval": 0}]}, "LOGGING[0].interval: expected a whole number of at least 1"),
        ({"SHUTDOWN_TIMEOUT": float("nan")}, "SHUTDOWN_TIMEOUT: expected a number of at least 0, got nan"),
        ({"PING_CONN_COUNT": 0}, "PING_CONN_COUNT: expected a whole number of at least 1"),
        (
            {"LOGGING": [{"name": "x", "level": "LOUD"}]},
            "LOGGING[0].level: expected the name of a level (DEBUG, INFO, WARNING, ERROR, CRITICAL), got 'LOUD' (str)",
        ),
        ({"LOGGING": [{"name": "x", "level": 20}]}, "LOGGING[0].level: expected the name of a level"),
        ({"LOGGING": [{"name": "x", "backups": -1}]}, "LOGGING[0].backups: expected a whole number of at least 0"),
    ],
)
def test_a_value_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(**values)
    assert str(caught.value).startswith(message)


def test_a_misspelt_level_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'WARNING'\?"):
        Settings(LOGGING=[{"name": "x", "level": "WARNNG"}])


@pytest.mark.parametrize("level", ["INFO", "info", "WARN", "NOTSET", "FATAL"])
def test_levels_that_the_logging_module_knows(level: str) -> None:
    assert Settings(LOGGING=[{"name": "x", "level": level}]).LOGGING[0].level == level


def connection(**values: Any) -> dict[str, Any]:
    return {"default": {"connections": [{"ROLE": "master", "DRIVER": "sqlite", **values}]}}


@pytest.mark.parametrize("port", [0, 3306, 65535, "3306", "", None])
def test_ports(port: Any) -> None:
    conf = Settings(DATABASE_CONNECTION=connection(PORT=port))
    assert port == conf.DATABASE_CONNECTION.default.connections[0].PORT


@pytest.mark.parametrize("port", [-1, 65536, "65536", "-1", "http", "\uff11\uff12", 1.5, True])
def test_what_is_no_port(port: Any) -> None:
    with pytest.raises(ConfigError, match=r"connections\[0\]\.PORT: expected a port \(0 to 65535\) or None, got"):
        Settings(DATABASE_CONNECTION=connection(PORT=port))


def test_the_least_values_are_taken() -> None:
    Settings(
        SHUTDOWN_TIMEOUT=0,
        THREADS_NUM=1,
        PING_DB=1,
        SESSION={"expires": 0},
        TOKEN={"token_timeout": 1},
        LOGGING=[{"name": "x", "interval": 1, "backups": 0}],
    )


def test_a_range_holds_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORNADOPY_THREADS_NUM", "0")
    with pytest.raises(ConfigError, match=r"TORNADOPY_THREADS_NUM: THREADS_NUM: expected a whole number of at least 1"):
        Settings()


def test_paths_may_be_path_objects(tmp_path: Path) -> None:
    """What a settings module of today makes with pathlib is as good as text."""
    settings = Settings(
        PROJECT_PATH=tmp_path,
        LOGGING_DIR=tmp_path / "logs",
        TORNADO_CONF={"template_path": tmp_path / "templates"},
        TRANSLATIONS_CONF={"translations_dir": tmp_path / "translations"},
        TEMPLATE_CONFIG={"cache_directory": tmp_path / "cache"},
        LOGGING=[{"name": "x", "filename": tmp_path / "x.log"}],
        DATABASE_CONNECTION=connection(DATABASE=tmp_path / "db.sqlite3"),
    )
    assert settings.TEMPLATE_CONFIG.cache_directory == str(tmp_path / "cache")
    assert settings.LOGGING[0].filename == str(tmp_path / "x.log")
    assert str(tmp_path / "db.sqlite3") == settings.DATABASE_CONNECTION.default.connections[0].DATABASE
    assert str(tmp_path) == settings.PROJECT_PATH
    assert str(tmp_path / "logs") == settings.LOGGING_DIR
    assert settings.TORNADO_CONF.template_path == str(tmp_path / "templates")
    assert settings.TRANSLATIONS_CONF.translations_dir == str(tmp_path / "translations")


def test_a_path_object_elsewhere_is_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^INSTALLED_APPS\[0\]: expected a string, got "):
        Settings(INSTALLED_APPS=[tmp_path])
    conf = Settings(TEMPLATE_CONFIG={"globals": {"here": tmp_path}}, HERE=tmp_path)
    assert conf.TEMPLATE_CONFIG.globals.here == conf.HERE == tmp_path


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"logs"


def test_a_path_of_bytes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^LOGGING_DIR: expected a string, got b'logs'"):
        Settings(LOGGING_DIR=BytesPath())


def test_a_secret_of_digits_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open groups read JSON from the environment, but not where text belongs."""
    monkeypatch.setenv("TORNADOPY_TORNADO_CONF__cookie_secret", "12345678901234567890")
    monkeypatch.setenv("TORNADOPY_TORNADO_CONF__websocket_ping_interval", "5")
    conf = Settings().TORNADO_CONF
    assert (conf.cookie_secret, conf.websocket_ping_interval) == ("12345678901234567890", 5)


@pytest.mark.parametrize("secret", [5, 1.5, ["a" * 32], {1: 7}])
def test_a_secret_that_is_no_text_is_a_problem(secret: Any) -> None:
    assert any("is no text" in problem for problem in find_weak(Settings(), {"cookie_secret": secret}))
