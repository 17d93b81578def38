"""Every type of setting is checked, and an error names the setting's path, what was got and what is expected."""

from __future__ import annotations

import contextlib
import json
from typing import Any, get_args, is_typeddict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.conf import Settings, schema
from tornadopy.conf.defaults import Defaults, OpenGroup
from tornadopy.exceptions import ConfigError

LOGGER = {"name": "x", "filename": "x.log"}


def refusal(**values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        Settings(**values)
    return str(caught.value)


class TestTypes:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("DEBUG", 1, "DEBUG: expected True or False, got 1 (int)"),
            ("DEBUG", "True", "DEBUG: expected True or False, got 'True' (str)"),
            ("PING_DB", True, "PING_DB: expected a whole number, got True (bool)"),
            ("PING_DB", 1.5, "PING_DB: expected a whole number, got 1.5 (float)"),
            ("SHUTDOWN_TIMEOUT", "30", "SHUTDOWN_TIMEOUT: expected a number, got '30' (str)"),
            ("SHUTDOWN_TIMEOUT", False, "SHUTDOWN_TIMEOUT: expected a number, got False (bool)"),
            ("THREADS_NUM", "4", "THREADS_NUM: expected a whole number of at least 1 or None, got '4' (str)"),
            ("LOGGING_DIR", None, "LOGGING_DIR: expected a string, got None (NoneType)"),
            ("PROJECT_PATH", 3, "PROJECT_PATH: expected a string, got 3 (int)"),
            ("HTTP_SERVER", 3, "HTTP_SERVER: expected a string or a class, got 3 (int)"),
            ("INSTALLED_APPS", {"a"}, "INSTALLED_APPS: expected a list or tuple, got {'a'} (set)"),
            ("INSTALLED_APPS", ["a", 3], "INSTALLED_APPS[1]: expected a string, got 3 (int)"),
            ("INSTALLED_APPS", ("blog"), "INSTALLED_APPS: expected a list or tuple, got 'blog' (str); a single value"),
            ("MIDDLEWARE_CLASSES", [None], "MIDDLEWARE_CLASSES[0]: expected a string or a class, got None (NoneType)"),
            ("ROUTE_MODULES", [], "ROUTE_MODULES: expected a dictionary, got [] (list)"),
            ("ROUTE_MODULES", {1: []}, "ROUTE_MODULES (one of its names): expected a string, got 1 (int)"),
            ("ROUTE_MODULES", {"Index": "a.B"}, "ROUTE_MODULES['Index']: expected a list or tuple, got 'a.B' (str)"),
            ("TORNADO_CONF", [], "TORNADO_CONF: expected a dictionary, got [] (list)"),
            ("SESSION", [], "SESSION: expected a dictionary, got [] (list)"),
            ("SESSION", {"expires": "0"}, "SESSION.expires: expected a whole number, got '0' (str)"),
            ("SESSION", {"secure": "no"}, "SESSION.secure: expected True or False or None, got 'no' (str)"),
            ("SESSION", {"samesite": "lax"}, "SESSION.samesite: expected one of 'Lax', 'Strict', 'None', got 'lax'"),
            ("TRANSLATIONS_CONF", {"use_gettext": 0}, "TRANSLATIONS_CONF.use_gettext: expected True or False, got 0"),
            ("ACCESS_LOG_FORMAT", "jsn", "'jsn' (str); did you mean 'json'?"),
            ("LOGGING", [{**LOGGER, "interval": "1"}], "LOGGING[0].interval: expected a whole number, got '1' (str)"),
            ("LOGGING", [LOGGER, {**LOGGER, "when": "daily"}], "LOGGING[1].when: expected one of 'S', 'M'"),
            ("LOGGING", [{"filename": "x.log"}], "LOGGING[0]: the key 'name' is missing; it takes a string"),
            ("CACHES", {"default": "x"}, "CACHES['default']: expected a dictionary, got 'x' (str)"),
            (
                "DATABASE_CONNECTION",
                {"default": {"connections": [{"ROLE": "boss", "URL": "sqlite://"}]}},
                "DATABASE_CONNECTION['default'].connections[0].ROLE: expected one of 'master', 'slave', got 'boss'",
            ),
            (
                "DATABASE_CONNECTION",
                {"default": {"connections": [{"URL": "sqlite://"}]}},
                "DATABASE_CONNECTION['default'].connections[0]: the key 'ROLE' is missing; it takes one of 'master'",
            ),
            (
                "DATABASE_CONNECTION",
                {"default": {}},
                "DATABASE_CONNECTION['default']: the key 'connections' is missing",
            ),
        ],
    )
    def test_a_wrong_type_is_named_with_its_path(self, name: str, value: Any, message: str) -> None:
        assert message in refusal(**{name: value})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SHUTDOWN_TIMEOUT", 3),
            ("THREADS_NUM", None),
            ("HTTP_SERVER", object),
            ("MIDDLEWARE_CLASSES", (object, "a.B")),
            ("SESSION", {"secure": None}),
            ("DATABASE_CONNECTION", {"x": {"connections": [{"ROLE": "master", "URL": "sqlite://", "PORT": "3306"}]}}),
        ],
    )
    def test_each_of_several_types_is_taken(self, name: str, value: Any) -> None:
        assert name in Settings(**{name: value})


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("SESSION", {"expire": 0}, "SESSION: unknown key 'expire'; did you mean 'expires'?"),
            ("TOKEN", {"token_timout": 1}, "TOKEN: unknown key 'token_timout'; did you mean 'token_timeout'?"),
            ("TRANSLATIONS_CONF", {"gettext": ""}, "did you mean 'use_gettext'?"),
            ("LOGGING", [{**LOGGER, "backup": 3}], "LOGGING[0]: unknown key 'backup'; did you mean 'backups'?"),
            (
                "DATABASE_CONNECTION",
                {"default": {"connections": [{"ROLE": "master", "PASSWORD": "x"}]}},
                "DATABASE_CONNECTION['default'].connections[0]: unknown key 'PASSWORD'; did you mean 'PASSWD'?",
            ),
            (
                "DATABASE_CONNECTION",
                {"default": {"connection": []}},
                "DATABASE_CONNECTION['default']: unknown key 'connection'; did you mean 'connections'?",
            ),
            ("SESSION", {"zzzz": 0}, "SESSION: unknown key 'zzzz'; known keys: cookie_domain, cookie_path, expires"),
            ("SESSION", {3: 0}, "SESSION: unknown key 3"),
        ],
    )
    def test_a_closed_group_refuses_them_with_the_nearest_name(self, name: str, value: Any, message: str) -> None:
        assert message in refusal(**{name: value})

    @pytest.mark.parametrize("name", ["TORNADO_CONF", "TEMPLATE_CONFIG", "SQLALCHEMY_CONFIGURATION"])
    def test_an_open_group_takes_any_key(self, name: str) -> None:
        assert getattr(Settings(**{name: {"anything": 1}}), name).anything == 1

    def test_a_setting_of_the_projects_own_takes_anything(self) -> None:
        assert Settings(SHOP={"currency": object}).SHOP.currency is object


