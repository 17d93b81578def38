"""What `tornadopy.utils.masking` hides, and what it leaves alone."""

from __future__ import annotations

import time
import urllib.parse
from collections import UserDict, UserList, deque, namedtuple
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.escape import parse_qs_bytes

from tornadopy.utils.masking import (
    ELLIPSIS,
    MASK,
    MAX_DEPTH,
    MAX_NODES,
    is_secret,
    mask,
    mask_headers,
    mask_query,
    mask_source,
    mask_text,
    mask_url,
)

WORDS = ["secret", "password", "passwd", "token", "key", "cookie", "authorization", "credential", "dsn"]
plain_names = st.sampled_from(["host", "port", "user", "timeout", "name", "debug"])
secret_names = st.builds(
    lambda head, word, tail, upper: f"{head}{word.upper() if upper else word}{tail}",
    st.sampled_from(["", "my_", "X-", "aws."]),
    st.sampled_from(WORDS),
    st.sampled_from(["", "_id", "s", "-2"]),
    st.booleans(),
)
SENTINEL = "hunter2Zq"


class TestIsSecret:
    @pytest.mark.parametrize("word", WORDS)
    def test_a_secret_word_anywhere_in_any_case_makes_a_name_secret(self, word: str) -> None:
        assert is_secret(word)
        assert is_secret(word.upper())
        assert is_secret(f"my_{word.title()}_1")

    def test_the_name_that_basedb_has_for_a_password_is_secret_by_itself(self) -> None:
        assert is_secret("pw")
        assert mask_source('db = database(dbn="mysql", pw="hunter2")') == f'db = database(dbn="mysql", pw="{MASK}")'
        assert not is_secret("pw_changed")

    @pytest.mark.parametrize("name", ["", "host", "DEBUG", "user", "session_name", "pass", "auth"])
    def test_other_names_are_not_secret(self, name: str) -> None:
        assert not is_secret(name)


class TestMaskUrl:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("postgresql://user:pw@host/db", f"postgresql://user:{MASK}@host/db"),
            ("redis://:pw@host", f"redis://:{MASK}@host"),
            ("redis://:a@h1,redis://:b@h2", f"redis://:{MASK}@h1,redis://:{MASK}@h2"),
            ("from a://u:p@h to b://v:q@g.", f"from a://u:{MASK}@h to b://v:{MASK}@g."),
            ("jdbc:postgresql://u:p@h/d", f"jdbc:postgresql://u:{MASK}@h/d"),
            ("http://h/?next=redis://:pw@h", f"http://h/?next=redis://:{MASK}@h"),
            ("smtp://me@example.com:pw@host", f"smtp://me@example.com:{MASK}@host"),
            ("pg://u:p@s/s#x?y@host/db", f"pg://u:{MASK}@host/db"),
            ("pg://u:two words@host/db", f"pg://u:{MASK}@host/db"),
            ("redis://:6379/x@host", f"redis://:{MASK}@host"),
            ("['redis://:p@h', 'me@example.com']", f"['redis://:{MASK}@h', 'me@example.com']"),
        ],
    )
    def test_the_password_of_each_url_is_masked(self, text: str, expected: str) -> None:
        assert mask_url(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "me@example.com",
            "http://host/path",
            "http://host:8000/@scope/name",
            "see https://host:8000 or ask me@example.com",
            "redis://cache:6379/0 as user@example.com",
            "postgresql://user@host/db",
            "12:30@noon",
        ],
    )
    def test_a_text_without_a_password_stays_as_it_is(self, text: str) -> None:
        assert mask_url(text) == text

    @given(
        scheme=st.sampled_from(["redis", "postgresql+psycopg", "https", "amqp"]),
        user=st.sampled_from(["", "user", "me@example.com", "a.b-c"]),
        password=st.text(
            st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Z", "C"]), min_size=1
        ),
        around=st.sampled_from(["{}", "url {} end", "['{}', 1]", "{} and b://x:y@z"]),
    )
    def test_no_password_survives(self, scheme: str, user: str, password: str, around: str) -> None:
        """Whatever punctuation the password holds: it may even look like a port, a path or another address."""
        text = around.format(f"{scheme}://{user}:{SENTINEL}{password}@host/db")
        masked = mask_url(text)
        assert SENTINEL not in masked
        assert f"://{user}:{MASK}@" in masked
        assert masked.endswith(text.rpartition("@")[2])

    @given(st.text())
    def test_masking_any_text_twice_changes_nothing_more(self, text: str) -> None:
        assert mask_url(mask_url(text)) == mask_url(text)

    @pytest.mark.parametrize(
        "text",
        [
            "://:" * 50_000 + "@",
            "http://h:80/" * 50_000 + "@",
            "," * 200_000 + "@://",
            "a" * 200_000 + "@://",
            "a='" * 50_000,
        ],
    )
    def test_hostile_texts_take_linear_time(self, text: str) -> None:
        started = time.monotonic()
        mask_text(text)
        assert time.monotonic() - started < 5


