"""The caches of a configuration: built once, shared where they should be, kept apart where they should be."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from support.server import SECRET, make_application, serving
from tornadopy.application import Application
from tornadopy.cache import CacheHandler, cache, caches
from tornadopy.cache.backends.base import BaseCache
from tornadopy.cache.backends.dummy import DummyCache
from tornadopy.cache.backends.filebased import FileBasedCache
from tornadopy.cache.backends.localcache import LocMemCache
from tornadopy.cache.handler import handler_of
from tornadopy.conf import Settings, settings
from tornadopy.exceptions import CacheConnectionError, ConfigError, MissingExtraError
from tornadopy.handler import WebHandler
from tornadopy.management.checks import find_problems

LOCMEM = "tornadopy.cache.backends.localcache.LocMemCache"
FILES = "tornadopy.cache.backends.filebased.FileBasedCache"
DUMMY = "tornadopy.cache.backends.dummy.DummyCache"


class Noting(LocMemCache):
    """A cache that notes what is done to it."""

    built: ClassVar[list[Any]] = []

    def __init__(self, location: Any, params: Mapping[str, Any]) -> None:
        super().__init__(location, params)
        self.built.append(self)
        self.ping_interval = params.get("OPTIONS", {}).get("PING_INTERVAL")
        self.pings, self.closings, self.thread = 0, 0, threading.current_thread()
        self.error: Exception | None = None

    option_types: ClassVar[Any] = None

    async def aping(self) -> None:
        self.pings += 1
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        self.closings += 1


class Failing(Noting):
    """A cache that cannot be closed."""

    async def aclose(self) -> None:
        raise ZeroDivisionError


class Missing(Noting):
    """A cache whose library is not there."""

    def __init__(self, location: Any, params: Mapping[str, Any]) -> None:
        raise MissingExtraError("this cache needs a library: pip install 'tornadopy[library]'")


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    Noting.built.clear()


def make(**entries: dict[str, Any]) -> CacheHandler:
    return CacheHandler(Settings(CACHES=entries))


class TestLookingUp:
    def test_the_settings_say_what_there_is(self, tmp_path: Path) -> None:
        handler = make(
            default={"BACKEND": LOCMEM},
            files={"BACKEND": FILES, "LOCATION": tmp_path, "TIMEOUT": 5, "KEY_PREFIX": "p", "VERSION": 3},
            none={"BACKEND": DummyCache},
        )
        assert list(handler) == ["default", "files", "none"]
        assert "files" in handler
        assert "other" not in handler
        assert isinstance(handler["default"], LocMemCache)
        assert isinstance(handler["files"], FileBasedCache)
        assert isinstance(handler["none"], DummyCache)
        assert handler["files"].default_timeout == 5
        assert handler["files"].make_key("key") == "p:3:key"

    def test_a_cache_is_built_when_it_is_asked_for_and_only_once(self) -> None:
        handler = make(a={"BACKEND": Noting}, b={"BACKEND": Noting})
        assert Noting.built == []
        assert handler["a"] is handler["a"]
        assert len(Noting.built) == 1
        assert handler.all(initialized_only=True) == [handler["a"]]
        assert handler.all() == [handler["a"], handler["b"]]

    def test_threads_get_the_same_one(self) -> None:
        handler = make(a={"BACKEND": Noting})
        barrier = threading.Barrier(8)

        def look_up(_: int) -> BaseCache:
            barrier.wait(5)
            return handler["a"]

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(look_up, range(8)))
        assert len(found) == len(Noting.built) == 1

    def test_create_makes_another_one_on_the_same_store(self) -> None:
        handler = make(a={"BACKEND": LOCMEM})
        own = handler.create("a")
        assert own is not handler["a"]
        assert own is not handler.create("a")
        own.set("key", 1)
        assert handler["a"].get("key") == 1

    def test_a_location_is_shared_within_a_handler_alone(self) -> None:
        entries = {
            "a": {"BACKEND": LOCMEM, "LOCATION": "one"},
            "b": {"BACKEND": LOCMEM, "LOCATION": "one", "KEY_PREFIX": "b"},
            "c": {"BACKEND": LOCMEM, "LOCATION": "two"},
            "d": {"BACKEND": LOCMEM, "LOCATION": "one"},
        }
        first, second = make(**entries), make(**entries)
        first["a"].set("key", 1)
        assert first["d"].get("key") == 1
        assert first["b"].get("key") is None
        assert first["c"].get("key") is None
        assert second["a"].get("key") is None
        first["b"].clear()
        assert first["a"].get("key") is None

    def test_a_relative_folder_starts_at_the_project(self, tmp_path: Path) -> None:
        handler = CacheHandler(Settings(CACHES={"a": {"BACKEND": FILES, "LOCATION": "var/c"}}, PROJECT_PATH=tmp_path))
        handler["a"].set("key", 1)
        assert list((tmp_path / "var" / "c").glob("*.tpcache"))

    @pytest.mark.parametrize(
        ("alias", "message"),
        [
            ("defualt", "there is no cache 'defualt'; did you mean 'default'?"),
            ("zzz", "there is no cache 'zzz'; CACHES has 'default', 'sessions'"),
            (5, "there is no cache 5"),
        ],
    )
    def test_an_unknown_alias_names_the_known_ones(self, alias: Any, message: str) -> None:
        handler = make(default={"BACKEND": LOCMEM}, sessions={"BACKEND": LOCMEM})
        for call in (handler.__getitem__, handler.create):
            with pytest.raises(ConfigError) as caught:
                call(alias)
            assert message in str(caught.value)

    def test_no_caches_at_all(self) -> None:
        with pytest.raises(ConfigError, match="there is no cache 'default'; CACHES has none"):
            make()["default"]


class TestWrongEntries:
    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({}, "CACHES['x']: the key 'BACKEND' is missing; it takes a string or a class"),
            ({"BACKEND": 5}, "CACHES['x'].BACKEND: expected a string or a class, got 5"),
            ({"BACKEND": LOCMEM, "TIMOUT": 5}, "CACHES['x']: unknown key 'TIMOUT'; did you mean 'TIMEOUT'?"),
            ({"BACKEND": LOCMEM, "TIMEOUT": "5"}, "CACHES['x'].TIMEOUT: expected a number or None, got '5' (str)"),
            ({"BACKEND": LOCMEM, "OPTIONS": []}, "CACHES['x'].OPTIONS: expected a dictionary, got []"),
            ({"BACKEND": LOCMEM, "VERSION": "2"}, "CACHES['x'].VERSION: expected a whole number, got '2'"),
            ({"BACKEND": LOCMEM, "KEY_PREFIX": None}, "CACHES['x'].KEY_PREFIX: expected a string, got"),
        ],
    )
    def test_the_shape_is_checked_with_the_settings(self, entry: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Settings(CACHES={"x": entry})
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"BACKEND": "tornadopy.cache.backends.locmem.LocMemCache"}, f"did you mean '{LOCMEM}'?"),
            ({"BACKEND": "tornadopy.cache.backends.localcache.LocMemCach"}, "did you mean 'LocMemCache'?"),
            ({"BACKEND": "tornadopy.cache.backends.dummy.Dummy"}, "did you mean 'DummyCache'?"),
            ({"BACKEND": "nowhere.Cache"}, ".BACKEND: cannot import 'nowhere.Cache': there is no module 'nowhere'"),
            ({"BACKEND": "tornadopy.conf.Settings"}, ".BACKEND: 'tornadopy.conf.Settings' is no cache backend"),
            ({"BACKEND": int}, ".BACKEND: <class 'int'> is no cache backend; name a class that inherits"),
            ({"BACKEND": BaseCache}, "does not implement add, clear, delete, get, set, touch; a cache backend has to"),
            (
                {"BACKEND": LOCMEM, "OPTIONS": {"MAXENTRIES": 5}},
                ".OPTIONS: unknown key 'MAXENTRIES'; did you mean",
            ),
            (
                {"BACKEND": LOCMEM, "OPTIONS": {"MAX_ENTRIES": "5"}},
                ".OPTIONS.MAX_ENTRIES: expected a whole number",
            ),
            ({"BACKEND": LOCMEM, "OPTIONS": {"MAX_ENTRIES": 0}}, ".OPTIONS.MAX_ENTRIES: expected a whole number"),
            ({"BACKEND": LOCMEM, "OPTIONS": {"CULL_FREQUENCY": -1}}, ".OPTIONS.CULL_FREQUENCY: expected"),
            ({"BACKEND": LOCMEM, "OPTIONS": {"CULL_FREQUENCY": 2.5}}, ".OPTIONS.CULL_FREQUENCY: expected"),
            (
                {"BACKEND": LOCMEM, "OPTIONS": {"SERIALIZER": "yaml"}},
                ".OPTIONS.SERIALIZER: there is no serializer 'yaml'",
            ),
            ({"BACKEND": DUMMY, "OPTIONS": {"DB": 0}}, ".OPTIONS: unknown key 'DB'"),
            ({"BACKEND": LOCMEM, "KEY_FUNCTION": "a.b"}, ".KEY_FUNCTION: cannot import 'a.b'"),
            ({"BACKEND": FILES}, ".LOCATION: expected the path of a folder, got ''"),
            ({"BACKEND": FILES, "LOCATION": ["/tmp"]}, ".LOCATION: expected the path of a folder, got ['/tmp']"),
        ],
    )
    def test_what_the_backend_makes_of_it_is_checked_at_the_start(self, entry: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            make(x=entry).build()
        assert str(caught.value).startswith("CACHES['x'].")
        assert message in str(caught.value)
        with pytest.raises(ConfigError, match=r"CACHES\['x'\]"):
            make_application(CACHES={"x": entry})

    def test_a_password_in_a_wrong_entry_is_not_shown(self) -> None:
        with pytest.raises(ConfigError) as caught:
            Settings(CACHES={"x": {"BACKEND": LOCMEM, "OPTIONS": "redis://:hidden-word@host/0"}})
        assert "hidden-word" not in str(caught.value)

    def test_a_missing_library_is_named_at_the_start_and_fatal_where_it_is_used(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A site keeps its whole settings module, also on a machine that uses a part of it."""
        handler = make(default={"BACKEND": LOCMEM}, other={"BACKEND": Missing})
        handler.build()
        assert handler.all(initialized_only=True) == [handler["default"]]
        (record,) = caplog.records
        assert "CACHES['other']: this cache needs a library: pip install 'tornadopy[library]'" in record.getMessage()
        with pytest.raises(MissingExtraError, match="this cache needs a library"):
            handler["other"]

    def test_the_command_check_names_both(self) -> None:
        entries = {"default": {"BACKEND": LOCMEM}, "other": {"BACKEND": Missing}}
        conf = {"DEBUG": True, "TORNADO_CONF": {"cookie_secret": SECRET}}
        problems, application = find_problems(Settings(CACHES=entries, **conf))
        assert application is not None
        assert [str(each) for each in problems] == [
            "W CACHES['other']: this cache needs a library: pip install 'tornadopy[library]'"
        ]
        problems, _ = find_problems(Settings(CACHES={"default": {"BACKEND": "nowhere.Cache"}}, **conf))
        (problem,) = problems
        assert str(problem).startswith("E CACHES['default'].BACKEND: cannot import 'nowhere.Cache'")

    def test_options_of_a_backend_of_ones_own_are_its_own_affair(self) -> None:
        assert make(x={"BACKEND": Noting, "OPTIONS": {"ANYTHING": 5}})["x"]


