"""The options in ``TEMPLATE_CONFIG``: whose they are, and what they mean to all engines alike.

The seed's configuration lists the options of all engines together, so that an option which belongs to another engine
is no error; one that no engine knows is. Nothing here imports an engine.
"""

from __future__ import annotations

import codecs
import hashlib
import importlib.util
import json
from collections.abc import Collection, Mapping
from typing import Any

from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting
from tornadopy.utils.suggest import nearest

COMMON = frozenset({"autoescape", "cache_directory", "filesystem_checks"})

TORNADO = frozenset({"namespace", "whitespace"})

JINJA2 = frozenset(
    {
        "auto_reload",
        "block_end_string",
        "block_start_string",
        "bytecode_cache",
        "cache_size",
        "comment_end_string",
        "comment_start_string",
        "enable_async",
        "encoding",
        "extensions",
        "filters",
        "finalize",
        "globals",
        "keep_trailing_newline",
        "line_comment_prefix",
        "line_statement_prefix",
        "loader",
        "lstrip_blocks",
        "newline_sequence",
        "optimized",
        "policies",
        "tests",
        "trim_blocks",
        "undefined",
        "variable_end_string",
        "variable_start_string",
    }
)

MAKO = frozenset(
    {
        "buffer_filters",
        "cache_args",
        "cache_dir",
        "cache_enabled",
        "cache_impl",
        "cache_type",
        "cache_url",
        "collection_size",
        "default_filters",
        "enable_loop",
        "encoding_errors",
        "error_handler",
        "format_exceptions",
        "future_imports",
        "imports",
        "include_error_handler",
        "input_encoding",
        "lexer_cls",
        "module_directory",
        "module_writer",
        "modulename_callable",
        "output_encoding",
        "preprocessor",
        "strict_undefined",
    }
)


def setting(name: str) -> str:
    """Return how messages call the option *name*."""
    return f"TEMPLATE_CONFIG[{name!r}]"


def select(options: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Return those options that an engine knows.

    Args:
        options: What the user has set.
        own: The names of the engine's options; `COMMON` comes in addition.

    Returns:
        Without the options of the other engines.

    Raises:
        ConfigError: No engine knows an option.
    """
    known = COMMON.union(own)
    for name in options:
        if name not in known and name not in TORNADO | JINJA2 | MAKO:
            guess = nearest(name, known)
            cure = f"did you mean {guess!r}?" if guess else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"{setting(name)}: the template engine has no such option; {cure}")
    return {name: value for name, value in options.items() if name in known}


def flag(options: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return an option that is a truth value; None means the default.

    Raises:
        ConfigError: It is something else.
    """
    value = options.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{setting(name)}: {value!r} is neither True nor False")


def whole_number(options: Mapping[str, Any], name: str, *, default: int) -> int:
    """Return an option that is a whole number; None means the default.

    Raises:
        ConfigError: It is something else.
    """
    value = options.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ConfigError(f"{setting(name)}: {value!r} is not a whole number")


def encoding(options: Mapping[str, Any], name: str) -> str:
    """Return an option that is the name of an encoding, as Python spells it; None means UTF-8.

    Raises:
        ConfigError: There is no such encoding.
    """
    value = options.get(name)
    try:
        return codecs.lookup("utf-8" if value is None else value).name
    except (LookupError, TypeError) as exc:
        raise ConfigError(f"{setting(name)}: {value!r} is not the name of an encoding") from exc


def imported(where: str, value: Any) -> Any:
    """Return *value*, imported if it is a dotted name.

    Args:
        where: How messages call the option.
        value: A dotted name, or the object itself.

    Raises:
        ConfigError: The name cannot be imported.
    """
    return import_setting(where, value) if isinstance(value, str) else value


def imported_values(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an option that is a mapping, its dotted names imported.

    Raises:
        ConfigError: It is no mapping, or a name cannot be imported.
    """
    return {key: imported(f"{setting(name)}[{key!r}]", value) for key, value in mapping(options, name).items()}


def imported_names(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an option that is a mapping, importing the texts in it that are meant as dotted names.

    A text is meant so if it begins with the name of an existing module and a dot; any other stays a text.

    Raises:
        ConfigError: It is no mapping, or a name cannot be imported.
    """
    return {
        key: imported(f"{setting(name)}[{key!r}]", value) if _is_dotted(value) else value
        for key, value in mapping(options, name).items()
    }


def mapping(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an option that is a mapping; None means an empty one.

    Raises:
        ConfigError: It is something else.
    """
    value = options.get(name)
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    raise ConfigError(f"{setting(name)}: {value!r} is not a mapping of names to values")


def _is_dotted(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    first, dot, rest = value.partition(".")
    if not (dot and first.isidentifier() and all(part.isidentifier() for part in rest.split("."))):
        return False
    return importlib.util.find_spec(first) is not None


def fingerprint(*parts: Any) -> str:
    """Return a short name for what influences how a template is compiled.

    Compiled files of the same template carry different fingerprints if they were compiled with different options,
    above all with and without escaping. The fingerprint is the same in each process.
    """
    text = json.dumps(parts, default=_stable_name, skipkeys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stable_name(value: Any) -> str:
    """Return a text for *value* that is the same in each process; a `repr` may hold an address."""
    if isinstance(value, set | frozenset):
        return repr(sorted(map(str, value)))
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