class TestMaskText:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Account(password='p w', x=1)", f"Account(password='{MASK}', x=1)"),
            ("{'token': 'x', 'a': 1}", f"{{'token': '{MASK}', 'a': 1}}"),
            ("{b'token': b'x'}", f"{{b'token': '{MASK}'}}"),
            ("/?api_key=x&b=2", f"/?api_key={MASK}&b=2"),
            ("GET /?a=1&password=my)pa,'ss HTTP/1.1", f"GET /?a=1&password={MASK} HTTP/1.1"),
            ("get /?u[%74oken]==x;y&token=&token[]=z", f"get /?u[%74oken]={MASK}&token=&token[]={MASK}"),
            ("Request(uri='/?token=(x)y', n=1)", f"Request(uri='/?token={MASK} n=1)"),
            ("secret=SecretStr('a b'), n=1", f"secret={MASK}, n=1"),
            ("keys=['a', 'b'], n=1", f"keys={MASK}, n=1"),
            ("password='cut off in", f"password={MASK}"),
            ("[(b'cookie', b'x'), ('a', 'b')]", f"[(b'cookie', '{MASK}'), ('a', 'b')]"),
            ("a\nAuthorization: Bearer abc def\nb", f"a\nAuthorization: {MASK}\nb"),
            ("Set-Cookie: a=b; Path=/", f"Set-Cookie: {MASK}"),
            ("cannot reach redis://:pw@h", f"cannot reach redis://:{MASK}@h"),
        ],
    )
    def test_values_of_secret_names_are_masked(self, text: str, expected: str) -> None:
        assert mask_text(text) == expected

    @pytest.mark.parametrize(
        "text", ["KeyError: 'name'", "['key', 'value']", "x=1, y='b'", "if key == 'a'", "name: 'key'", "the key"]
    )
    def test_other_texts_stay_as_they_are(self, text: str) -> None:
        assert mask_text(text) == text

    @given(name=secret_names, around=st.sampled_from(["C({}={!r})", "C(a=1, {} = {!r}, b=2)", "{{'{}': {!r}}}"]))
    def test_no_secret_survives_in_a_repr(self, name: str, around: str) -> None:
        assert SENTINEL not in mask_text(around.format(name, f"{SENTINEL}'x\" y"))


# How clients write names and values: percent-encoded wholly, as encodeURIComponent() does, or not at all.
quotings = st.sampled_from(
    [
        lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
        lambda text: urllib.parse.quote(text, safe="!'()*"),
        urllib.parse.quote_plus,
        lambda text: text.replace("%", "%25").replace("&", "%26"),
    ]
)
punctuated = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("()[]{}'\",;=!*#?&%+ :@/")))