class TestGlobals:
    def test_the_same_settings_have_the_same_caches(self) -> None:
        conf = Settings()
        assert handler_of(conf) is handler_of(conf)
        assert handler_of(conf) is not handler_of(Settings())
        assert Application(conf=conf).caches is handler_of(conf)

    def test_caches_go_with_their_settings(self) -> None:
        conf = Settings(CACHES={"default": {"BACKEND": LOCMEM}})
        kept = weakref.ref(handler_of(conf)["default"])
        assert kept() is not None
        del conf
        gc.collect()
        assert kept() is None

    def test_outside_of_requests_they_are_those_of_the_settings_in_force(self) -> None:
        with settings.override(CACHES={"default": {"BACKEND": LOCMEM}, "second": {"BACKEND": DUMMY}}) as conf:
            assert caches["default"] is handler_of(conf)["default"]
            assert list(caches) == ["default", "second"]
            assert "second" in caches
            assert "third" not in caches
            assert len(caches.all()) == 2
            cache.set("key", 1)
            assert cache.get("key") == 1
            assert "key" in cache
            assert caches["default"].get("key") == 1
            with settings.override(CACHES={"default": {"BACKEND": LOCMEM}}):
                assert cache.get("key") is None
            assert cache.get("key") == 1

    def test_in_a_request_they_are_those_of_its_application(self) -> None:
        class Count(WebHandler):
            async def get(self) -> None:
                cache.add("count", 0)
                assert self.application.caches["default"] is caches["default"]
                self.write(str(await cache.aincr("count")))

        first, second = (make_application([("/", Count)]) for _ in range(2))
        with serving(first) as one, serving(second) as two:
            assert [one.get("/").body, one.get("/").body, two.get("/").body] == [b"1", b"2", b"1"]
        assert first.caches["default"].get("count") == 2
        assert second.caches["default"].get("count") == 1

    def test_looking_at_them_needs_no_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise AssertionError("the settings were read")

        monkeypatch.setattr(type(settings), "current", lambda self: refuse())
        for each in (cache, caches):
            assert not hasattr(each, "__wrapped__")
            assert repr(each)

    def test_a_script_with_the_applications_settings_sees_its_caches(self) -> None:
        application = make_application()
        handler_of(application.conf)["default"].set("key", 1)
        assert application.caches["default"].get("key") == 1