class TestSecrets:
    SECRET = "hunter2-is-the-password"

    @pytest.mark.parametrize(
        ("name", "make"),
        [
            ("SESSION", lambda secret: {"secret_key": [secret]}),
            ("TOKEN", lambda secret: {"secret_key": secret.encode()}),
            ("TOKEN", lambda secret: [("secret_key", secret)]),
            ("SESSION", lambda secret: [{"secret_key": secret}]),
            ("TORNADO_CONF", lambda secret: [{"cookie_secret": secret}]),
            ("CACHES", lambda secret: {"default": [{"PASSWORD": secret}]}),
            ("CACHES", lambda secret: {"default": f"redis://:{secret}@localhost"}),
            ("DATABASE_CONNECTION", lambda secret: {"default": {"connections": {"ROLE": "master", "PASSWD": secret}}}),
            ("DATABASE_CONNECTION", lambda secret: {"default": f"mysql://root:{secret}@localhost/x"}),
            (
                "DATABASE_CONNECTION",
                lambda secret: {
                    "default": {"connections": [{"ROLE": "master", "URL": f"x://u:{secret}@h/d".encode()}]}
                },
            ),
            (
                "DATABASE_CONNECTION",
                lambda secret: {"default": {"connections": [{"ROLE": "master", "PASSWD": secret.encode()}]}},
            ),
        ],
    )
    def test_a_message_does_not_show_them(self, name: str, make: Any) -> None:
        message = refusal(**{name: make(self.SECRET)})
        assert message.startswith(name)
        assert self.SECRET not in message

    def test_a_long_value_is_cut(self) -> None:
        assert len(refusal(PING_DB="x" * 1000)) < 200


