"""Outside debug a secret that is missing, short or printed in a manual refuses the start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.conf.security import KNOWN_SECRETS, check_secrets, find_missing, find_weak
from tornadopy.exceptions import ConfigError

GOOD = "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"
SEED = "fLjUfxqXtfNoIldA0A0J"


class SessionMiddleware:
    """It stands for the one that the framework ships."""

    def process_request(self, handler: object, clear: object) -> None:
        """Do nothing."""


class TokenMiddleware:
    """It stands for the other one."""

    def process_request(self, handler: object, clear: object) -> None:
        """Do nothing."""


SessionMiddleware.__module__ = "tornadopy.middleware.session"
TokenMiddleware.__module__ = "tornadopy.middleware.token"


class OwnSession(SessionMiddleware):
    """A project's own, derived from the framework's."""


def problems(*middlewares: Any, cookie_secret: Any = GOOD, **values: Any) -> list[str]:
    conf, tornado_settings = Settings(**values), {"cookie_secret": cookie_secret}
    return [*find_missing(conf, tornado_settings, middlewares), *find_weak(conf, tornado_settings)]


@pytest.mark.parametrize("missing", [None, "", {}, b""])
def test_a_missing_cookie_secret(missing: Any) -> None:
    (problem,) = problems(cookie_secret=missing)
    assert problem.startswith("TORNADO_CONF['cookie_secret'] is missing; set it to a long random string, for example")
    assert "secrets.token_urlsafe" in problem


@pytest.mark.parametrize("good", [GOOD, GOOD.encode(), {1: GOOD, 2: GOOD[::-1]}, "x" * 16])
def test_a_good_one_in_each_form_that_tornado_takes(good: Any) -> None:
    assert problems(cookie_secret=good) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (5, "is no text but int; set it"),
        (["x" * 32], "is no text but list"),
        ({1: GOOD, 2: 7}, "[2] is no text but int"),
        ({1: GOOD, 2: None}, "[2] is no text but NoneType"),
        ({1: GOOD, 2: ""}, "[2] is empty; set it"),
        ({"1": GOOD}, " has the key version '1'; make it a whole number"),
    ],
)
def test_one_that_could_sign_nothing(wrong: Any, words: str) -> None:
    """It is refused in debug, too: every signed cookie would fail."""
    (problem,) = problems(cookie_secret=wrong)
    assert problem.startswith(f"TORNADO_CONF['cookie_secret']{words if words[0] in '[ ' else f' {words}'}")
    with pytest.raises(ConfigError, match="cookie_secret"):
        check_secrets(Settings(DEBUG=True), {"cookie_secret": wrong}, [], missing=False)


def test_a_key_version_that_there_is_not() -> None:
    conf, versions = Settings(), {1: GOOD}
    (problem,) = find_weak(conf, {"cookie_secret": versions, "key_version": 2})
    assert problem.startswith("TORNADO_CONF['key_version'] is 2, which cookie_secret does not have")
    assert list(find_weak(conf, {"cookie_secret": versions, "key_version": 1})) == []


def test_the_message_does_not_show_it() -> None:
    for secret in (["hunter2" * 4], {1: ["hunter2" * 4]}):
        assert "hunter2" not in " ".join(problems(cookie_secret=secret))


@pytest.mark.parametrize("short", ["x" * 15, b"x" * 15, {1: GOOD, 2: "short"}])
def test_a_short_one(short: Any) -> None:
    (problem,) = problems(cookie_secret=short)
    assert problem.startswith("TORNADO_CONF['cookie_secret'] is shorter than 16 characters; ")


@pytest.mark.parametrize("known", [*sorted(KNOWN_SECRETS), SEED.encode(), {1: SEED, 2: GOOD}])
def test_one_that_is_printed_in_the_seed(known: Any) -> None:
    (problem,) = problems(cookie_secret=known)
    assert "printed in a manual" in problem
    assert SEED not in problem


@pytest.mark.parametrize("group", ["SESSION", "TOKEN"])
def test_weak_ones_count_whether_they_are_in_use_or_not(group: str) -> None:
    for secret, words in ((SEED, "printed in a manual"), ("x" * 20, "printed"), ("shortone", "shorter than 16")):
        (problem,) = problems(**{group: {"secret_key": secret}})
        assert problem.startswith(f"{group}.secret_key is ")
        assert words in problem
    assert problems(**{group: {"secret_key": GOOD}}) == []


@pytest.mark.parametrize(
    ("middleware", "group"), [(SessionMiddleware, "SESSION"), (OwnSession, "SESSION"), (TokenMiddleware, "TOKEN")]
)
def test_a_middleware_needs_its_secret(middleware: type, group: str) -> None:
    found = problems(middleware())
    assert f"{group}.secret_key is missing, and its middleware is on" in found[0]
    both = {"SESSION": {"secret_key": GOOD}, "TOKEN": {"secret_key": GOOD}}
    assert problems(middleware(), **both) == []
    assert problems(object()) == [], "without its middleware it is not needed"


def test_an_empty_one_is_a_missing_one() -> None:
    assert "SESSION.secret_key is missing" in problems(SessionMiddleware(), SESSION={"secret_key": ""})[0]


def test_the_first_problem_is_raised_outside_debug_alone() -> None:
    with pytest.raises(ConfigError, match="cookie_secret"):
        check_secrets(Settings(SESSION={"secret_key": SEED}), {}, [])
    check_secrets(Settings(DEBUG=True, SESSION={"secret_key": SEED}), {}, [])
    check_secrets(Settings(), {}, [], missing=False)
    with pytest.raises(ConfigError, match=r"SESSION\.secret_key is printed"):
        check_secrets(Settings(SESSION={"secret_key": SEED}), {}, [], missing=False)


class TestApplication:
    def test_building_one_is_free_checking_is_not(self) -> None:
        application = Application(conf=Settings())
        with pytest.raises(ConfigError, match=r"TORNADO_CONF\['cookie_secret'\] is missing"):
            application.check_secrets()

    def test_listen_needs_none_as_in_tornado_and_refuses_a_known_one(self) -> None:
        async def main(application: Application) -> None:
            application.listen(0, "127.0.0.1").stop()

        asyncio.run(main(Application(conf=Settings())))
        with pytest.raises(ConfigError, match="printed in a manual"):
            asyncio.run(main(Application(conf=Settings(TORNADO_CONF={"cookie_secret": SEED}))))

    def test_a_keyword_counts_as_the_setting_does(self) -> None:
        Application(conf=Settings(), cookie_secret=GOOD).check_secrets()
        Application(conf=Settings(TORNADO_CONF={"cookie_secret": GOOD})).check_secrets()
        with pytest.raises(ConfigError, match="shorter"):
            Application(conf=Settings(TORNADO_CONF={"cookie_secret": GOOD}), cookie_secret="short").check_secrets()

    def test_in_debug_one_is_made_up_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        first, second = (Application(conf=Settings(DEBUG=True)) for _ in range(2))
        assert "TORNADO_CONF['cookie_secret'] is not set: a random one is used" in caplog.text
        assert first.settings["cookie_secret"] not in caplog.text
        assert len(first.settings["cookie_secret"]) > 32
        assert first.settings["cookie_secret"] != second.settings["cookie_secret"]