class TestPings:
    OPTIONS: ClassVar[dict[str, Any]] = {"PING_INTERVAL": 0.01}

    def test_those_that_want_it_are_pinged_again_and_again_until_the_stop(self) -> None:
        handler = make(
            a={"BACKEND": Noting, "OPTIONS": self.OPTIONS},
            b={"BACKEND": Noting, "OPTIONS": {"PING_INTERVAL": 1000}},
            c={"BACKEND": Noting},
        )
        handler.build()

        async def main() -> None:
            before, threads = asyncio.all_tasks(), threading.active_count()
            handler.start_pings()
            handler.start_pings()
            assert len(asyncio.all_tasks() - before) == 1, "one task for all"
            await until(lambda: handler["a"].pings >= 5)
            assert threading.active_count() == threads
            await handler.aclose()
            assert asyncio.all_tasks() == before

        asyncio.run(main())
        assert handler["b"].pings == 1, "at the start, and then after its interval"
        assert handler["c"].pings == 0
        assert [each.closings for each in handler.all()] == [1, 1, 1]

    def test_no_task_is_started_for_nobody(self) -> None:
        handler = make(a={"BACKEND": Noting})
        handler.build()

        async def main() -> None:
            before = asyncio.all_tasks()
            handler.start_pings()
            assert asyncio.all_tasks() == before
            await handler.aclose()

        asyncio.run(main())

    def test_silence_is_said_once_and_so_is_its_end(self, caplog: pytest.LogCaptureFixture) -> None:
        handler = make(a={"BACKEND": Noting, "OPTIONS": self.OPTIONS})
        handler.build()
        cache = handler["a"]

        async def main() -> None:
            cache.error = CacheConnectionError("nobody is there")
            handler.start_pings()
            await until(lambda: cache.pings >= 4)
            cache.error = None
            pings = cache.pings
            await until(lambda: cache.pings >= pings + 4)
            await handler.aclose()

        asyncio.run(main())
        messages = [record.getMessage() for record in caplog.records if record.name == "tornadopy.tracelog"]
        assert messages == [
            "the cache 'a' does not answer; this is said once: nobody is there",
            "the cache 'a' answers again",
        ]

    def test_an_unexpected_error_does_not_end_the_pings(self, caplog: pytest.LogCaptureFixture) -> None:
        handler = make(a={"BACKEND": Noting, "OPTIONS": self.OPTIONS})
        handler.build()
        handler["a"].error = ZeroDivisionError()

        async def main() -> None:
            handler.start_pings()
            await until(lambda: handler["a"].pings >= 3)
            await handler.aclose()

        asyncio.run(main())
        assert "the cache 'a' could not be pinged" in caplog.text

    def test_they_can_be_started_again_in_another_loop(self) -> None:
        handler = make(a={"BACKEND": Noting, "OPTIONS": self.OPTIONS})
        handler.build()

        async def main() -> None:
            pings = handler["a"].pings
            handler.start_pings()
            await until(lambda: handler["a"].pings > pings)
            await handler.aclose()

        asyncio.run(main())
        asyncio.run(main())

    def test_one_that_cannot_be_closed_does_not_keep_the_others_open(self, caplog: pytest.LogCaptureFixture) -> None:
        handler = make(a={"BACKEND": Failing}, b={"BACKEND": Noting})
        handler.build()
        asyncio.run(handler.aclose())
        assert handler["b"].closings == 1
        assert "the cache 'a' could not be closed" in caplog.text


