"""``tornadopy check`` on sessions and tokens: where they are kept, and what their cookie may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from management_process import make_project
from test_management_check import GOOD_ONLINE, check

FILES = "{'BACKEND': 'tornadopy.cache.backends.filebased.FileBasedCache', 'LOCATION': 'cache'}"
ON = f"""
CACHES = {{'default': {{'BACKEND': 'tornadopy.cache.backends.localcache.LocMemCache'}}, 'shared': {FILES}}}
MIDDLEWARE_CLASSES = [
    'tornadopy.middleware.session.SessionMiddleware',
    'tornadopy.middleware.token.TokenMiddleware',
]
SESSION = {{'secret_key': 'a-session-secret-of-the-tests', 'session_cache_alias': 'shared'}}
TOKEN = {{'secret_key': 'a-token-secret-of-the-tests', 'token_cache_alias': 'shared'}}
"""


def test_nothing_is_wrong_with_what_processes_share(tmp_path: Path) -> None:
    project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\n{ON}")
    assert check(project, "--deploy", "--fail-level=WARNING") == (0, ["No problems."], "")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("SESSION['session_cache_alias'] = 'default'", "SESSION.session_cache_alias: the cache 'default' is in the"),
        ("TOKEN['token_cache_alias'] = 'default'", "TOKEN.token_cache_alias: the cache 'default' is in the memory of"),
        ("SESSION['secure'] = False", "SESSION.secure is off"),
    ],
)
def test_deploying_has_its_warnings(tmp_path: Path, settings: str, words: str) -> None:
    project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\n{ON}\n{settings}")
    assert check(project) == (0, ["No problems."], "")
    status, lines, _ = check(project, "--deploy")
    assert (status, len(lines)) == (0, 2)
    assert lines[0].startswith(f"W {words}")


def test_without_the_middleware_it_does_not_matter(tmp_path: Path) -> None:
    """The default of ``TOKEN`` names a cache that most projects have not."""
    project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\nTOKEN = {{'token_cache_alias': 'nowhere'}}")
    assert check(project, "--deploy", "--fail-level=WARNING") == (0, ["No problems."], "")


@pytest.mark.parametrize("group", ["SESSION", "TOKEN"])
def test_a_cache_that_is_missing_is_an_error(tmp_path: Path, group: str) -> None:
    key = f"{group.lower()}_cache_alias"
    project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\n{ON}\n{group}['{key}'] = 'nowhere'")
    status, lines, _ = check(project)
    assert status == 1
    assert lines[0] == (
        f"E {group}.{key}: CACHES has no cache 'nowhere', it has 'default', 'shared'; name one of them, or add it"
    )


@pytest.mark.parametrize("group", ["SESSION", "TOKEN"])
def test_a_secret_that_is_missing_is_an_error(tmp_path: Path, group: str) -> None:
    project = make_project(tmp_path, settings=f"{GOOD_ONLINE}\n{ON}\n{group}['secret_key'] = None")
    status, lines, _ = check(project)
    assert status == 1
    assert lines[0].startswith(f"E {group}.secret_key is missing, and its middleware is on")


def test_a_cookie_that_browsers_drop_is_named(tmp_path: Path) -> None:
    settings = f"{GOOD_ONLINE}\n{ON}\nSESSION.update(samesite='None', secure=False)"
    _, lines, _ = check(make_project(tmp_path, settings=settings))
    assert lines[0].startswith("W SESSION.samesite is 'None' and SESSION.secure is off")
