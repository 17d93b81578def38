"""Tokens over real sockets, on each kind of cache."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.server import Site
from support.state import TOKEN_SECRET, serving_site
from tornadopy.handler import ApiHandler
from tornadopy.utils.secretids import SecretIds


class Login(ApiHandler):
    """Give out a token, in one of the two ways."""

    async def post(self, way: str) -> None:
        told = json.loads(self.request.body)
        self.write(self.token.save(told) if way == "sync" else await self.token.asave(told))


class Who(ApiHandler):
    """Tell whose token it is."""

    def get(self) -> None:
        self.write(
            {
                "user": self.token.get_current_user(),
                "name": self.token.get_current_user_name(),
                "role": self.token.get_current_parameter("role", "none"),
            }
        )


class Fetch(ApiHandler):
    """Look a token up that is somebody's."""

    async def post(self, way: str) -> None:
        sought = self.request.body.decode()
        self.write(self.token.fetch(sought) if way == "sync" else await self.token.afetch(sought))


class Expire(ApiHandler):
    async def post(self, way: str) -> None:
        doomed = self.request.body.decode() or None
        ended = self.token.expire(doomed) if way == "sync" else await self.token.aexpire(doomed)
        self.write({"ended": ended, "user": self.token.get_current_user()})


class Tokens(ApiHandler):
    """List the tokens of a user, or revoke them."""

    async def get(self) -> None:
        listed = await self.token.alist(self.get_argument("user", None))
        self.write(
            {
                "tokens": [
                    {"handle": each.handle, "data": each.data, "life": each.expires - each.created} for each in listed
                ]
            }
        )

    async def delete(self) -> None:
        user, handle = self.get_argument("user", None), self.get_argument("handle", None)
        if handle is not None:
            self.write({"count": int(await self.token.arevoke(handle, user))})
            return
        keep = bool(self.get_argument("keep", ""))
        count = await self.token.arevoke_all(user, keep_current=keep)
        self.write({"count": count, "user": self.token.get_current_user()})


class Many(ApiHandler):
    """Give out many tokens of one user at the same time."""

    async def post(self, count: str) -> None:
        told = [{"userID": "many", "number": number} for number in range(int(count))]
        await asyncio.gather(*map(self.token.asave, told))
        self.write({"numbers": sorted(each.data["number"] for each in await self.token.alist("many"))})


ROUTES = [
    ("/many/(.*)", Many),
    ("/login/(.*)", Login),
    ("/", Who),
    ("/fetch/(.*)", Fetch),
    ("/expire/(.*)", Expire),
    ("/tokens", Tokens),
]
NOBODY = {"user": None, "name": None, "role": "none"}

ways = pytest.mark.parametrize("way", ["sync", "async"])


@contextmanager
def site_on(cache: dict[str, Any], **options: Any) -> Iterator[Site]:
    with serving_site(ROUTES, cache=cache, server={"xheaders": True}, TOKEN=options) as site:
        yield site


def log_in(site: Site, way: str = "async", user: Any = "7", **more: Any) -> str:
    response = site.fetch("POST", f"/login/{way}", json.dumps({"userID": user, **more}).encode())
    assert response.status == 200, response.body
    return response.body.decode()