class TestMaskQuery:
    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            ("/x?password=my)pass", f"/x?password={MASK}"),
            ("/x?token=abc,def&a=1", f"/x?token={MASK}&a=1"),
            ("/x?password=(abc)def", f"/x?password={MASK}"),
            ("/x?password='abc'def", f"/x?password={MASK}"),
            ("/x?token=a;b#c?d=e", f"/x?token={MASK}"),
            ("/x?token==abc", f"/x?token={MASK}"),
            ("/x?user[token]=abc", f"/x?user[token]={MASK}"),
            ("/x?token[]=abc&token[]=def", f"/x?token[]={MASK}&token[]={MASK}"),
            ("/x?%74oken=abc", f"/x?%74oken={MASK}"),
            ("/x?user%5Btoken%5D=abc", f"/x?user%5Btoken%5D={MASK}"),
            ("/x?a=1;token=abc", f"/x?a={MASK}"),
            ("/x?token%3Dabc", f"/x?{MASK}"),
            ("/x?token%3Dabc=d", f"/x?{MASK}"),
            ("/x?next=/y?token=abc", f"/x?next={MASK}"),
            ("/x?next=%2Fy%3Fa%3D1%26token%3Dabc&b=2", f"/x?next={MASK}&b=2"),
            ("/x?next=https%3A%2F%2Fu%3Apw%40host%2F", f"/x?next={MASK}"),
            ("/x?q=%7B%22password%22%3A%22a%22%7D", f"/x?q={MASK}"),
            ("/x?a=%252525252574oken", f"/x?a={MASK}"),
            ("https://u:pw@host/", f"https://u:{MASK}@host/"),
            ("https://u:pw@host/?token=a&b=1", f"https://u:{MASK}@host/?token={MASK}&b=1"),
            ("/x#access_token=abc", f"/x#access_token={MASK}"),
        ],
    )
    def test_secret_arguments_lose_their_whole_value(self, uri: str, expected: str) -> None:
        assert mask_query(uri) == expected

    @pytest.mark.parametrize(
        "uri",
        ["", "*", "/", "/token/abc", "/x?", "/x?&&", "/x?a", "/x?token", "/x?token=", "/x?q=a+key+to+it&b=(1),'2'",
         "/x?next=/password/reset%3Fa=1", "http://host:80/?a=b@c", "/x?q=100%25&r=%"],
    )  # fmt: skip
    def test_others_stay_as_they_are(self, uri: str) -> None:
        assert mask_query(uri) == uri

    @given(
        name=secret_names,
        brackets=st.sampled_from(["{}", "{}[]", "user[{}]", "{}[a][b]"]),
        value=punctuated,
        quote_name=quotings,
        quote_value=quotings,
        around=st.sampled_from(["/x?{}", "/x?a=1&{}&b=2", "https://host/?next=/y?{}", "/x?&&{}&"]),
    )
    def test_no_part_of_a_value_survives(
        self,
        name: str,
        brackets: str,
        value: str,
        quote_name: Callable[[str], str],
        quote_value: Callable[[str], str],
        around: str,
    ) -> None:
        """Judged by what a handler would get: each value of a secret name is gone whole."""
        argument = f"{quote_name(brackets.format(name))}={quote_value(SENTINEL + value + SENTINEL)}"
        masked = mask_query(around.format(argument))
        assert quote_value(SENTINEL) not in masked
        arguments = parse_qs_bytes(masked.partition("?")[2])
        assert all(values == [MASK.encode()] for name, values in arguments.items() if is_secret(name))

    @given(punctuated)
    def test_any_text_can_be_masked_and_twice_is_once(self, text: str) -> None:
        once = mask_query(f"/?token=a&{text}")
        assert once.startswith(f"/?token={MASK}")
        assert mask_query(once) == once

    @pytest.mark.parametrize("part", ["token=", "%25", "&token=a", "?a=://:", "=", "a;", "key'", "+"])
    def test_hostile_uris_take_linear_time(self, part: str) -> None:
        started = time.monotonic()
        mask_query("/?a=" + part * 50_000 + "@")
        assert time.monotonic() - started < 5


class TestMaskSource:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ('    password = "pw"', f'    password = "{MASK}"'),
            ('api_key: str = "x"  # why', f'api_key: str = "{MASK}"  # why'),
            ('settings["cookie_secret"] = "x"', f'settings["cookie_secret"] = "{MASK}"'),
            ("login(user='a', password='b')", f"login(user='a', password='{MASK}')"),
            ("form = {'password': b'x'}", f"form = {{'password': '{MASK}'}}"),
            ("form = {'password': ['x', 'y']}", f"form = {{'password': {MASK}}}"),
            ('PASSWORD = """x', f"PASSWORD = {MASK}"),
            ("PASSWORD = '''x'''", f"PASSWORD = '{MASK}'"),
            ("[('Cookie', 'x')]", f"[('Cookie', '{MASK}')]"),
            ("get('/?token=x&a=1')", f"get('/?token={MASK}&a=1')"),
            ('URL = "postgresql://u:p@h/d"', f'URL = "postgresql://u:{MASK}@h/d"'),
        ],
    )
    def test_literals_of_secret_names_are_masked(self, line: str, expected: str) -> None:
        assert mask_source(line) == expected

    @pytest.mark.parametrize(
        "line",
        [
            'token = form["pw"]',
            'if key == "x":',
            "except KeyError as exc:",
            "key = make(1)",
            "user = 'x'",
            "password = ''",
            "a = get('token', b'')",
        ],
    )
    def test_code_without_a_secret_literal_stays_as_it_is(self, line: str) -> None:
        assert mask_source(line) == line