class TestApplication:
    def test_it_pings_and_closes_its_caches(self) -> None:
        application = make_application(CACHES={"a": {"BACKEND": Noting, "OPTIONS": TestPings.OPTIONS}})
        seen: list[Any] = []
        application.on_startup.append(lambda app: seen.append(app.caches["a"].pings))
        application.on_shutdown.append(lambda app: seen.append(app.caches["a"].closings))

        async def main() -> None:
            await application.startup()
            await until(lambda: application.caches["a"].pings >= 2)
            await application.shutdown()

        asyncio.run(main())
        assert seen == [0, 0], "hooks come first at the start and at the stop"
        assert application.caches["a"].closings == 1

    def test_a_start_that_fails_closes_them_too(self) -> None:
        application = make_application(CACHES={"a": {"BACKEND": Noting}})

        def fail(app: Application) -> None:
            raise ConfigError("no")

        application.on_startup.append(fail)
        with pytest.raises(ConfigError):
            asyncio.run(application.startup())
        assert application.caches["a"].closings == 1

    def test_it_builds_its_caches_when_it_is_made(self) -> None:
        make_application(CACHES={"a": {"BACKEND": Noting}, "b": {"BACKEND": Noting}})
        assert len(Noting.built) == 2


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_outages_are_reported_once_by_many_threads(caplog: pytest.LogCaptureFixture) -> None:
    outages = make(a={"BACKEND": LOCMEM}).outages
    barrier = threading.Barrier(8)

    def fail(_: int) -> None:
        barrier.wait(5)
        outages.failed("a", CacheConnectionError("down"))

    def answer(_: int) -> None:
        barrier.wait(5)
        outages.answered("a")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fail, range(8)))
        list(pool.map(answer, range(8)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
