"""The encoders behind `write` and `write_api`: the standard library's, made cheaply, and another one by setting."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado import escape
from tornado.web import RequestHandler

from support.server import serving
from tornadopy import fastjson
from tornadopy.application import Application
from tornadopy.conf import settings
from tornadopy.exceptions import ConfigError
from tornadopy.handler import ApiHandler
from tornadopy.response import encode_dict, encode_json

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), ANYTHING))
def test_a_dictionary_is_encoded_exactly_as_tornado_does(value: dict[str, Any]) -> None:
    assert encode_dict(value) == escape.json_encode(value)


@given(ANYTHING)
def test_write_api_is_encoded_exactly_as_the_standard_library_does(value: Any) -> None:
    """NaN and infinity are refused by both."""
    try:
        expected = json.dumps(value, allow_nan=False).replace("</", "<\\/")
    except ValueError:
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode_json(value)
    else:
        assert encode_json(value) == expected


def test_errors_are_those_of_the_standard_library() -> None:
    """A circle is named as one, also after it has been met before; an unknown type is named."""
    circle: dict[str, Any] = {}
    circle["inner"] = [circle]
    for _ in range(2):
        with pytest.raises(ValueError, match="Circular reference detected"):
            encode_dict(circle)
        with pytest.raises(ValueError, match="Circular reference detected"):
            encode_json(circle)
    shared = {"a": 1}
    assert encode_dict({"first": shared, "second": shared}) == '{"first": {"a": 1}, "second": {"a": 1}}'
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        encode_dict({"a": object()})


def test_a_function_in_the_place_of_tornados_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escape, "json_encode", lambda value: f"mine {len(value)}")
    assert encode_dict({"a": 1}) == "mine 1"


def test_a_default_in_the_place_of_the_standard_librarys_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, value: "something")
    assert encode_dict({"a": object()}) == '{"a": "something"}'


# orjson


@given(VALUES)
def test_orjsons_output_means_the_same_and_may_stand_inside_a_script_element(value: Any) -> None:
    text = fastjson.encode({"</script>\u2028\u2029": value}).decode()
    assert json.loads(text) == {"</script>\u2028\u2029": value}
    assert "</" not in text
    assert not {"\u2028", "\u2029"} & set(text)


@dataclasses.dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        ("ä", '"ä"'),
        (math.nan, "null"),
        ({1: 2}, '{"1":2}'),
        (Point(1), '{"x":1}'),
    ],
)
def test_where_orjsons_output_differs(value: Any, text: str) -> None:
    """As docs/handlers.md says."""
    assert fastjson.encode(value) == text.encode()
    assert text != encode_json(value) if not isinstance(value, (float, Point)) else True


@pytest.mark.parametrize(
    "value",
    [dt.datetime(2016, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC), dt.date(2016, 1, 2), decimal.Decimal("1.10"), {1}, (1, 2)],
)
def test_other_types_are_written_as_write_api_writes_them(value: Any) -> None:
    assert json.loads(fastjson.encode([value])) == json.loads(encode_json([value]))


def test_orjson_says_what_it_cannot_express() -> None:
    with pytest.raises(TypeError):
        fastjson.encode({"a": object()})
    with pytest.raises(TypeError):
        fastjson.encode(2**64)


def test_the_error_without_orjson_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['orjson'] = None\n"
        "from tornadopy.exceptions import MissingExtraError\n"
        "try:\n    import tornadopy.fastjson\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "tornadopy[orjson]" in said


# The setting


class Answers(ApiHandler):
    def get(self) -> None:
        if self.get_argument("kind") == "write":
            self.write({"a": "ä</"})
        else:
            self.write_api({"a": "ä</"})


def marked(value: Any) -> str:
    return f"({json.dumps(value)})"


@pytest.mark.parametrize(
    ("encoder", "body"),
    [
        (None, rb'{"a": "\u00e4<\/"}'),
        ("tornadopy.fastjson.encode", '{"a":"ä<\\/"}'.encode()),
        (f"{__name__}.marked", rb'({"a": "\u00e4</"})'),
    ],
)
def test_the_setting_names_the_encoder_of_both(encoder: str | None, body: bytes) -> None:
    with settings.override(JSON_ENCODER=encoder):
        application = Application([("/", Answers)], middlewares=())
    with serving(application) as site:
        written, api = site.get("/?kind=write"), site.get("/?kind=api")
        script = site.get("/?kind=api&format=jsonp&callback=go")
    assert written.body == api.body == body
    assert written.headers["Content-Type"] == api.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert script.body == b"/**/go(" + body + b");"


def test_the_setting_holds_where_a_users_class_stands_in_between() -> None:
    class Between(RequestHandler):
        def write(self, chunk: Any) -> None:
            super().write(chunk.upper() if isinstance(chunk, str) else chunk)

    class Mixed(Answers, Between):
        pass

    with settings.override(JSON_ENCODER=f"{__name__}.marked"):
        application = Application([("/", Mixed)], middlewares=())
    with serving(application) as site:
        assert site.get("/?kind=write").body == rb'({"A": "\U00E4</"})'


@pytest.mark.parametrize(("value", "words"), [("json.no_such", "cannot import"), ("math.pi", "is no function")])
def test_a_wrong_setting_is_named_at_the_start(value: str, words: str) -> None:
    with settings.override(JSON_ENCODER=value), pytest.raises(ConfigError, match=f"JSON_ENCODER: .*{words}"):
        Application([])
