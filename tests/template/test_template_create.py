"""Which engine is made, and what is said if that fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from template_dialects import DIALECTS, Dialect, write

from tornadopy.exceptions import ConfigError
from tornadopy.template import create_loader
from tornadopy.template.tornado_loader import TornadoTemplateLoader

SETTING = r"TEMPLATE_CONFIG\['template_engine'\]"


class OwnLoader:
    """A loader of the user's own."""

    def __init__(self, paths: Any, *, debug: bool, project_path: Path, **options: Any) -> None:
        self.arguments = (list(paths), debug, project_path, options)

    def load(self, name: str, parent_path: str | None = None) -> Any: ...

    def exists(self, name: str) -> bool:
        return False

    def reset(self) -> None: ...


class NoLoader:
    def __init__(self, paths: Any, **options: Any) -> None: ...

    def load(self, name: str) -> None: ...


class NarrowLoader(OwnLoader):
    def __init__(self, paths: Any, *, debug: bool, project_path: Path) -> None: ...


def create(engine: Any, options: Mapping[str, Any] | None = None) -> Any:
    return create_loader(engine, ["templates"], debug=True, options=options or {}, project_path=Path("site"))


def test_an_error_inside_an_engines_module_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the error is; options that name functions say so too."""
    (tmp_path / "brokenengine.py").write_text("import os\nmissing_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=rf"^{SETTING}: cannot import 'brokenengine\.L': NameError: .*line 2\)$"
    ) as caught:
        create("brokenengine.L")
    assert isinstance(caught.value.__cause__, NameError)
    with pytest.raises(ConfigError, match=r"^TEMPLATE_CONFIG\['filters'\]\['loud'\]: .*NameError: .*line 2\)$"):
        create("tornadopy.template.jinja2_loader.Jinja2TemplateLoader", {"filters": {"loud": "brokenengine.loud"}})


def test_none_means_tornados_engine() -> None:
    assert type(create(None)) is TornadoTemplateLoader


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_an_engine_can_be_given_as_a_class(dialect: Dialect, tmp_path: Path) -> None:
    loader_class = type(dialect.loader(write(tmp_path, index="x")))
    loader = create_loader(loader_class, [tmp_path], debug=False, options={}, project_path=tmp_path)
    assert loader.load("index.html").generate() == b"x"


@pytest.mark.parametrize("engine", [OwnLoader, f"{__name__}.OwnLoader"])
def test_a_loader_of_the_users_own_gets_all_options(engine: Any) -> None:
    assert create(engine, {"colour": "red"}).arguments == (["templates"], True, Path("site"), {"colour": "red"})


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ("jinja2", "'jinja2' is not a dotted name"),
        ("nowhere_at_all.Loader", "no module 'nowhere_at_all'"),
        ("tornadopy.template.jinja_loader.Jinja2TemplateLoader", "jinja_loader"),
        ("tornadopy.template.mako_loader.MakoTemplateLoadr", "did you mean 'MakoTemplateLoader'"),
        ("tornadopy.template.tornado_loader._ORIGIN", "neither the name of a loader class nor None"),
        (3, "neither the name of a loader class nor None"),
        (NoLoader, r"NoLoader is no template loader: it has no exists, reset\(\)"),
        (f"{__name__}.NoLoader", "no template loader"),
    ],
)
def test_what_is_no_engine_is_an_error_that_names_the_setting(engine: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{SETTING}: .*{problem}"):
        create(engine)


def test_a_loader_that_refuses_an_option_is_an_error_that_names_both() -> None:
    with pytest.raises(ConfigError, match=f"{SETTING}: NarrowLoader cannot be made .*'colour'") as caught:
        create(NarrowLoader, {"colour": "red"})
    assert isinstance(caught.value.__cause__, TypeError)
