"""The README of version 1.0 on sessions and tokens, as a project served by its own command, with a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from serving import Answer, Project, Running
from support.redis_servers import RedisServer

# What follows is written as the README prints it, save for the port of Redis.
SETTINGS = """
    DEBUG = True
    TORNADO_CONF = {'cookie_secret': 'xxxxxxxxxxxxxxxxxxxx', 'autoreload': False}
    INSTALLED_APPS = ('myapp1',)

    MIDDLEWARE_CLASSES = (
        # access_log first: its process_endcall comes last
        'tornadopy.middleware.accesslog.AccessLogMiddleware',
        'tornadopy.middleware.session.SessionMiddleware',
        'tornadopy.middleware.token.TokenMiddleware',
        'tornadopy.httpmodule.httpmodule.HttpModuleMiddleware',
    )

    CACHES = {
        'default': {
            'BACKEND': 'tornadopy.cache.backends.localcache.LocMemCache',
            'LOCATION': 'process_cache',
        },
        'default_redis': {
            'BACKEND': 'tornadopy.cache.backends.rediscache.RedisCache',
            'LOCATION': '127.0.0.1:PORT',
            'OPTIONS': {
                'DB': 0,
                'PARSER_CLASS': 'redis.connection.DefaultParser',
                'POOL_KWARGS': {
                    'socket_timeout': 2,
                    'socket_connect_timeout': 2
                },
                'PING_INTERVAL': 120
            }
        },
    }

    SESSION = {
        'session_cache_alias': 'ALIAS',  # 'session_loccache'
        'session_name': '__TORNADOSSID',
        'cookie_domain': '',
        'cookie_path': '/',
        'expires': 0,  # 24 * 60 * 60, # 24 hours in seconds
        'ignore_change_ip': False,
        'httponly': True,
        'secure': False,
        'secret_key': 'fLjUfxqXtfNoIldA0A0J',
        'session_version': 'EtdHjDO1'
    }

    TOKEN = {
        'token_cache_alias': 'default_redis',
        'ignore_change_ip': False,
        'token_timeout': 2592000,
        'secret_key': 'xxxxxxxxxxxxxxxxxxxx',
        'token_version': ''
    }
    """

HANDLERS = """
    from tornadopy.handler import WebHandler

    class LoginHandler(WebHandler):
        def get(self,uid):
            self.session['userid'] = uid
            self.set_expire(3600 * 24 * 30) # 30 days

    class AuthHandler(WebHandler):
        def get(self,uid):
            uid = self.session['userid']
            self.write({'uid': uid})

    class LogoutHandler(WebHandler):
        def get(self,uid):
            del self.session['userid']

    class LoginTokenHandler(WebHandler):
        def get(self):
            userID = self.get_argument("userID")
            userName = self.get_argument("userName")

            tmp_data = {
                "userID": userID,
                "userName": userName
            }

            tokenID = self.token.save(tmp_data)
            self.write(tokenID)

    class LoginTokenTestHandler(WebHandler):
        def get(self):
            if self.token.get_current_user() == None:
                self.write("tokenID 非法")
            else:
                self.write("tokenID 是合法的")
    """

URLS = """
    from tornadopy import Url, route

    u = Url('myapp1.handlers')
    urls = route(
        u(name='Login', pattern=r'/login/(.*)', handler='state.LoginHandler'),
        u(name='Auth', pattern=r'/auth/(.*)', handler='state.AuthHandler'),
        u(name='Logout', pattern=r'/logout/(.*)', handler='state.LogoutHandler'),
        u(name='LoginToken', pattern=r'/token/login', handler='state.LoginTokenHandler'),
        u(name='LoginTokenTest', pattern=r'/token/test', handler='state.LoginTokenTestHandler'),
    )
    """

RUNSERVER = """
    import os
    from tornadopy.webserver import run

    os.environ.setdefault('tornadopy_APP_SETTINGS', 'settings.setting')
    run()
    """


@pytest.fixture(scope="module", params=["default", "default_redis"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _redis_server: RedisServer
) -> Iterator[Running]:
    """The project, with its sessions in memory and in Redis."""
    settings = SETTINGS.replace("PORT", str(_redis_server.port)).replace("ALIAS", request.param)
    files = {
        "settings/__init__.py": "",
        "settings/setting.py": settings,
        "myapp1/__init__.py": "",
        "myapp1/urls.py": URLS,
        "myapp1/handlers/__init__.py": "",
        "myapp1/handlers/state.py": HANDLERS,
        "runserver.py": RUNSERVER,
    }
    project = Project(tmp_path_factory.mktemp("seed_state"), files)
    with project.running("--settings=settings.setting") as running:
        yield running
        assert running.stop() == 0
    assert "Traceback" not in running.output


def cookie_of(answer: Answer) -> str:
    return SimpleCookie(answer.headers["Set-Cookie"])["__TORNADOSSID"].value


def test_a_session_is_written_read_and_deleted(site: Running) -> None:
    login = site.fetch("/login/42")
    assert login.status == 200
    header = login.headers["Set-Cookie"]
    assert "Max-Age=2592000" in header
    assert "HttpOnly" in header
    assert "Path=/;" in header
    assert "Secure" not in header
    assert "Domain" not in header
    cookie = {"Cookie": f"__TORNADOSSID={cookie_of(login)}"}
    assert site.fetch("/auth/1", headers=cookie).text == '{"uid": "42"}'
    assert site.fetch("/auth/1").text == '{"uid": null}'
    assert site.fetch("/logout/1", headers=cookie).status == 200
    assert site.fetch("/auth/1", headers=cookie).text == '{"uid": null}'
    assert site.fetch("/logout/1", headers=cookie).status == 200


def test_a_token_is_given_out_and_recognised(site: Running) -> None:
    token = site.fetch("/token/login?userID=7&userName=Ann").text
    assert len(token) >= 43
    assert site.fetch(f"/token/test?tokenID={token}").text == "tokenID 是合法的"
    assert site.fetch("/token/test", headers={"Authorization": f"Bearer {token}"}).text == "tokenID 是合法的"
    assert site.fetch("/token/test").text == "tokenID 非法"
    assert site.fetch("/token/test?tokenID=x").text == "tokenID 非法"


def test_the_secrets_of_the_readme_are_refused_outside_debug(tmp_path: Path) -> None:
    settings = SETTINGS.replace("PORT", "6379").replace("ALIAS", "default").replace("DEBUG = True", "DEBUG = False")
    files = {
        "settings/__init__.py": "",
        "settings/setting.py": settings,
        "myapp1/__init__.py": "",
        "myapp1/urls.py": "urls = []",
        "runserver.py": RUNSERVER,
    }
    ended = Project(tmp_path, files).run("--settings=settings.setting", "--port=0")
    assert ended.returncode == 1
    assert "is printed in a manual" in ended.stderr
