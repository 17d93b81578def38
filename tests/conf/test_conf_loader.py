"""Settings come in layers: defaults, the project's module, the environment, a call's own values."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.conf import Settings, loader
from tornadopy.exceptions import ConfigError


def environ(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)


def origins(conf: Settings) -> dict[str, str]:
    return {name: origin for name, _value, origin in conf.items()}


class TestLayers:
    def test_each_layer_wins_over_the_one_before(self, write_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        name = write_module(
            "site_a.setting", "PING_DB = 1\nPING_CONN_COUNT = 1\nLOGGING_DIR = 'module'\nlower = 1\n_X = 1"
        )
        environ(monkeypatch, TORNADOPY_PING_CONN_COUNT="2", TORNADOPY_LOGGING_DIR="environment")
        conf = Settings(name, LOGGING_DIR="own")
        assert (conf.THREADS_NUM, conf.PING_DB, conf.PING_CONN_COUNT, conf.LOGGING_DIR) == (None, 1, 2, "own")
        found = origins(conf)
        assert found["THREADS_NUM"] == "default"
        assert found["PING_DB"] == "site_a.setting"
        assert found["PING_CONN_COUNT"] == "environment variable TORNADOPY_PING_CONN_COUNT"
        assert found["LOGGING_DIR"] == "override"
        assert "lower" not in conf
        assert "_X" not in conf

    def test_groups_merge_key_by_key_and_remember_where_each_key_is_from(
        self, write_module: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = write_module("site_b", "SESSION = {'expires': 60, 'secure': True}\nTORNADO_CONF = {'gzip': True}")
        environ(monkeypatch, TORNADOPY_SESSION__secure="false")
        conf = Settings(name)
        assert (conf.SESSION.expires, conf.SESSION.secure, conf.SESSION.session_name) == (60, False, "__TORNADOSSID")
        assert conf.TORNADO_CONF == {"cross_origin_protection": True, "gzip": True}
        found = origins(conf)
        assert found["SESSION.expires"] == "site_b"
        assert found["SESSION.secure"] == "environment variable TORNADOPY_SESSION__secure"
        assert found["SESSION.session_name"] == found["TORNADO_CONF.cross_origin_protection"] == "default"
        assert found["TORNADO_CONF.gzip"] == "site_b"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("CACHES", {"other": {"BACKEND": "a.B"}}),
            ("DATABASE_CONNECTION", {"other": {"connections": [{"ROLE": "master", "URL": "sqlite://"}]}}),
            ("LOGGING", [{"name": "x"}]),
            ("ROUTE_MODULES", {"Index": ["a.B"]}),
        ],
    )
    def test_lists_and_maps_of_the_users_own_replace(self, name: str, value: Any) -> None:
        assert len(getattr(Settings(**{name: value}), name)) == 1

    def test_a_settings_module_that_imports_another_takes_its_names(self, write_module: Any) -> None:
        write_module("site_c.setting", "DEBUG = True\nPING_DB = 7")
        online = write_module("site_c.settings_online", "from site_c.setting import *\nDEBUG = False")
        conf = Settings(online)
        assert (conf.DEBUG, conf.PING_DB) == (False, 7)

    def test_a_module_object_is_taken_too(self, write_module: Any) -> None:
        module = importlib.import_module(write_module("site_d", "SHOP = 'ours'"))
        conf = Settings(module)
        assert (conf.SHOP, conf.module) == ("ours", "site_d")

    def test_names_of_ones_own_are_upper_case(self) -> None:
        with pytest.raises(ConfigError, match="settings are upper-case: 'debug' is not"):
            Settings(debug=True)

    @given(st.text(max_size=4) | st.text("AZaz09_-Éß", max_size=4))
    def test_a_name_has_capitals_digits_and_underscores_with_a_capital_first(self, text: str) -> None:
        assert loader.is_name(text) == bool(re.fullmatch("[A-Z][A-Z0-9_]*", text))

    def test_the_modules_own_lists_stay_as_they_are(self, write_module: Any) -> None:
        module = importlib.import_module(
            write_module("site_e", "INSTALLED_APPS = ['a']\nCACHES = {'x': {'BACKEND': 'a.B'}}")
        )
        conf = Settings(module)
        module.INSTALLED_APPS.append("b")
        module.CACHES["x"]["BACKEND"] = "changed"
        assert conf.INSTALLED_APPS == ("a",)
        assert conf.CACHES == {"x": {"BACKEND": "a.B"}}

    def test_no_default_is_shared(self) -> None:
        assert Settings(SESSION={"expires": 1}).SESSION.expires == 1
        assert Settings().SESSION.expires == 0


class TestModules:
    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match=r"'no_such_site\.setting' not found: there is no module 'no_such_site'"):
            Settings("no_such_site.setting")

    def test_one_that_is_not_in_its_package(self, write_module: Any) -> None:
        write_module("site_f.setting")
        with pytest.raises(
            ConfigError, match=r"there is no module 'site_f\.settings' on the path; .*--settings"
        ) as caught:
            Settings("site_f.settings")
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "import no_such_library",
                r"ModuleNotFoundError: No module named 'no_such_library' \(.*setting\.py, line 1\)",
            ),
            ("import math\nfrom math import nothing_such", r"ImportError: cannot import name .*setting\.py, line 2\)"),
            ("X = (", r"SyntaxError: .*setting\.py, line 1\)"),
            ("\n\n1 / 0", r"ZeroDivisionError: division by zero \(.*setting\.py, line 3\)"),
        ],
    )
    def test_one_that_fails_is_named_with_the_cause_and_its_place(
        self, write_module: Any, text: str, message: str
    ) -> None:
        name = write_module("site_g.setting", text)
        with pytest.raises(ConfigError, match=rf"^settings module 'site_g\.setting' cannot be imported: {message}"):
            Settings(name)

    def test_a_config_error_of_the_module_itself_comes_out_unchanged(self, write_module: Any) -> None:
        text = "from tornadopy.exceptions import ConfigError\nraise ConfigError('SHOP: missing')"
        with pytest.raises(ConfigError, match=r"^SHOP: missing$"):
            Settings(write_module("site_h", text))

    @pytest.mark.parametrize("name", ["", "..x", "a b.c"])
    def test_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(ConfigError, match="settings module"):
            Settings(name)

    def test_the_seeds_variable_comes_before_the_other(self) -> None:
        both = {"tornadopy_APP_SETTINGS": "a", "TORNADOPY_APP_SETTINGS": "b"}
        assert loader.module_from_environment(both) == "a"
        assert loader.module_from_environment({"TORNADOPY_APP_SETTINGS": "b", "tornadopy_APP_SETTINGS": ""}) == "b"
        assert loader.module_from_environment({}) is None


class TestProjectPath:
    def test_is_the_folder_above_the_settings_package(self, write_module: Any, tmp_path: Path) -> None:
        conf = Settings(write_module("settings_i.setting"))
        assert str(tmp_path) == conf.PROJECT_PATH

    def test_is_the_folder_of_a_module_without_package(self, write_module: Any, tmp_path: Path) -> None:
        assert str(tmp_path) == Settings(write_module("site_j")).PROJECT_PATH

    def test_is_the_folder_above_a_package_that_is_the_settings_itself(self, write_module: Any, tmp_path: Path) -> None:
        write_module("settings_k.setting")
        (tmp_path / "settings_k" / "__init__.py").write_text("DEBUG = True")
        conf = Settings("settings_k")
        assert (str(tmp_path), True) == (conf.PROJECT_PATH, conf.DEBUG)

    def test_is_the_working_directory_without_a_module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert str(tmp_path) == Settings().PROJECT_PATH

    def test_is_what_the_module_says(self, write_module: Any) -> None:
        conf = Settings(write_module("site_l", "PROJECT_PATH = '/srv/shop'"))
        assert conf.PROJECT_PATH == "/srv/shop"
        assert conf.path("logs") == Path("/srv/shop/logs")
        assert conf.path("/var/log") == Path("/var/log")


class TestEnvironment:
    @pytest.mark.parametrize(
        ("variable", "text", "read"),
        [
            ("TORNADOPY_DEBUG", "true", lambda conf: conf.DEBUG is True),
            ("TORNADOPY_PING_DB", "30", lambda conf: conf.PING_DB == 30),
            ("TORNADOPY_SHUTDOWN_TIMEOUT", "0.5", lambda conf: conf.SHUTDOWN_TIMEOUT == 0.5),
            ("TORNADOPY_THREADS_NUM", "none", lambda conf: conf.THREADS_NUM is None),
            ("TORNADOPY_THREADS_NUM", "4", lambda conf: conf.THREADS_NUM == 4),
            ("TORNADOPY_INSTALLED_APPS", "a, b", lambda conf: conf.INSTALLED_APPS == ("a", "b")),
            ("TORNADOPY_INSTALLED_APPS", '["a"]', lambda conf: conf.INSTALLED_APPS == ("a",)),
            ("TORNADOPY_ALLOWED_HOSTS", "", lambda conf: conf.ALLOWED_HOSTS == ()),
            ("TORNADOPY_LOGGING_DIR", "8000", lambda conf: conf.LOGGING_DIR == "8000"),
            ("TORNADOPY_SESSION", '{"expires": 5}', lambda conf: conf.SESSION.expires == 5 and conf.SESSION.httponly),
            ("TORNADOPY_SESSION__fail_closed", "true", lambda conf: conf.SESSION.fail_closed is True),
            ("TORNADOPY_SESSION__FAIL_CLOSED", "true", lambda conf: conf.SESSION.fail_closed is True),
            ("TORNADOPY_SESSION__secure", "none", lambda conf: conf.SESSION.secure is None),
            ("TORNADOPY_SESSION__secret_key", "12345", lambda conf: conf.SESSION.secret_key == "12345"),
            ("TORNADOPY_TORNADO_CONF__cookie_secret", "abc", lambda conf: conf.TORNADO_CONF.cookie_secret == "abc"),
            ("TORNADOPY_TORNADO_CONF__xsrf_cookies", "false", lambda conf: conf.TORNADO_CONF.xsrf_cookies is False),
            ("TORNADOPY_TORNADO_CONF__xsrf_cookies", "False", lambda conf: conf.TORNADO_CONF.xsrf_cookies is False),
            ("TORNADOPY_TORNADO_CONF__COOKIE_SECRET", "1" * 9, lambda conf: conf.TORNADO_CONF.cookie_secret == "1" * 9),
            ("TORNADOPY_TORNADO_CONF__cookie_secret__1", "5", lambda conf: conf.TORNADO_CONF.cookie_secret["1"] == "5"),
            ("TORNADOPY_TORNADO_CONF__template_path", "2024", lambda conf: conf.TORNADO_CONF.template_path == "2024"),
            ("TORNADOPY_TORNADO_CONF__login_url", "null", lambda conf: conf.TORNADO_CONF.login_url == "null"),
            ("TORNADOPY_TORNADO_CONF__max_age", "2024", lambda conf: conf.TORNADO_CONF.max_age == 2024),
            ("TORNADOPY_CACHES__default__LOCATION", "11211", lambda conf: conf.CACHES.default.LOCATION == "11211"),
            ("TORNADOPY_PHONE", "123", lambda conf: conf.PHONE == "123"),
            ("TORNADOPY_TEAM__phone", "123", lambda conf: conf.TEAM.phone == "123"),
            ("TORNADOPY_TEAM__size", "5", lambda conf: conf.TEAM.size == 5),
            ("TORNADOPY_TEAM__1", "second", lambda conf: conf.TEAM[1] == "second"),
            ("TORNADOPY_TORNADO_CONF__a__b__c", "1", lambda conf: conf.TORNADO_CONF.a.b.c == 1),
            ("TORNADOPY_CACHES__default__LOCATION", "x", lambda conf: conf.CACHES.default == {
                "BACKEND": "tornadopy.cache.backends.localcache.LocMemCache", "LOCATION": "x"}),
            ("TORNADOPY_CACHES__default__OPTIONS__DB", "3", lambda conf: conf.CACHES.default.OPTIONS.DB == 3),
            ("TORNADOPY_CACHES__other__BACKEND", "a.B", lambda conf: set(conf.CACHES) == {"default", "other"}),
            ("TORNADOPY_HTTP_SERVER", "a.B", lambda conf: conf.HTTP_SERVER == "a.B"),
            ("TORNADOPY_SHOP", "ours", lambda conf: conf.SHOP == "ours"),
            ("TORNADOPY_SHOP", "[1]", lambda conf: conf.SHOP == (1,)),
            ("TORNADOPY_APP_SETTINGS", "not.read.here", lambda conf: "APP_SETTINGS" not in conf),
        ],
    )  # fmt: skip
    def test_it_is_read_by_the_settings_type(
        self, write_module: Any, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, read: Any
    ) -> None:
        monkeypatch.setenv(variable, text)
        assert read(
            Settings(write_module("site_m", "SHOP = None\nPHONE = '0'\nTEAM = {'phone': '0', 'size': 1, 1: 'first'}"))
        )

    def test_several_keys_of_one_group(self, monkeypatch: pytest.MonkeyPatch) -> None:
        environ(monkeypatch, TORNADOPY_SESSION='{"expires": 5, "secure": true}', TORNADOPY_SESSION__expires="6")
        conf = Settings()
        assert (conf.SESSION.expires, conf.SESSION.secure) == (6, True)

    @pytest.mark.parametrize(
        ("variable", "text", "message"),
        [
            (
                "TORNADOPY_DEBUGG",
                "1",
                r"TORNADOPY_DEBUGG: there is no setting 'DEBUGG'; did you mean TORNADOPY_DEBUG\?",
            ),
            ("TORNADOPY_debug", "1", r"did you mean TORNADOPY_DEBUG\?"),
            ("TORNADOPY_ZZZ_QQQ", "1", r"there is no setting 'ZZZ_QQQ'; remove it"),
            ("TORNADOPY_DEBUG__x", "1", r"TORNADOPY_DEBUG__x: the setting DEBUG has no keys"),
            ("TORNADOPY_DEBUG", "maybe", r"TORNADOPY_DEBUG: DEBUG: expected True or False, got 'maybe'"),
            ("TORNADOPY_PING_DB", "often", r"TORNADOPY_PING_DB: PING_DB: expected a whole number, got 'often'"),
            ("TORNADOPY_PING_DB", "1.5", r"TORNADOPY_PING_DB: .*expected a whole number, got 1\.5"),
            ("TORNADOPY_INSTALLED_APPS", "[1]", r"TORNADOPY_INSTALLED_APPS: .*INSTALLED_APPS\[0\]: expected a string"),
            ("TORNADOPY_SESSION", "[]", r"TORNADOPY_SESSION: .*SESSION: expected a dictionary"),
            (
                "TORNADOPY_SESSION__expire",
                "1",
                r"TORNADOPY_SESSION__expire: .*unknown key 'expire'; did you mean 'expires'",
            ),
            ("TORNADOPY_SESSION__samesite", "no", r"TORNADOPY_SESSION__samesite: .*expected one of 'Lax'"),
            ("TORNADOPY_DATABASE_CONNECTION__default__connections__0__PORT", "1", r"connections: expected a list"),
            ("TORNADOPY_LOGGING", "a,b", r"TORNADOPY_LOGGING: .*LOGGING\[0\]: expected a dictionary"),
        ],
    )
    def test_what_cannot_be_used_names_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, message: str
    ) -> None:
        monkeypatch.setenv(variable, text)
        with pytest.raises(ConfigError, match=message) as caught:
            Settings()
        assert variable in str(caught.value)

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            ("TORNADOPY_DATABASE_CONNECTION", '{"default": {"connections": [{"PASSWD": "hunter2"}]'),
            ("TORNADOPY_SESSION", '{"secret_key": "hunter2"'),
            ("TORNADOPY_CACHES", "redis://:hunter2@localhost"),
            ("TORNADOPY_CACHES__default", "redis://:hunter2@localhost"),
            ("TORNADOPY_TOKEN__secret_key__deep", "hunter2"),
        ],
    )
    def test_messages_do_not_show_secrets(self, monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
        monkeypatch.setenv(variable, text)
        with pytest.raises(ConfigError) as caught:
            Settings()
        assert "hunter2" not in str(caught.value)
