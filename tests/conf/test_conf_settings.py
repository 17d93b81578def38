"""The view of the settings: lazy, frozen, and overridden for a block, a call or a request."""

from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import pytest

from tornadopy.conf import LazySettings, Settings, loader, settings
from tornadopy.context import RequestContext, current_request
from tornadopy.exceptions import ConfigError


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """A view of its own, with nothing loaded."""
    for name in loader.MODULE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return LazySettings()


class Application:
    """As much of an application as the settings ask for."""

    def __init__(self, conf: Settings) -> None:
        self.conf = conf


def request_of(conf: Settings) -> Any:
    return RequestContext(Application(conf), object())  # type: ignore[arg-type]


class TestNames:
    def test_an_unknown_one_is_a_config_error_and_an_attribute_error(self) -> None:
        with pytest.raises(ConfigError, match=r"there is no setting 'DEBUGG'; did you mean 'DEBUG'\?") as caught:
            _ = settings.DEBUGG
        assert isinstance(caught.value, AttributeError)
        assert not hasattr(settings, "DEBUGG")
        assert getattr(settings, "DEBUGG", "none") == "none"

    def test_one_without_a_near_name_says_where_to_define_it(self, write_module: Any) -> None:
        with pytest.raises(ConfigError, match="'ZZZQ'; define it in a settings module"):
            _ = Settings().ZZZQ
        with pytest.raises(ConfigError, match=r"'ZZZQ'; define it in site_q\.setting"):
            _ = Settings(write_module("site_q.setting")).ZZZQ

    def test_other_attributes_do_not_exist_either(self) -> None:
        with pytest.raises(AttributeError, match="'Settings' object has no attribute 'debug'") as caught:
            _ = Settings().debug
        assert not isinstance(caught.value, ConfigError)
        assert not hasattr(settings, "__html__")

    def test_in_iteration_and_dir(self, view: LazySettings) -> None:
        assert "DEBUG" in view
        assert "DEBUGG" not in view
        assert {"DEBUG", "SESSION"} <= set(view) <= set(dir(view))
        assert "override" in dir(view)
        conf = Settings()
        assert set(conf) == set(conf.as_dict()) <= set(dir(conf))


class TestFrozen:
    def test_nothing_can_be_set_or_deleted(self, view: LazySettings) -> None:
        conf = Settings()
        with pytest.raises(TypeError, match=r"DEBUG cannot be set; use settings\.override\(DEBUG="):
            conf.DEBUG = True
        with pytest.raises(TypeError, match=r"DEBUG cannot be set"):
            view.DEBUG = True
        with pytest.raises((TypeError, AttributeError)):
            del conf.DEBUG
        with pytest.raises(TypeError, match="frozen"):
            conf.SESSION["expires"] = 1
        with pytest.raises(TypeError, match="frozen"):
            conf.SESSION.expires = 1
        assert isinstance(conf.LOGGING, tuple)

    def test_a_copy_is_the_same(self) -> None:
        conf = Settings()
        assert copy.copy(conf) is copy.deepcopy(conf) is conf

    def test_replace_leaves_the_original(self) -> None:
        conf = Settings(DEBUG=True, SESSION={"expires": 5})
        other = conf.replace(DEBUG=False, SESSION={"secure": True})
        assert (conf.DEBUG, conf.SESSION.secure) == (True, None)
        assert (other.DEBUG, other.SESSION.secure, other.SESSION.expires) == (False, True, 5)
        with pytest.raises(ConfigError, match="DEBUG: expected"):
            conf.replace(DEBUG=3)

    def test_its_form_shows_no_value(self, write_module: Any, view: LazySettings) -> None:
        assert repr(Settings(SESSION={"secret_key": "hunter2"})) == "<Settings defaults>"
        assert repr(view) == "<settings, not loaded>"
        view.configure(write_module("site_r.setting"))
        assert repr(view) == "<settings: <Settings site_r.setting>>"


