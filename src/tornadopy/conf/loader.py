"""Lay the layers of settings over each other: defaults, the project's module, the environment, a call's own values.

Called by `tornadopy.conf`; decides which value wins and remembers where it came from.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tornadopy.conf import schema
from tornadopy.conf.defaults import Defaults
from tornadopy.conf.values import freeze
from tornadopy.exceptions import ConfigError
from tornadopy.utils.errors import describe_error
from tornadopy.utils.suggest import nearest

MODULE_VARIABLES = ("tornadopy_APP_SETTINGS", "TORNADOPY_APP_SETTINGS")
PREFIX = "TORNADOPY_"


class Layers:
    """Settings while they are being put together: the values so far, and the origin of each.

    An origin is kept for a whole setting (``DEBUG``) and for a key of a merged group (``SESSION.secure``).
    """

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.origins = dict(origins)

    @classmethod
    def of_defaults(cls) -> Layers:
        """Return the first layer, which needs no checks."""
        layers = cls({}, {})
        for name, annotation in schema.setting_types().items():
            if hasattr(Defaults, name):
                layers._put(name, getattr(Defaults, name), "default", annotation)
        return layers

    def lay(self, name: str, value: Any, origin: str) -> None:
        """Lay *value* over what is known of the setting *name*, after checking it."""
        annotation = schema.setting_types().get(name, Any)
        if annotation is not Any:
            value = schema.with_text_paths(value, annotation)
            schema.check(name, value, annotation)
        self._put(name, value, origin, annotation)

    def _put(self, name: str, value: Any, origin: str, annotation: Any) -> None:
        if schema.merges(annotation):
            self.origins.update({f"{name}.{key}": origin for key in value})
            value = {**self.values.get(name, {}), **value}
        self.values[name] = freeze(value)
        self.origins[name] = origin

    def lay_module(self, module: ModuleType) -> None:
        """Lay the upper-case names of the project's *module*."""
        for name, value in vars(module).items():
            if is_name(name):
                self.lay(name, value, module.__name__)

    def lay_environment(self, environ: Mapping[str, str]) -> None:
        """Lay the overrides ``TORNADOPY_NAME`` and ``TORNADOPY_NAME__key`` of *environ*."""
        for variable in sorted(environ):
            if variable.startswith(PREFIX) and variable not in MODULE_VARIABLES:
                name, *keys = variable.removeprefix(PREFIX).split("__")
                origin = f"environment variable {variable}"
                try:
                    self._lay_variable(origin, environ[variable], name, keys)
                except ConfigError as exc:
                    raise ConfigError(f"{origin}: {exc}") from exc

    def _lay_variable(self, origin: str, text: str, name: str, keys: list[str]) -> None:
        known = schema.setting_types()
        if name not in known and name not in self.values:
            hint = nearest(name, [*known, *self.values])
            advice = (
                f"did you mean {PREFIX}{hint}?" if hint else "remove it, or give the setting in the settings module"
            )
            raise ConfigError(f"there is no setting {name!r}; {advice}")
        annotation = known.get(name, Any)
        if not keys:
            self.lay(name, schema.parse(name, text, schema.narrowed(annotation, name, self.values.get(name))), origin)
            return
        self.lay(name, self._nested(text, name, keys), origin)

    def _nested(self, text: str, name: str, keys: list[str]) -> dict[str, Any]:
        annotation = schema.setting_types().get(name, Any)
        current = self.values.get(name)
        if not isinstance(current, Mapping):
            raise ConfigError(f"the setting {name} has no keys")
        result: dict[str, Any] = {} if schema.merges(annotation) else dict(current)
        place, source = result, current
        for depth, key in enumerate(keys):
            hints = schema.group_keys(annotation)
            known_keys = [*(hints or ()), *source, *(schema.TEXT_KEYS if hints is None and depth == 0 else ())]
            exact = key if key in known_keys else next((k for k in known_keys if str(k).lower() == key.lower()), key)
            inherited = annotation if annotation is str else Any  # what is below a text key is text, too
            annotation = schema.narrowed((hints or {}).get(exact, inherited), exact, source.get(exact))
            if depth == len(keys) - 1:
                place[exact] = schema.parse(".".join([name, *keys]), text, annotation)
            else:
                deeper = source.get(exact, {})
                source = deeper if isinstance(deeper, Mapping) else {}
                place[exact] = dict(source)
                place = place[exact]
        return result


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a setting: capitals, digits and underscores, a capital first."""
    return text.isascii() and text.isidentifier() and text.isupper() and not text.startswith("_")


def module_from_environment(environ: Mapping[str, str]) -> str | None:
    """Return the settings module that the environment names, if it names one."""
    return next((environ[name] for name in MODULE_VARIABLES if environ.get(name)), None)


def import_module(name: str) -> ModuleType:
    """Import the settings module *name*.

    Raises:
        ConfigError: It cannot be found or imported; the message names it and the cause.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise ConfigError(
                f"settings module {name!r} not found: there is no module {exc.name!r} on the path; start in the "
                f"project's folder, or name another with --settings or {MODULE_VARIABLES[1]}"
            ) from exc
        raise ConfigError(f"settings module {name!r} cannot be imported: {describe_error(exc)}") from exc
    except ConfigError:
        raise
    except Exception as exc:
        raise ConfigError(f"settings module {name!r} cannot be imported: {describe_error(exc)}") from exc


def project_path(module: ModuleType | None) -> str:
    """Return the folder above the settings package of *module*, or the working directory without one."""
    if module is None or not getattr(module, "__file__", None):
        return str(Path.cwd())
    folder = Path(str(module.__file__)).resolve().parent
    return str(folder.parent if "." in module.__name__ or hasattr(module, "__path__") else folder)


def load(module: str | ModuleType | None, own: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Layers:
    """Return all layers laid: defaults, *module*, *environ*, and a call's *own* values.

    Raises:
        ConfigError: A value is wrong, or the module cannot be imported.
    """
    layers = Layers.of_defaults()
    imported = import_module(module) if isinstance(module, str) else module
    layers.lay("PROJECT_PATH", project_path(imported), "default")
    if imported is not None:
        layers.lay_module(imported)
    layers.lay_environment(environ)
    lay_own(layers, own)
    return layers


def lay_own(layers: Layers, own: Mapping[str, Any]) -> None:
    """Lay a call's *own* values over *layers*."""
    for name in own:
        if not is_name(name):
            raise ConfigError(f"settings are upper-case: {name!r} is not")
        layers.lay(name, own[name], "override")


def flatten(layers: Layers) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and origin of every setting, merged groups key by key."""
    for name, value in layers.values.items():
        if schema.merges(schema.setting_types().get(name, Any)):
            for key, each in value.items():
                yield f"{name}.{key}", each, layers.origins.get(f"{name}.{key}", layers.origins[name])
        else:
            yield name, value, layers.origins[name]