class TestDefaults:
    def test_every_default_is_of_its_own_type(self) -> None:
        for name, annotation in schema.setting_types().items():
            if hasattr(Defaults, name):
                schema.check(name, getattr(Defaults, name), annotation)

    def test_closed_groups_have_a_default_for_every_key(self) -> None:
        for name, annotation in schema.setting_types().items():
            keys = schema.group_keys(annotation)
            if keys is not None:
                assert set(getattr(Defaults, name)) == set(keys), name

    def test_which_groups_merge(self) -> None:
        merging = {name for name, annotation in schema.setting_types().items() if schema.merges(annotation)}
        assert merging == {
            "TORNADO_CONF", "SESSION", "TOKEN", "TEMPLATE_CONFIG", "TRANSLATIONS_CONF", "SQLALCHEMY_CONFIGURATION",
        }  # fmt: skip

    def test_every_type_has_a_description(self) -> None:
        for annotation in schema.setting_types().values():
            text = schema.describe(annotation)
            assert "typing" not in text
            assert "<class" not in text
        assert schema.describe(OpenGroup) == "a dictionary"


# Text out of the environment

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class TestParse:
    @pytest.mark.parametrize("text", ["1", "true", "True", "TRUE", "yes", "on", "On"])
    def test_true(self, text: str) -> None:
        assert schema.parse("X", text, bool) is True

    @pytest.mark.parametrize("text", ["0", "false", "False", "no", "off"])
    def test_false(self, text: str) -> None:
        assert schema.parse("X", text, bool) is False

    @pytest.mark.parametrize("text", ["", "2", "maybe", "tru", " "])
    def test_no_truth_value(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"^X: expected True or False, got '"):
            schema.parse("X", text, bool)

    @pytest.mark.parametrize(
        ("text", "annotation", "value"),
        [
            ("8000", int | str | None, 8000),
            ("socket", int | str | None, "socket"),
            ("None", int | None, None),
            ("null", str | None, None),
            ("", str | None, None),
            ("true", bool | None, True),
            ("none", bool | None, None),
            ("a.B", str | type, "a.B"),
            ("0.5", float, 0.5),
            ("30", float, 30),
            ("a, b,,c", list[str], ["a", "b", "c"]),
            ("", list[str], []),
            (' ["a,b", "c"]', list[str], ["a,b", "c"]),
            ('{"a": 1}', dict[str, Any], {"a": 1}),
            ('{"a": 1}', OpenGroup, {"a": 1}),
            ("plain", Any, "plain"),
            ("[1, 2]", Any, [1, 2]),
        ],
    )
    def test_the_type_decides_how_text_is_read(self, text: str, annotation: Any, value: Any) -> None:
        assert schema.parse("X", text, annotation) == value

    @pytest.mark.parametrize(("text", "annotation"), [("x", int), ("", int), ("x", dict[str, Any]), ("{", list[str]),
                                                      ("[", list[str]), ("x", int | None)])  # fmt: skip
    def test_text_that_cannot_be_read_is_refused(self, text: str, annotation: Any) -> None:
        if text == "{":  # no bracket: a list by comma
            assert schema.parse("X", text, annotation) == ["{"]
            return
        with pytest.raises(ConfigError, match=r"^X: expected "):
            schema.parse("X", text, annotation)

    @given(st.integers())
    def test_whole_numbers_come_back(self, number: int) -> None:
        assert schema.parse("X", str(number), int) == number

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_numbers_come_back(self, number: float) -> None:
        assert schema.parse("X", repr(number), float) == number

    @given(st.text())
    def test_a_string_is_taken_as_it_is(self, text: str) -> None:
        assert schema.parse("X", text, str) == text

    @given(
        st.lists(
            st.text(st.characters(exclude_characters=",[", exclude_categories=["Zs", "Cc", "Zl", "Zp"]), min_size=1)
        )
    )
    def test_lists_by_comma_come_back(self, items: list[str]) -> None:
        assert schema.parse("X", ",".join(items), list[str]) == items

    @given(JSON)
    def test_json_comes_back_where_any_type_is_allowed(self, value: Any) -> None:
        assert schema.parse("X", json.dumps(value), Any) == value

    @given(st.text(), st.sampled_from([bool, int, float, str, list[str], dict[str, Any], int | None, bool | None]))
    def test_any_text_is_a_value_of_the_type_or_a_config_error(self, text: str, annotation: Any) -> None:
        with contextlib.suppress(ConfigError):
            schema.check("X", schema.parse("X", text, annotation), annotation)


def test_each_closed_group_is_a_typed_dict_somewhere() -> None:
    closed = [each for each in schema.setting_types().values() if schema.group_keys(each) is not None]
    assert closed
    assert all(is_typeddict(each) for each in closed)
    assert not get_args(closed[0])