class TestLazy:
    def test_the_environments_module_is_loaded_at_first_use_and_once(
        self, view: LazySettings, write_module: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("tornadopy_APP_SETTINGS", "site_s.setting")
        view = LazySettings()  # not even there yet
        write_module("site_s.setting", "import builtins\nbuiltins.loads = getattr(builtins, 'loads', 0) + 1\nSHOP = 1")
        import builtins

        assert not hasattr(builtins, "loads")
        found: list[Any] = []
        barrier = threading.Barrier(8)

        def read() -> None:
            barrier.wait()
            found.append((view.SHOP, view.current()))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [shop for shop, _ in found] == [1] * 8
        assert len({id(conf) for _, conf in found}) == 1
        assert builtins.loads == 1
        del builtins.loads

    def test_a_module_that_fails_is_an_error_at_each_use_and_never_a_fall_back(
        self, view: LazySettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TORNADOPY_APP_SETTINGS", "no_such_site")
        for _ in range(2):
            with pytest.raises(ConfigError, match="settings module 'no_such_site' not found"):
                _ = view.DEBUG

    def test_configure_wins_over_the_environment(
        self, view: LazySettings, write_module: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TORNADOPY_APP_SETTINGS", write_module("site_t.a", "SHOP = 'a'"))
        assert view.configure().SHOP == view.SHOP == "a"
        assert view.configure(write_module("site_t.b", "SHOP = 'b'"), DEBUG=True).SHOP == view.SHOP == "b"
        assert view.DEBUG is True
        with pytest.raises(ConfigError):
            view.configure("site_t.c")
        assert view.SHOP == "b", "what was there stays"


class TestOverride:
    def test_a_block(self, view: LazySettings) -> None:
        with view.override(DEBUG=True, SHOP="ours") as conf:
            assert (view.DEBUG, view.SHOP) == (True, "ours")
            assert view.current() is conf
            with view.override(SESSION={"expires": 9}):
                assert (view.DEBUG, view.SESSION.expires) == (True, 9)
            assert view.SESSION.expires == 0
        assert view.DEBUG is False
        assert "SHOP" not in view

    def test_a_block_that_fails(self, view: LazySettings) -> None:
        with pytest.raises(KeyError), view.override(DEBUG=True):
            raise KeyError
        assert view.DEBUG is False

    def test_one_object_can_be_used_twice_and_in_itself(self, view: LazySettings) -> None:
        debug = view.override(DEBUG=True)
        with debug, debug:
            assert view.DEBUG
        assert not view.DEBUG
        with debug:
            assert view.DEBUG
        assert not view.DEBUG

    def test_a_wrong_value_leaves_everything_as_it_was(self, view: LazySettings) -> None:
        with pytest.raises(ConfigError, match="DEBUG: expected"), view.override(DEBUG="no"):
            pytest.fail("not reached")
        assert view.DEBUG is False

    def test_functions_methods_and_coroutines(self, view: LazySettings) -> None:
        @view.override(DEBUG=True)
        def function(value: int, *, other: int) -> tuple[bool, int]:
            """Say something."""
            return view.DEBUG, value + other

        class Holder:
            @view.override(DEBUG=True)
            def method(self) -> tuple[bool, type]:
                return view.DEBUG, type(self)

        @view.override(DEBUG=True)
        async def coroutine() -> bool:
            await asyncio.sleep(0)
            return bool(view.DEBUG)

        assert function(1, other=2) == (True, 3)
        assert (function.__name__, function.__doc__) == ("function", "Say something.")
        assert Holder().method() == (True, Holder)
        waiting = coroutine()
        assert view.DEBUG is False, "it holds while the coroutine runs, not from its creation"
        assert asyncio.run(waiting) is True
        assert view.DEBUG is False

    def test_a_decorated_function_that_calls_itself(self, view: LazySettings) -> None:
        @view.override(DEBUG=True)
        def down(depth: int) -> bool:
            return bool(view.DEBUG) and (depth == 0 or down(depth - 1)) and bool(view.DEBUG)

        assert down(3)
        assert view.DEBUG is False

    def test_a_class_is_refused(self, view: LazySettings) -> None:
        with pytest.raises(ConfigError, match="decorates functions and methods, not the class Tests"):

            @view.override(DEBUG=True)
            class Tests:
                pass

    def test_it_reaches_the_threads_of_its_block(self, view: LazySettings) -> None:
        seen: list[bool] = []
        with view.override(DEBUG=True):
            thread = threading.Thread(target=lambda: seen.append(view.DEBUG))
            thread.start()
            thread.join()
        assert seen == [True]

    def test_blocks_of_two_tasks_that_end_crosswise(self, view: LazySettings) -> None:
        async def main() -> None:
            first, second = view.override(SHOP=1), view.override(SHOP=2)
            first.__enter__()
            second.__enter__()
            first.__exit__(None, None, None)
            assert view.SHOP == 2
            second.__exit__(None, None, None)
            assert "SHOP" not in view

        asyncio.run(main())


class TestRequests:
    def test_a_request_sees_its_applications_settings_even_in_an_override_from_outside(
        self, view: LazySettings
    ) -> None:
        token = current_request.set(request_of(Settings(SHOP="a")))
        try:
            assert view.SHOP == "a"
        finally:
            current_request.reset(token)
        with view.override(SHOP="tests"):
            token = current_request.set(request_of(Settings(SHOP="a")))
            try:
                assert view.SHOP == "a"
            finally:
                current_request.reset(token)
            assert view.SHOP == "tests"

    def test_an_override_in_a_request_does_not_reach_the_ones_beside_it(self, view: LazySettings) -> None:
        conf = Settings(SHOP="a", DEBUG=True)
        entered, checked = threading.Event(), threading.Event()
        seen: list[Any] = []

        def beside() -> None:
            current_request.set(request_of(conf))
            assert entered.wait(5)
            seen.append(view.SHOP)
            checked.set()

        thread = threading.Thread(target=beside)
        thread.start()
        token = current_request.set(request_of(conf))
        try:
            with view.override(SHOP="b"):
                entered.set()
                assert checked.wait(5)
                assert (view.SHOP, view.DEBUG) == ("b", True)
            assert view.SHOP == "a"
        finally:
            current_request.reset(token)
            thread.join()
        assert seen == ["a"]
