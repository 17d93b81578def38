"""The templates of one application: its engine, its search path, its context processors.

Made by the application, used by its handlers; the engines themselves are behind `tornadopy.template.create_loader`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornadopy.conf import Settings
from tornadopy.conf.defaults import Defaults
from tornadopy.conf.values import thaw
from tornadopy.exceptions import ConfigError
from tornadopy.template import create_loader
from tornadopy.utils.imports import import_setting

if TYPE_CHECKING:
    from tornadopy.types import TemplateLoader

_TORNADO_NAMES = {"autoescape": "autoescape", "template_whitespace": "whitespace"}
"""Tornado's settings for templates, and the options that they are."""

ContextProcessor = Callable[[Any], Mapping[str, Any]]


class TemplateEnvironment:
    """Make and keep the template loaders of an application.

    Args:
        conf: The configuration.
        folders: The apps' template folders, in the order in which they are searched.
        tornado_settings: Tornado's settings as the application has them; None takes ``TORNADO_CONF``. Their
            ``template_path``, ``autoescape``, ``template_whitespace`` and ``template_loader`` hold.

    Attributes:
        context_processors: Functions of the handler whose values every template sees.

    Raises:
        ConfigError: The engine or a context processor cannot be imported, or an option is unknown.
        MissingExtraError: The engine is not installed.
    """

    def __init__(
        self, conf: Settings, folders: Iterable[Path] = (), tornado_settings: Mapping[str, Any] | None = None
    ) -> None:
        options = thaw(conf.TEMPLATE_CONFIG)
        self._engine = options.pop("template_engine", None)
        self.context_processors = tuple(_import_processors(options.pop("context_processors", ())))
        self._options: dict[str, Any] = options
        self._conf = conf
        self._folders = tuple(folders)
        self._loaders: dict[Any, Any] = {}
        self._error_templates: dict[int, str | None] = {}
        self._lock = threading.Lock()
        self._tornado_settings = conf.TORNADO_CONF if tornado_settings is None else tornado_settings
        if self._may_be_wrong():
            self.create_for_site()  # an error at start, not at the first page

    def _may_be_wrong(self) -> bool:
        """Whether the project says of its templates anything but where they are."""
        is_built_in = self._conf.TEMPLATE_CONFIG == Defaults.TEMPLATE_CONFIG
        return not is_built_in or any(name in self._tornado_settings for name in _TORNADO_NAMES)

    def create(self, template_path: str | None, **options: Any) -> TemplateLoader:
        """Return a new loader that searches *template_path*, then the apps' folders.

        Args:
            template_path: The first folder, if any; a relative one starts at ``PROJECT_PATH``.
            **options: Options of the engine that win over ``TEMPLATE_CONFIG``.
        """
        first = [self._conf.path(template_path)] if template_path else []
        return create_loader(
            self._engine,
            [*first, *self._folders],
            debug=self._conf.DEBUG,
            options={**self._options, **options},
            project_path=Path(self._conf.PROJECT_PATH),
        )

    def create_for_site(self, template_path: str | None = None) -> Any:
        """Return the loader that the application's settings ask for.

        Args:
            template_path: The first folder; None takes that of the settings.
        """
        settings = self._tornado_settings
        if "template_loader" in settings:
            return settings["template_loader"]
        options = {option: settings[name] for name, option in _TORNADO_NAMES.items() if name in settings}
        return self.create(template_path or settings.get("template_path"), **options)

    def loader(self, key: Any, create: Callable[[], Any]) -> Any:
        """Return the loader kept under *key*, made by *create* when it is first asked for."""
        loader = self._loaders.get(key)
        if loader is None:
            with self._lock:
                loader = self._loaders.setdefault(key, create())
        return loader

    def error_template(self, status_code: int) -> str | None:
        """Return the name of the project's template for errors of *status_code*, if it has one.

        Outside of debug the folders are looked at once for each status.
        """
        if status_code not in self._error_templates or self._conf.DEBUG:
            self._error_templates[status_code] = self._find_error_template(status_code)
        return self._error_templates[status_code]

    def _find_error_template(self, status_code: int) -> str | None:
        loader = self.loader(None, self.create_for_site)
        names = (f"{status_code}.html", "error.html")
        return next((name for name in names if _has(loader, name)), None)

    def generate_error(self, name: str, namespace: Mapping[str, Any]) -> bytes:
        """Return the error page *name*."""
        page: bytes = self.loader(None, self.create_for_site).load(name).generate(**namespace)
        return page

    def reset(self) -> None:
        """Forget the compiled templates of loaders that do not look for changes themselves: Tornado's own."""
        for loader in self._loaders.values():
            if not hasattr(loader, "exists"):
                loader.reset()

    @property
    def engine_name(self) -> str:
        """The name of the engine, for people."""
        engine = self._engine
        if engine is None:
            return "Tornado"
        return engine if isinstance(engine, str) else f"{engine.__module__}.{engine.__qualname__}"


def _has(loader: Any, name: str) -> bool:
    """Whether *loader* has a template *name*; Tornado's own loaders can only be asked for it."""
    if hasattr(loader, "exists"):
        return bool(loader.exists(name))
    try:
        loader.load(name)
    except (LookupError, OSError):
        return False
    except Exception:
        return True  # there, and broken: the page that it is needed for says how
    return True


def _import_processors(names: Iterable[Any]) -> Iterable[ContextProcessor]:
    for index, name in enumerate(names):
        path = f"TEMPLATE_CONFIG['context_processors'][{index}]"
        processor = import_setting(path, name) if isinstance(name, str) else name
        if not callable(processor):
            raise ConfigError(f"{path}: {name!r} is no function of the handler")
        yield processor
