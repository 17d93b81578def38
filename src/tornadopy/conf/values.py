"""The frozen dictionary that settings hand out: readable by key and by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from tornadopy.exceptions import ConfigError
from tornadopy.utils.suggest import nearest


class SettingsDict(dict[str, Any]):
    """A dictionary of settings, readable by key and by attribute, that cannot be changed.

    .. versionadded:: 2.0
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            hint = nearest(name, map(str, self))
            advice = f"did you mean {hint!r}?" if hint else f"known keys: {', '.join(map(str, self))}"
            raise ConfigError(f"there is no key {name!r} in this group of settings; {advice}") from None

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("settings are frozen; use settings.override(...) in a test, or change the settings module")

    __setitem__ = __delitem__ = __setattr__ = __delattr__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: thaw(value) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))


def freeze(value: Any) -> Any:
    """Return *value* with its dictionaries frozen and its lists turned into tuples, at any depth."""
    # PERF: whether one of these is a `Mapping` would be asked of all that inherit from that.
    if value is None or isinstance(value, (str, int, float, SettingsDict)):
        return value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return tuple(freeze(each) for each in value)
    if isinstance(value, Mapping):
        return SettingsDict({key: freeze(each) for key, each in value.items()})
    return value


def thaw(value: Any) -> Any:
    """Return *value* with plain dictionaries and lists, as a library may want to change them."""
    if isinstance(value, Mapping):
        return {key: thaw(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [thaw(each) for each in value]
    return value