class TestMaskHeaders:
    @pytest.mark.parametrize(
        "name", ["Authorization", "cookie", "Set-Cookie", "PROXY-AUTHORIZATION", "X-Api-Key", "X-Auth-Token"]
    )
    def test_headers_with_secrets_are_masked(self, name: str) -> None:
        assert mask_headers({name: "abc"}) == [(name, MASK)]

    def test_pairs_keep_their_order_and_their_repetitions(self) -> None:
        pairs = [("Accept", "a"), ("Cookie", "x"), ("Accept", "b"), ("Cookie", "y")]
        assert mask_headers(iter(pairs)) == [("Accept", "a"), ("Cookie", MASK), ("Accept", "b"), ("Cookie", MASK)]

    def test_secrets_inside_the_value_of_another_header_are_masked(self) -> None:
        assert mask_headers({"Referer": "http://u:p@h/?token=x&a=1"}) == [
            ("Referer", f"http://u:{MASK}@h/?token={MASK}&a=1")
        ]
        assert mask_headers({"Referer": "http://h/?token=(x) y"}) == [("Referer", f"http://h/?token={MASK}")]


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(plain_names, inner, max_size=4)
        | st.tuples(inner, inner, inner)
        | st.dictionaries(secret_names, st.just(SENTINEL) | st.lists(st.just(SENTINEL)), max_size=3)
        | st.tuples(secret_names, st.just(SENTINEL))
        | st.just(f"pg://u:{SENTINEL}@h")
    ),
    max_leaves=30,
)


class TestMask:
    @given(name=plain_names, value=nested)
    def test_no_secret_survives_at_any_depth(self, name: str, value: object) -> None:
        assert SENTINEL not in repr(mask(name, value))

    @given(name=secret_names, value=nested)
    def test_a_secret_name_hides_its_value_whatever_it_is(self, name: str, value: object) -> None:
        assert mask(name, value) == MASK

    @given(st.recursive(st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(plain_names, inner)))
    def test_values_without_secrets_are_copied_unchanged(self, value: object) -> None:
        masked = mask("name", value)
        assert masked == value
        assert masked is not value or not isinstance(value, list | dict)

    def test_the_original_is_left_alone(self) -> None:
        value = {"password": "x", "urls": ["redis://:p@h"]}
        assert mask("cache", value) == {"password": MASK, "urls": [f"redis://:{MASK}@h"]}
        assert value == {"password": "x", "urls": ["redis://:p@h"]}

    def test_bytes_count_as_text_in_names_and_values(self) -> None:
        assert mask("a", {b"password": 1, b"url": b"redis://:\xffp@h"}) == {
            b"password": MASK,
            b"url": b"redis://:" + MASK.encode() + b"@h",
        }

    def test_a_url_in_a_key_is_masked(self) -> None:
        assert mask("pools", {"redis://:p@h": 1, 2: 3}) == {f"redis://:{MASK}@h": 1, 2: 3}

    def test_named_tuples_are_masked_by_their_fields(self) -> None:
        account = namedtuple("account", "user password n")  # noqa: PYI024 - the untyped kind is what is tested
        assert mask("a", account("me", "pw", 1)) == ("me", MASK, 1)

    def test_mappings_and_sequences_of_other_kinds_become_plain_ones(self) -> None:
        assert mask("a", UserDict({"token": 1, "x": UserList(["redis://:p@h"])})) == {
            "token": MASK,
            "x": [f"redis://:{MASK}@h"],
        }
        assert mask("a", deque([1, 2])) == [1, 2]

    def test_sets_are_copied_as_sets_or_as_lists_where_the_copy_cannot_be_hashed(self) -> None:
        class Frozen(UserDict[str, int]):
            def __hash__(self) -> int:  # type: ignore[override]  # a hashable mapping is the point
                return 1

        assert mask("a", frozenset({"redis://:p@h"})) == {f"redis://:{MASK}@h"}
        assert mask("a", {Frozen({"key": 1})}) == [{"key": MASK}]

    def test_objects_of_other_kinds_are_returned_as_they_are(self) -> None:
        thing = object()
        view = memoryview(b"x")
        assert mask("a", [thing, range(3), view, 1.5]) == [thing, range(3), view, 1.5]

    def test_a_value_that_contains_itself_ends(self) -> None:
        cycle: dict[str, object] = {"a": 1}
        cycle["self"] = [cycle]
        assert mask("x", cycle) == {"a": 1, "self": [ELLIPSIS]}

    def test_the_same_value_twice_is_no_cycle(self) -> None:
        shared = ["a"]
        assert mask("x", [shared, shared]) == [["a"], ["a"]]

    def test_deep_nesting_ends_at_the_limit(self) -> None:
        deep: list[object] = ["bottom"]
        for _ in range(100_000):
            deep = [deep]
        masked = mask("x", deep)
        for _ in range(MAX_DEPTH):
            (masked,) = masked
        assert masked == ELLIPSIS
        while deep and isinstance(deep[0], list):  # taken apart by hand: its destructor would recurse
            deep = deep[0]

    def test_shared_values_do_not_multiply_without_bound(self) -> None:
        value: object = "x"
        for _ in range(MAX_DEPTH - 1):
            value = [value] * 20
        started = time.monotonic()
        assert repr(mask("x", value)).count("x") <= MAX_NODES
        assert time.monotonic() - started < 10
