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
        ({"LOGGING": [{"name": "x", "backups": -1}]}, "LOGGING[0].backups: expected a whole number of at least 0"),
    ],
)
def test_a_value_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(**values)
    assert str(caught.value).startswith(message)


def test_paths_may_be_path_objects(tmp_path: Path) -> None:
    """What a settings module of today makes with pathlib is as good as text."""
    settings = Settings(
        PROJECT_PATH=tmp_path,
        LOGGING_DIR=tmp_path / "logs",
        TORNADO_CONF={"template_path": tmp_path / "templates"},
        TRANSLATIONS_CONF={"translations_dir": tmp_path / "translations"},
    )
    assert str(tmp_path) == settings.PROJECT_PATH
    assert str(tmp_path / "logs") == settings.LOGGING_DIR
    assert settings.TORNADO_CONF.template_path == str(tmp_path / "templates")
    assert settings.TRANSLATIONS_CONF.translations_dir == str(tmp_path / "translations")


def test_a_secret_of_digits_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open groups read JSON from the environment, but not where text belongs."""
    monkeypatch.setenv("TORNADOPY_TORNADO_CONF__cookie_secret", "12345678901234567890")
    monkeypatch.setenv("TORNADOPY_TORNADO_CONF__websocket_ping_interval", "5")
    conf = Settings().TORNADO_CONF
    assert (conf.cookie_secret, conf.websocket_ping_interval) == ("12345678901234567890", 5)


@pytest.mark.parametrize("secret", [5, 1.5, ["a" * 32], {1: 7}])
def test_a_secret_that_is_no_text_is_a_problem(secret: Any) -> None:
    assert any("is no text" in problem for problem in find_weak(Settings(), {"cookie_secret": secret}))
