"""The README of version 1.0, section by section, as a project in its own layout, served by its own command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Project, Running
from support.server import wait_for

ENGINES = {
    "tornado": "None",
    "jinja2": "'tornadopy.template.jinja2_loader.Jinja2TemplateLoader'",
    "mako": "'tornadopy.template.mako_loader.MakoTemplateLoader'",
}

# What follows is written as the README prints it.
SETTINGS = """
    DEBUG = True
    XHEADERS = False
    IPV4_ONLY = True
    THREADS_NUM = 2
    WHITELIST = ('127.0.0.1',)

    TORNADO_CONF = {
        'template_path': 'templates',
        'static_path': 'statics',
        'cookie_secret': 'xxxxxxxxxxxxxxxxxxxx',
        'autoreload': False,
    }

    INSTALLED_APPS = (
        'myapp1',
        'myapp2',
    )

    MIDDLEWARE_CLASSES = (
        # access_log first: its process_endcall comes last
        'tornadopy.middleware.accesslog.AccessLogMiddleware',
        'tornadopy.middleware.session.SignalMiddleware',
        'tornadopy.httpmodule.httpmodule.HttpModuleMiddleware',
        'middlewares.printed.MyMiddleware',
        'middlewares.order.First',
        'middlewares.order.Second',
    )

    COMMON_MODULES = (
        'httpmodule.auth.AuthModule',
        'httpmodule.ipauth.ipblack',
    )
    ROUTE_MODULES = {
         '^/user/.*$': ['httpmodule.loginmodule', '!httpmodule.ipauth.ipblack'],
         'Index': ['!httpmodule.auth.AuthModule'],
         '^/blog/.*$': ['httpmodule.loginmodule', '!all'],
    }

    LOGGING_DIR = 'logs'
    LOGGING = (
        {
            'name': 'tornadopy.tracelog',
            'level': 'ERROR',
            'log_to_stderr': False,
            'when': 'midnight',
            'interval': 1,
            'filename': 'trace_log.log',
        },
        {
            'name': 'tornadopy.accesslog',
            'level': 'INFO',
            'log_to_stderr': False,
            'when': 'midnight',
            'interval': 1,
            'filename': 'access_log.log',
        },
        {
            'name': 'tornadopy.infolog',
            'level': 'INFO',
            'log_to_stderr': False,
            'when': 'midnight',
            'interval': 1,
            'filename': 'info_log.log',
            'formatter': '%(asctime)s %(message)s',
            'backups': 3,
        },
        {
            'name': 'tornado',
            'level': 'INFO',
            'log_to_stderr': False,
            'when': 'midnight',
            'interval': 1,
            'filename': 'tornado.log'
        },
    )

    TEMPLATE_CONFIG = {
        'template_engine': ENGINE,
        'filesystem_checks': True,
        'cache_directory': '../_tmpl_cache',
        'collection_size': 50,
        'cache_size': 0,
        'format_exceptions': False,
        'autoescape': False,
    }

    TRANSLATIONS = False
    TRANSLATIONS_CONF = {
        'translations_dir': 'translations',
        'locale_default': 'zh_CN',
        'use_gettext': False,
    }

    CACHES = {
        'default': {
            'BACKEND': 'tornadopy.cache.backends.localcache.LocMemCache',
            'LOCATION': 'process_cache',
            'OPTIONS': {
                'MAX_ENTRIES': 10000,
                'CULL_FREQUENCY': 3
            }
        },
        'default_redis': {
            'BACKEND': 'tornadopy.cache.backends.rediscache.RedisCache',
            'LOCATION': '127.0.0.1:6379',
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

    DATABASE_CONNECTION = {
        'default': {
            'connections': [{
                                'ROLE': 'master',
                                'DRIVER': 'mysql+mysqldb',
                                'UID': 'root',
                                'PASSWD': '',
                                'HOST': '',
                                'PORT': 3306,
                                'DATABASE': '',
                                'QUERY': {"charset": "utf8"}

                            },
                            {
                                'ROLE': 'slave',
                                'DRIVER': 'mysql+mysqldb',
                                'UID': 'root',
                                'PASSWD': '',
                                'HOST': '',
                                'PORT': 3306,
                                'DATABASE': '',
                                'QUERY': {"charset": "utf8"}
                            }]
        }
    }
    PING_DB = 500
    PING_CONN_COUNT = 5

    SQLALCHEMY_CONFIGURATION = {
        'sqlalchemy.connect_args': {
            'connect_timeout': 3
        },
        'sqlalchemy.echo': False,
        'sqlalchemy.max_overflow': 10,
        'sqlalchemy.echo_pool': False,
        'sqlalchemy.pool_timeout': 5,
        'sqlalchemy.encoding': 'utf-8',
        'sqlalchemy.pool_size': 100,
        'sqlalchemy.pool_recycle': 3600,
        'sqlalchemy.poolclass': 'QueuePool'
    }

    SESSION = {
        'session_cache_alias': 'default',
        'session_name': '__TORNADOSSID',
        'cookie_domain': '',
        'cookie_path': '/',
        'expires': 0,
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

PRINTED_HOOKS = '''
    class MyMiddleware(object):
        def process_init(self, application):
            """Once, at start."""
        def process_call(self, request, clear):
            """Before routing."""
        def process_request(self, handler, clear):
            """Before the handler's method."""
        def process_render(self, handler, clear, template_name, **kwargs):
            """At render and render_string."""
        def process_response(self, handler, clear, chunk):
            """After render, before finish."""
        def process_endcall(self, handler, clear):
            """After the answer."""
        def process_exception(self, handler, clear, typ, value, tb):
            """At an error."""
    '''

ORDER = """
    class First(object):
        name = 'first'

        def process_init(self, application):
            application.seen = getattr(application, 'seen', []) + [self.name + ' init']

        def process_call(self, request, clear):
            request.seen = getattr(request, 'seen', []) + [self.name + ' call']
            if request.path == '/clear':
                clear()

        async def process_request(self, handler, clear):
            handler.request.seen.append(self.name + ' request')
            if handler.get_argument('user', 'somebody') == '':
                handler.finish('auth failure.')
                return 1

        def process_render(self, handler, clear, template_name, **kwargs):
            handler.request.seen.append(self.name + ' render')

        def process_response(self, handler, clear, chunk):
            if self.name == 'second' and handler.get_argument('replace', None):
                chunk[0] = b'replaced '
                handler.write('and written ')
            chunk.append(b'|' + self.name.encode())

        def process_endcall(self, handler, clear):
            handler.application.seen.append(self.name + ' endcall ' + handler.request.path)

        def process_exception(self, handler, clear, typ, value, tb):
            handler.application.seen.append(self.name + ' exception ' + typ.__name__)


    class Second(First):
        name = 'second'
    """

HTTP_MODULES = """
    from tornadopy.httpmodule import BaseHttpModule

    class {name}(BaseHttpModule):
        def begin_request(self, handler, clear):
            handler.request.modules = getattr(handler.request, 'modules', []) + ['{name}']

        def begin_render(self, handler, clear, template_name, **kwargs):
            pass

        def begin_response(self, handler, clear, chunk):
            handler.add_header('X-Module', '{name}')

        def complete_response(self, handler, clear):
            pass
    """

URLS = """
    from tornadopy import Url, include, route

    from myapp1.url_blog import URLS as blog_urls
    from myapp1.handlers.main_handler import Main

    u = Url('myapp1.handlers', abc='abc')
    own = Url()

    urls = route(
        u(name='Index', pattern=r'/?', handler='main_handler.Main'),
        u(name='Login', pattern=r'/login/?', handler='main_handler.Login'),
        u(name='User', pattern=r'/user/?', handler='main_handler.User', kwargs={'abc': 'other'}),
        own(name='Direct', pattern=r'/direct/?', handler=Main, kwargs={'abc': 'direct'}),
        include('/', 'myapp1.url_photo.URLS'),
        include('/', blog_urls),
        u(r'/user/me/?', 'user.MeHandler'),
        u(r'/clear', 'main_handler.User'),
        u(r'/error', 'main_handler.Failing'),
        u(r'/seen', 'main_handler.Seen'),
        u(r'/thread', 'main_handler.Test'),
        u(r'/steps', 'main_handler.Steps'),
        u(r'/page', 'main_handler.MyHandler'),
        u(r'/api', 'main_handler.Api'),
    )
    """

HANDLERS = """
    import logging

    from tornado.gen import coroutine
    from tornadopy import settings
    from tornadopy.decorators.async_execute import async_execute
    from tornadopy.handler import ApiHandler, WebHandler
    from tornadopy.logger import syslogger
    from tornadopy.mixins.flash_message import FlashMessageMixIn

    from myapp2 import events

    project_path = settings.PROJECT_PATH


    class Main(WebHandler):
        def get(self):
            self.finish(self._url_kwargs['abc'])


    class Login(FlashMessageMixIn, WebHandler):
        def get(self):
            username = self.get_argument('name', 'nobody')
            syslogger.error("this is a error.")
            self.flash("Welcome back, %s" % username, 'success')
            self.redirect('/page')


    class MyHandler(FlashMessageMixIn, WebHandler):
        def get(self):
            self.render('base.html', title='page')


    class User(WebHandler):
        def get(self):
            self.write(self._url_kwargs['abc'] + ' ' + ','.join(self.request.seen))


    class Failing(WebHandler):
        def get(self):
            raise ValueError('failed')


    class Seen(WebHandler):
        def get(self):
            events.my_event.send(sender=self.__class__, args1='arg')
            self.write({'application': self.application.seen, 'signals': events.seen, 'path': project_path})


    class Test(WebHandler):
        @coroutine
        def get(self):
            a = 'a'
            b = 'b'
            result = yield self.dosomething(a, b)
            self.finish(result)

        @async_execute
        def dosomething(self, a, b):
            import threading
            result = a + b + ' ' + str(threading.current_thread() is threading.main_thread())
            return result


    class Steps(WebHandler):
        async def prepare(self):
            self.steps = ['prepare']

        def on_prepare(self):
            self.steps.append('on_prepare')

        def get(self):
            self.write(' '.join(self.steps))

        def on_finish(self):
            self.steps.append('on_finish')

        def complete_finish(self):
            self.application.seen.append(' '.join(self.steps + ['complete_finish']))


    class Api(ApiHandler):
        def get(self):
            self.write_api({'format': self.get_format()})
    """

EVENTS = """
    from tornadopy.dispatch import Signal
    from tornadopy.signal import call_started, handler_render, call_finished, receiver

    seen = []


    class MyService(object):

        @receiver(call_started)
        def callback(**kwargs):
            seen.append('call_started ' + kwargs['request'].path)


    def callback(**kwargs):
        seen.append('handler_render ' + kwargs['template_name'] + ' ' + kwargs['sender'].__name__)


    handler_render.connect(callback)

    my_event = Signal(providing_args=["args1"])


    @receiver(my_event)
    def own(sender, signal, args1, **kwargs):
        seen.append('my_event ' + sender.__name__ + ' ' + args1 + ' ' + str(signal is my_event))
    """

BASE_HTML = {
    "tornado": """
        {% set messages = handler.get_flashed_messages() %}
        {% if messages %}
        <div id="flashed">
            {% for category, msg in messages %}
            <span class="flash-{{ category }}">{{ msg }}</span>
            {% end %}
        </div>
        {% end %}
        <p>{{ title }} {{ reverse_url('Login') }} {{ static_url('a.txt') }}</p>
        """,
    "jinja2": """
        {% set messages = handler.get_flashed_messages() %}
        {% if messages %}
        <div id="flashed">
            {% for category, msg in messages %}
            <span class="flash-{{ category }}">{{ msg }}</span>
            {% endfor %}
        </div>
        {% endif %}
        <p>{{ title }} {{ reverse_url('Login') }} {{ static_url('a.txt') }}</p>
        """,
    "mako": """
        <% messages = handler.get_flashed_messages() %>
        % if messages:
        <div id="flashed">
        % for category, msg in messages:
            <span class="flash-${category}">${msg}</span>
        % endfor
        </div>
        % endif
        <p>${title} ${reverse_url('Login')} ${static_url('a.txt')}</p>
        """,
}

FILES = {
    "demo/runserver.py": """
        import os

        from tornadopy.webserver import run

        os.environ.setdefault('tornadopy_APP_SETTINGS', 'settings.setting')

        if __name__ == '__main__':
            run()
        """,
    "demo/settings/settings_online.py": "from settings.setting import *\nDEBUG = False\n",
    "demo/myapp1/urls.py": URLS,
    "demo/myapp1/url_photo.py": """
        from tornadopy import Url, route

        url=Url('myapp1.handlers')
        URLS = route(
            url(r'photo/upload/?','photo.UploadHandler'),
        )
        """,
    "demo/myapp1/url_blog.py": """
        from tornadopy import Url, route

        url=Url('myapp1.handlers')
        URLS = route(
            url(r'blog/list/\\d*/?','blog.ListHandler'),
        )
        """,
    "demo/myapp1/handlers/main_handler.py": HANDLERS,
    "demo/myapp1/handlers/photo.py": """
        from tornadopy.handler import WebHandler

        class UploadHandler(WebHandler):
            def get(self):
                self.write('photo')
        """,
    "demo/myapp1/handlers/blog.py": """
        from tornadopy.handler import WebHandler

        class ListHandler(WebHandler):
            def get(self):
                self.write('blog')
        """,
    "demo/myapp1/handlers/user.py": """
        from tornadopy.handler import WebHandler

        class MeHandler(WebHandler):
            def get(self):
                self.write(' '.join(self.request.modules))
        """,
    "demo/myapp2/urls.py": "urls = []\n",
    "demo/myapp2/events.py": EVENTS,
    "demo/middlewares/printed.py": PRINTED_HOOKS,
    "demo/middlewares/order.py": ORDER,
    "demo/httpmodule/__init__.py": HTTP_MODULES.format(name="loginmodule"),
    "demo/httpmodule/auth.py": HTTP_MODULES.format(name="AuthModule"),
    "demo/httpmodule/ipauth.py": HTTP_MODULES.format(name="ipblack"),
    "demo/statics/a.txt": "static",
}


def make(folder: Path, engine: str = "tornado") -> Project:
    files = {
        **FILES,
        "demo/settings/setting.py": SETTINGS.replace("ENGINE", ENGINES[engine]),
        "demo/templates/base.html": BASE_HTML[engine],
    }
    return Project(folder, files)


@pytest.fixture(scope="module", params=sorted(ENGINES))
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The project, served with each template engine from the folder above it, as the README does."""
    folder = tmp_path_factory.mktemp(request.param)
    project = make(folder, request.param)
    with project.running("--address=0.0.0.0", "--settings=settings.setting", script="demo/runserver.py") as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.output


def body(site: Running, path: str, **headers: str) -> str:
    """Return what a handler has written, without what the middlewares append."""
    return site.fetch(path, headers=headers).text.replace("|second", "").replace("|first", "")


def modules(site: Running, path: str) -> list[str]:
    return site.fetch(path).headers.get_all("X-Module") or []


def seen(site: Running) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(body(site, "/seen"))
    return found


class TestUrls:
    def test_kwargs_of_url_and_of_the_route(self, site: Running) -> None:
        assert body(site, "/") == "abc"
        assert body(site, "/direct/") == "direct"
        assert body(site, "/user").split()[0] == "other"

    def test_routes_of_several_files(self, site: Running) -> None:
        assert [body(site, path) for path in ("/photo/upload", "/photo/upload/")] == ["photo"] * 2
        assert [body(site, path) for path in ("/blog/list/", "/blog/list/12", "/blog/list/12/")] == ["blog"] * 3
        assert site.fetch("/user/me").status == 200
        assert site.fetch("/blog/list/x").status == 404

    def test_static_files(self, site: Running) -> None:
        assert body(site, "/static/a.txt") == "static"


class TestMiddleware:
    def test_the_order(self, site: Running) -> None:
        text = body(site, "/user").partition(" ")[2]
        assert text == "first call,second call,first request,second request"
        assert site.fetch("/").text == "abc|second|first", "response hooks in reverse order"
        found = seen(site)["application"]
        assert found[:2] == ["first init", "second init"]
        ends = [each for each in found if each.endswith("endcall /user")]
        assert ends[:2] == ["second endcall /user", "first endcall /user"]

    def test_a_true_value_after_finish(self, site: Running) -> None:
        assert body(site, "/user?user=") == "auth failure."

    def test_chunks_can_be_replaced_and_written_to(self, site: Running) -> None:
        assert body(site, "/?replace=1") == "replaced and written "

    def test_clear_drops_everything_that_remains(self, site: Running) -> None:
        assert site.fetch("/clear").text == "abc first call"
        assert not [each for each in seen(site)["application"] if each.endswith("endcall /clear")]

    def test_exceptions(self, site: Running) -> None:
        assert site.fetch("/error").status == 500
        found = [each for each in seen(site)["application"] if "exception ValueError" in each]
        assert found[:2] == ["second exception ValueError", "first exception ValueError"]


class TestHttpModules:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("/direct", ["AuthModule", "ipblack"]),
            ("/", ["ipblack"]),
            ("/user/me", ["AuthModule", "loginmodule"]),
            ("/blog/list/1", ["loginmodule"]),
        ],
    )
    def test_names_and_expressions(self, site: Running, path: str, found: list[str]) -> None:
        assert modules(site, path) == found

    def test_they_run_in_order(self, site: Running) -> None:
        assert body(site, "/user/me") == "AuthModule loginmodule"


class TestHandlers:
    def test_flash_over_a_redirect_in_the_template(self, site: Running) -> None:
        answer = site.fetch("/login?name=Jack")
        assert answer.status == 302
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        page = site.fetch("/page", headers={"Cookie": cookie})
        assert '<span class="flash-success">Welcome back, Jack</span>' in page.text
        assert re.search(r"<p>page /login /static/a\.txt\?v=\w+</p>", page.text)
        assert 'id="flashed"' not in site.fetch("/page").text

    def test_on_prepare_and_complete_finish(self, site: Running) -> None:
        assert body(site, "/steps") == "prepare on_prepare"
        assert "prepare on_prepare on_finish complete_finish" in seen(site)["application"]

    def test_the_api_handler(self, site: Running) -> None:
        assert json.loads(body(site, "/api")) == {"format": "json"}
        assert body(site, "/api?format=jsonp&callback=show") == '/**/show({"format": "jsonp"});'

    def test_a_method_in_a_thread(self, site: Running) -> None:
        assert body(site, "/thread") == "ab False"

    def test_project_path(self, site: Running) -> None:
        assert json.loads(body(site, "/seen"))["path"] == str(site.log.parent / "demo")


class TestSignals:
    def test_receivers(self, site: Running) -> None:
        site.fetch("/page")
        found = seen(site)["signals"]
        assert "call_started /page" in found
        assert "handler_render base.html MyHandler" in found
        assert "my_event Seen arg True" in found


class TestLogs:
    def test_each_in_its_file(self, site: Running) -> None:
        site.fetch("/login", headers={"User-Agent": "browser", "Referer": "http://before/"})
        logs = site.log.parent / "demo" / "logs"
        assert "this is a error." in (logs / "trace_log.log").read_text()
        line = r'127\.0\.0\.1 - - \[[^\]]+\] "GET /login HTTP/1\.1" 302 \d+ "http://before/" "browser" [\d.]+ms'
        wait_for(lambda: re.search(f"^{line}$", (logs / "access_log.log").read_text(), re.MULTILINE), "the access line")


def test_the_debug_banner(site: Running) -> None:
    for text in ("settings.setting", "myapp1, myapp2", "tornadopy"):
        assert text in site.output


def test_the_projects_own_settings_module_is_found_without_the_option(tmp_path: Path) -> None:
    with make(tmp_path).running(script="demo/runserver.py") as server:
        assert body(server, "/") == "abc"


def test_the_seeds_secrets_refuse_the_start_of_production(tmp_path: Path) -> None:
    ended = make(tmp_path).run("--port=0", "--settings=settings.settings_online", script="demo/runserver.py")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: TORNADO_CONF['cookie_secret'] is printed in a manual")


def test_log_options_of_the_command_line(tmp_path: Path) -> None:
    options = ("--log_port_prefix=true", f"--logging_dir={tmp_path / 'given'}")
    with make(tmp_path).running(*options, script="demo/runserver.py") as server:
        server.fetch("/login")
        assert server.stop() == 0
    assert not (tmp_path / "demo" / "logs").exists()
    assert list((tmp_path / "given").glob("*.trace_log.log"))