def ask(site: Site, target: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> Any:
    response = site.fetch(method, target, body, **headers)
    assert response.status == 200, response.body
    return json.loads(response.body)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@ways
def test_a_token_tells_whose_it_is_in_three_ways(cache: dict[str, Any], way: str) -> None:
    with site_on(cache) as site:
        token = log_in(site, way, userName="Ann", role="admin")
        expected = {"user": "7", "name": "Ann", "role": "admin"}
        assert ask(site, **bearer(token)) == expected
        assert ask(site, Authorization=f"bearer  {token}") == expected
        assert ask(site, X_Token=token) == expected
        assert ask(site, f"/?tokenID={token}") == expected
        assert ask(site) == NOBODY


def test_the_first_of_the_three_counts(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        ann, bob = log_in(site, user="ann"), log_in(site, user="bob")
        assert ask(site, f"/?tokenID={bob}", **bearer(ann))["user"] == "ann"
        assert ask(site, f"/?tokenID={bob}", X_Token=ann)["user"] == "ann"
        assert ask(site, X_Token=bob, **bearer(ann))["user"] == "ann"
        assert ask(site, X_Token=bob, **bearer("wrong")) == NOBODY
        assert ask(site, X_Token=bob, Authorization="Basic YTpi")["user"] == "bob"


def test_a_token_that_is_none_is_nobody(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        token = log_in(site)
        others = [
            SecretIds(TOKEN_SECRET, purpose="tornadopy token ").create().text,  # of the right form, and unknown
            SecretIds(TOKEN_SECRET, purpose="tornadopy token 2").create().text,
            SecretIds("another-secret-of-16-characters", purpose="tornadopy token ").create().text,
            token[:-1],
            token + "A",
            token * 100,
            token.swapcase(),
            "",
            "é",
        ]
        for other in others:
            assert ask(site, X_Token=other.encode().decode("latin-1")) == NOBODY
        assert ask(site, "/?tokenID=%ff%00") == NOBODY
        for way in ("sync", "async"):
            for other in others:
                assert ask(site, f"/fetch/{way}", "POST", other.encode()) == {}
                assert ask(site, f"/expire/{way}", "POST", (other or "x").encode())["ended"] is False
        assert ask(site, X_Token=token)["user"] == "7"


@ways
def test_what_was_saved_can_be_fetched(cache: dict[str, Any], way: str) -> None:
    with site_on(cache) as site:
        token = log_in(site, user=7, cart=["ключ", {"a": None}])
        assert ask(site, f"/fetch/{way}", "POST", token.encode()) == {"userID": 7, "cart": ["ключ", {"a": None}]}


@ways
def test_an_expired_token_is_nobody(cache: dict[str, Any], way: str) -> None:
    with site_on(cache) as site:
        token, other = log_in(site), log_in(site)
        assert ask(site, f"/expire/{way}", "POST", **bearer(token)) == {"ended": True, "user": None}
        assert ask(site, f"/expire/{way}", "POST", **bearer(token)) == {"ended": False, "user": None}
        assert ask(site, **bearer(token)) == NOBODY
        assert [each["data"] for each in ask(site, "/tokens?user=7")["tokens"]] == [{"userID": "7"}]
        assert ask(site, f"/expire/{way}", "POST", other.encode())["ended"] is True
        assert ask(site, "/tokens?user=7") == {"tokens": []}


@ways
def test_another_address_is_nobody_and_destroys_nothing(cache: dict[str, Any], way: str) -> None:
    elsewhere = {"X_Real_Ip": "192.0.2.7"}
    with site_on(cache) as site:
        token = log_in(site, way)
        assert ask(site, **bearer(token), **elsewhere) == NOBODY
        assert ask(site, f"/fetch/{way}", "POST", token.encode(), **elsewhere) == {}
        assert ask(site, f"/expire/{way}", "POST", token.encode(), **elsewhere)["ended"] is False
        assert ask(site, **bearer(token))["user"] == "7"


def test_the_address_may_be_left_out_of_it(cache: dict[str, Any]) -> None:
    with site_on(cache, ignore_change_ip=True) as site:
        token = log_in(site)
        assert ask(site, **bearer(token), X_Real_Ip="192.0.2.7")["user"] == "7"


def test_a_user_sees_the_tokens_and_can_revoke_one(cache: dict[str, Any]) -> None:
    with site_on(cache, token_timeout=500) as site:
        tokens = [log_in(site, device=device) for device in ("phone", "desk", "watch")]
        stranger = log_in(site, user="8")
        listed = ask(site, "/tokens", **bearer(tokens[0]))["tokens"]
        assert [each["data"]["device"] for each in listed] == ["phone", "desk", "watch"]
        assert all(each["life"] == pytest.approx(500) for each in listed)
        handle = listed[1]["handle"]
        assert handle not in tokens
        assert ask(site, f"/tokens?handle={handle}", "DELETE", **bearer(stranger)) == {"count": 0}
        assert ask(site, f"/tokens?handle={handle}", "DELETE", **bearer(tokens[0])) == {"count": 1}
        assert [ask(site, **bearer(token))["user"] for token in tokens] == ["7", None, "7"]
        assert ask(site, "/tokens") == {"tokens": []}  # of nobody


def test_a_user_can_be_logged_out_everywhere(cache: dict[str, Any]) -> None:
    """By the number or the text of the id; the tokens of others go on working."""
    with site_on(cache) as site:
        tokens = [log_in(site, user=7) for _ in range(3)]
        stranger = log_in(site, user="77")
        assert ask(site, "/tokens?keep=1", "DELETE", **bearer(tokens[0])) == {"count": 2, "user": 7}
        assert [ask(site, **bearer(token))["user"] for token in tokens] == [7, None, None]
        tokens.append(log_in(site, user="7"))
        assert ask(site, "/tokens?user=7", "DELETE", **bearer(tokens[0])) == {"count": 2, "user": None}
        assert {ask(site, **bearer(token))["user"] for token in tokens} == {None}
        assert ask(site, "/tokens?user=7") == {"tokens": []}
        assert ask(site, **bearer(stranger))["user"] == "77"
        assert ask(site, "/tokens", "DELETE") == {"count": 0, "user": None}


def test_a_user_has_so_many_tokens_and_no_more(cache: dict[str, Any]) -> None:
    """The oldest make room."""
    with site_on(cache, tokens_per_user=3) as site:
        tokens = [log_in(site, way, number=number) for number, way in enumerate(["sync", "async"] * 3)]
        assert [ask(site, **bearer(token))["user"] for token in tokens] == [None] * 3 + ["7"] * 3
        assert [each["data"]["number"] for each in ask(site, "/tokens?user=7")["tokens"]] == [3, 4, 5]


def test_many_logins_at_once_are_all_listed(cache: dict[str, Any]) -> None:
    count = 100
    with site_on(cache, tokens_per_user=count) as site:
        assert ask(site, f"/many/{count}", "POST") == {"numbers": list(range(count))}


def test_the_store_never_has_the_token(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        token = log_in(site)
        known = SecretIds(TOKEN_SECRET, purpose="tornadopy token ").parse(token)
        assert known is not None
        store = site.application.caches["default"].using("json")
        kept = site.call(store.aget(f"token:{known.store_key}"))
    assert kept == {"data": {"userID": "7"}, "address": "127.0.0.1"}
    assert token not in known.store_key


def test_a_token_without_a_user_is_nobody_s_and_works(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        token = log_in(site, user=None, role="guest")
        assert ask(site, **bearer(token)) == {"user": None, "name": None, "role": "guest"}
        assert ask(site, "/expire/async", "POST", **bearer(token))["ended"] is True
        assert ask(site, **bearer(token)) == NOBODY
