"""Template engines behind one contract, `tornadopy.types.TemplateLoader`.

An application makes one loader at start with `create_loader`. The engines are named by their dotted names, so that
only the one in use is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting

if TYPE_CHECKING:
    from tornadopy.types import TemplateLoader

__all__ = ["create_loader"]

TORNADO_ENGINE = "tornadopy.template.tornado_loader.TornadoTemplateLoader"

_SETTING = "TEMPLATE_CONFIG['template_engine']"


def create_loader(
    engine: str | type | None,
    paths: Sequence[str | Path],
    *,
    debug: bool,
    options: Mapping[str, Any],
    project_path: Path,
) -> TemplateLoader:
    """Return the loader that ``TEMPLATE_CONFIG`` describes.

    Args:
        engine: ``TEMPLATE_CONFIG['template_engine']``: a class or its dotted name; None for Tornado's own engine. It is
            called as ``engine(paths, debug=..., project_path=..., **options)``.
        paths: The folders of the search path, in order of preference.
        debug: Whether the application is in debug mode.
        options: The other entries of ``TEMPLATE_CONFIG``.
        project_path: What relative paths in *options* are relative to.

    Raises:
        ConfigError: The engine cannot be imported, is no loader, or an option is unknown or wrong.
        MissingExtraError: The engine's library is not installed.

    .. versionadded:: 2.0
    """
    loader_class = _import_engine(engine or TORNADO_ENGINE)
    try:
        loader: TemplateLoader = loader_class(paths, debug=debug, project_path=project_path, **options)
    except TypeError as exc:  # the engines here name wrong options themselves; another one may be called wrongly
        raise ConfigError(
            f"{_SETTING}: {_name(engine)} cannot be made with the options of TEMPLATE_CONFIG: {exc}"
        ) from exc
    missing = [name for name in ("load", "exists", "reset") if not callable(getattr(loader, name, None))]
    if missing:
        raise ConfigError(f"{_SETTING}: {_name(engine)} is no template loader: it has no {', '.join(missing)}()")
    return loader


def _import_engine(engine: str | type) -> Any:
    loader_class = import_setting(_SETTING, engine) if isinstance(engine, str) else engine
    if not callable(loader_class):
        raise ConfigError(f"{_SETTING}: {engine!r} is neither the name of a loader class nor None")
    return loader_class


def _name(engine: str | type | None) -> str:
    return engine.__qualname__ if isinstance(engine, type) else repr(engine)
