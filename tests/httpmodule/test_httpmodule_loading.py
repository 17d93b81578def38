"""What may stand in COMMON_MODULES and ROUTE_MODULES, and what is said about the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado import gen

from tornadopy.exceptions import ConfigError
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.httpmodule.loading import ModuleLoader
from tornadopy.httpmodule.rules import compile_rules

WriteModule = Callable[[str, str], None]


class Auth(BaseHttpModule):
    def begin_request(self, handler: Any, clear: Any) -> None: ...


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Write Python modules of the package ``shopmodules``, which is forgotten afterwards."""
    package = tmp_path / "shopmodules"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    def write_module(name: str, text: str) -> None:
        (package / f"{name}.py").write_text("from tornadopy.httpmodule import BaseHttpModule\n" + text)

    yield write_module
    for name in [name for name in sys.modules if name.partition(".")[0] == "shopmodules"]:
        del sys.modules[name]


MODULE = "class {}(BaseHttpModule):\n    def begin_request(self, handler, clear): pass\n"


def refusal(entry: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        ModuleLoader().load("COMMON_MODULES[0]", entry)
    message = str(caught.value)
    assert message.startswith("COMMON_MODULES[0]: ")
    return message


def test_a_class_and_its_dotted_name_give_the_same_object() -> None:
    loader = ModuleLoader()
    module = loader.load("COMMON_MODULES[0]", Auth)
    assert isinstance(module, Auth)
    assert loader.load("COMMON_MODULES[1]", f"{Auth.__module__}.Auth") is module


def test_two_applications_have_objects_of_their_own() -> None:
    assert ModuleLoader().load("COMMON_MODULES[0]", Auth) is not ModuleLoader().load("COMMON_MODULES[0]", Auth)


def test_a_python_module_stands_for_the_one_class_that_it_defines(write: WriteModule) -> None:
    """Classes that it imports, and classes of other kinds, do not count; a second name of the same class neither."""
    write("base", MODULE.format("Base"))
    write("login", "from shopmodules.base import Base\nclass Helper: pass\nclass Login(Base): pass\nAlias = Login\n")
    module = ModuleLoader().load("COMMON_MODULES[0]", "shopmodules.login")
    assert type(module).__name__ == "Login"


def test_a_python_module_that_defines_several_is_refused(write: WriteModule) -> None:
    write("several", MODULE.format("One") + MODULE.format("Two"))
    message = refusal("shopmodules.several")
    assert "'shopmodules.several' is a Python module" in message
    assert "(found: shopmodules.several.One, shopmodules.several.Two)" in message


def test_a_python_module_that_defines_none_is_refused(write: WriteModule) -> None:
    write("empty", "")
    assert "(found: none); name the class instead" in refusal("shopmodules.empty")


def test_a_name_that_cannot_be_imported_is_refused_with_the_cause(write: WriteModule) -> None:
    write("auth", MODULE.format("AuthModule"))
    assert "there is no module 'nowhere'" in refusal("nowhere.auth.AuthModule")
    assert "did you mean 'AuthModule'?" in refusal("shopmodules.auth.AuthModul")
    assert "is not a dotted name" in refusal("AuthModule")


def test_an_error_inside_the_imported_module_is_shown_and_chained(write: WriteModule) -> None:
    write("broken", "raise ValueError('no key')\n")
    with pytest.raises(
        ConfigError, match=r"cannot import 'shopmodules\.broken\.Auth': ValueError: no key \(.*broken\.py, line 2\)$"
    ) as caught:
        ModuleLoader().load("COMMON_MODULES[0]", "shopmodules.broken.Auth")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("entry", [3, Auth(), None, "os.path.join"])
def test_what_is_no_class_is_refused(entry: object) -> None:
    assert f"expected a class that inherits BaseHttpModule, or its dotted name, got {entry!r}" in refusal(entry)


def test_a_class_that_is_no_http_module_is_refused() -> None:
    message = refusal("collections.OrderedDict")
    assert "collections.OrderedDict does not inherit tornadopy.httpmodule.BaseHttpModule" in message


def test_a_module_without_hooks_is_refused() -> None:
    class Empty(BaseHttpModule):
        def other(self) -> None: ...

    expected = "implements no hook; write at least one of begin_request, begin_render, begin_response, complete_respon"
    assert expected in refusal(Empty)
    assert expected in refusal(BaseHttpModule)


def test_a_subclass_may_take_away_an_inherited_hook() -> None:
    class Less(Auth):
        begin_request = None  # type: ignore[assignment]

        def begin_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None: ...

    plan = compile_rules([Less], {}, ()).plan(None, "/")
    assert plan.begin_request == ()
    assert len(plan.begin_response) == 1


def test_an_asynchronous_begin_render_is_refused() -> None:
    class Native(BaseHttpModule):
        async def begin_render(self, handler: Any, clear: Any, template_name: str, **kwargs: Any) -> None: ...

    class Decorated(BaseHttpModule):
        @gen.coroutine
        def begin_render(self, handler: Any, clear: Any, template_name: str, **kwargs: Any) -> Any:
            yield

    for module in (Native, Decorated):
        assert "Decorated" in refusal(module) or "Native" in refusal(module)
        assert "is asynchronous, and templates are rendered synchronously" in refusal(module)


def test_the_other_hooks_may_be_asynchronous() -> None:
    class Module(BaseHttpModule):
        async def begin_request(self, handler: Any, clear: Any) -> None: ...

        @gen.coroutine
        def begin_response(self, handler: Any, clear: Any, chunk: list[Any]) -> Any:
            yield

        async def complete_response(self, handler: Any, clear: Any) -> None: ...

    assert isinstance(ModuleLoader().load("COMMON_MODULES[0]", Module), Module)


def test_a_generator_is_refused_as_its_return_value_would_be_true() -> None:
    class Undecorated(BaseHttpModule):
        def begin_request(self, handler: Any, clear: Any) -> Iterator[None]:
            yield

    class Asynchronous(BaseHttpModule):
        async def begin_request(self, handler: Any, clear: Any) -> Any:
            yield

    for module in (Undecorated, Asynchronous):
        assert "is a generator" in refusal(module)


def test_a_hook_that_cannot_be_called_is_refused() -> None:
    class Wrong(BaseHttpModule):
        begin_request = "log in"  # type: ignore[assignment]

    assert "begin_request of" in refusal(Wrong)
    assert "is no method but 'log in' (str)" in refusal(Wrong)


def test_a_module_that_cannot_be_created_is_refused_with_the_cause() -> None:
    class Failing(Auth):
        def __init__(self) -> None:
            raise RuntimeError("no licence")

    class Demanding(Auth):
        def __init__(self, key: str) -> None: ...

    assert "cannot create" in refusal(Failing)
    assert "RuntimeError: no licence" in refusal(Failing)
    assert "TypeError" in refusal(Demanding)
