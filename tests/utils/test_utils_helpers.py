"""The small helpers that the seed's users import."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado import gen

from tornadopy.exceptions import ArgumentError
from tornadopy.utils.functional import cached_property, lazyimport
from tornadopy.utils.storage import Storage, storage
from tornadopy.utils.text import safestr, safeunicode
from tornadopy.utils.timing import sleep


class TestStorage:
    def test_keys_are_attributes_and_attributes_are_keys(self) -> None:
        s = storage({"a": 1}, b=2)
        s.c = 3
        s["d"] = 4
        assert (s.a, s.b, s["c"], s.d) == (1, 2, 3, 4)
        assert s == {"a": 1, "b": 2, "c": 3, "d": 4}
        assert isinstance(s, dict)

    def test_what_is_missing_is_an_attribute_error_or_a_key_error(self) -> None:
        s = storage(a=1)
        del s.a
        with pytest.raises(AttributeError, match="no 'a'"):
            s.a  # noqa: B018
        with pytest.raises(AttributeError, match="no 'a'"):
            del s.a
        with pytest.raises(KeyError):
            s["a"]
        assert not hasattr(s, "a")
        assert getattr(s, "a", 5) == 5

    def test_repr(self) -> None:
        assert repr(storage(a=1)) == "<Storage {'a': 1}>"

    def test_copies_are_storages(self) -> None:
        s = storage(a=[1])
        for each in (s.copy(), copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
            assert isinstance(each, Storage)
            assert each == s
            assert each is not s


class TestCachedProperty:
    def test_it_is_computed_once(self) -> None:
        class Thing:
            count = 0

            @cached_property
            def value(self) -> int:
                self.count += 1
                return self.count

        thing = Thing()
        assert (thing.value, thing.value) == (1, 1)
        del thing.value
        assert thing.value == 2


class TestLazyImport:
    @pytest.fixture
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        package = tmp_path / "lazily"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "inner.py").write_text("value = 1\n")
        (package / "broken.py").write_text("import surely_not_installed\n")
        monkeypatch.syspath_prepend(tmp_path)
        for name in ("lazily", "lazily.inner", "lazily.broken"):
            monkeypatch.setitem(sys.modules, name, sys)
            monkeypatch.delitem(sys.modules, name)
        return "lazily.inner"

    def test_it_is_imported_at_the_first_use(self, module: str) -> None:
        lazy = lazyimport(module)
        assert repr(lazy) == "<lazy module 'lazily.inner', not imported yet>"
        assert module not in sys.modules
        assert lazy.value == 1
        assert module in sys.modules
        assert repr(lazy) == "<lazy module 'lazily.inner'>"

    def test_it_stands_for_the_module(self, module: str) -> None:
        lazy = lazyimport(module)
        lazy.other = 2
        assert sys.modules[module].other == 2
        del lazy.other
        assert not hasattr(lazy, "other")
        assert "value" in dir(lazy)

    def test_a_missing_module_is_named(self, module: str) -> None:
        lazy = lazyimport("lazily.absent")
        with pytest.raises(ImportError, match=r"lazyimport\('lazily.absent'\): .*No module named 'lazily.absent'"):
            lazy.anything  # noqa: B018

    def test_the_cause_inside_the_module_is_named(self, module: str) -> None:
        with pytest.raises(ImportError, match=r"lazily.broken.*surely_not_installed") as error:
            lazyimport("lazily.broken").anything  # noqa: B018
        assert error.value.name == "surely_not_installed"
        assert isinstance(error.value.__cause__, ModuleNotFoundError)

    @pytest.mark.parametrize("name", ["", ".relative", "a..b", "a b"])
    def test_what_is_no_name_is_refused_at_once(self, name: str) -> None:
        with pytest.raises(ArgumentError, match="dotted name"):
            lazyimport(name)


class TestText:
    def test_bytes_are_decoded_and_anything_else_by_its_str(self) -> None:
        assert safestr(b"caf\xc3\xa9") == "café"
        assert safestr(bytearray(b"abc")) == safestr(memoryview(b"abc")) == "abc"
        assert safestr("café") == "café"
        assert (safestr(42), safestr(None)) == ("42", "None")
        assert safestr(b"\xe9", "latin-1") == "é"
        assert safeunicode(b"abc") == "abc"

    @given(st.binary())
    def test_no_bytes_make_it_fail(self, value: bytes) -> None:
        assert isinstance(safestr(value), str)


class TestSleep:
    def test_others_run_meanwhile(self) -> None:
        async def main() -> list[str]:
            order: list[str] = []

            async def other() -> None:
                order.append("other")

            task = asyncio.create_task(other())
            start = time.monotonic()
            await sleep(0.02)
            assert time.monotonic() - start >= 0.019
            order.append("slept")
            await task
            return order

        assert asyncio.run(main()) == ["other", "slept"]

    def test_it_can_be_yielded_in_a_tornado_coroutine(self) -> None:
        @gen.coroutine
        def work() -> Any:
            yield sleep(0)
            return "done"

        async def main() -> object:
            return await work()

        assert asyncio.run(main()) == "done"
