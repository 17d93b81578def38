"""Mako behind the contract of all template engines; needs the extra ``tornadopy[mako]``.

Made by `tornadopy.template.create_loader`; used by the handlers. It knows files and templates, no handler, save for the
names in a page's namespace that hold HTML.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tornadopy.exceptions import ConfigError, MissingExtraError, TemplateNotFound, TornadopyError
from tornadopy.template import _options
from tornadopy.template._diskcache import log, usable_directory
from tornadopy.template._errors import frames_of_page, note_position
from tornadopy.template._search import SearchPath

try:
    from mako.exceptions import TemplateLookupException
    from mako.lookup import TemplateLookup
    from mako.template import Template
except ImportError as exc:
    raise MissingExtraError(
        "Mako is not installed: install the extra tornadopy[mako] (see README, Installation)"
    ) from exc

from tornadopy.template._mako_collection import SearchPathCollection, position_of
from tornadopy.template._markup import mark_safe

_OWN = frozenset(inspect.signature(TemplateLookup.__init__).parameters) - {"self", "directories"}
_OF_COLLECTION = frozenset({"collection_size", "filesystem_checks", "module_directory", "modulename_callable"})
_LISTS = ("buffer_filters", "default_filters", "future_imports", "imports")
_CALLABLES = ("error_handler", "include_error_handler", "lexer_cls", "modulename_callable", "module_writer")
# What Mako's functions call their own arguments between render() and the template.
_ARGUMENT_NAMES = frozenset({"self", "buffer", "callable_", "tmpl"})


class MakoTemplate:
    """A template of Mako; ``template`` is the engine's own object.

    .. versionadded:: 2.0
    """

    __slots__ = ("_loader", "template")

    def __init__(self, template: Any, loader: MakoTemplateLoader) -> None:
        self.template = template
        self._loader = loader

    def generate(self, /, **namespace: Any) -> bytes:
        """Return the page as UTF-8; an error gets a note of its place in the template.

        Raises:
            TemplateNotFound: What it inherits from, includes or imports is in no folder.
            TemplateSyntaxError: What it inherits from, includes or imports cannot be compiled.
        """
        self._loader.complete(namespace)
        try:
            page: bytes = self.template.render(**namespace)
        except TemplateLookupException as exc:
            raise self._loader.missing(exc, *_position(exc)) from exc
        except Exception as exc:
            _note(exc)
            raise
        return page


class MakoTemplateLoader:
    """Load templates of Mako from several folders.

    Names in ``<%inherit>``, ``<%include>`` and ``<%namespace>`` are relative to the file they stand in; a leading slash
    means the root of the search path.

    Args:
        paths: The folders, in order of preference.
        debug: Whether changed files are compiled again, unless ``filesystem_checks`` says so.
        project_path: What ``cache_directory`` is relative to; None for the working directory.
        **options: ``autoescape`` (True: the filter ``h`` on each expression; False or None: none; a name: that filter),
            ``cache_directory`` (Mako's ``module_directory``), ``collection_size``, ``filesystem_checks``,
            ``format_exceptions``, and all other arguments of `mako.lookup.TemplateLookup` (functions also by their
            dotted names).

    Raises:
        ConfigError: An option is unknown or wrong.

    .. versionadded:: 2.0
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        debug: bool = False,
        project_path: Path | None = None,
        **options: Any,
    ) -> None:
        own = _with_objects(_options.select(options, _OWN))
        arguments = _template_arguments(own, debug=debug)
        _try_out(arguments)
        self._search = SearchPath(paths)
        self._marks_html = bool(own.get("autoescape", True))
        self.lookup = SearchPathCollection(
            self._search,
            arguments,
            checks=_options.flag(own, "filesystem_checks", default=debug),
            size=_options.whole_number(own, "collection_size", default=-1),
            directory=usable_directory(own.get("cache_directory") or own.get("module_directory"), project_path),
            module_filename=own.get("modulename_callable"),
        )
        loops = _options.flag(own, "enable_loop", default=True)
        self._reserved = _ARGUMENT_NAMES | Template("", enable_loop=loops).reserved_names  # noqa: S702 - never rendered
        self._warned: set[str] = set()

    def load(self, name: str, parent_path: str | None = None) -> MakoTemplate:
        """Return the template *name*, compiled.

        Args:
            name: Relative to the search path, or to *parent_path*.
            parent_path: The name of the template that asks.

        Raises:
            TemplateNotFound: No folder of the search path holds it.
            TemplateSyntaxError: It cannot be compiled.
        """
        try:
            return MakoTemplate(self.lookup.get_template(name, parent_path), self)
        except TemplateLookupException as exc:
            raise self.missing(exc, parent_path) from exc
        except TornadopyError:
            raise
        except Exception as exc:  # raised by the template's <%! %> blocks
            _note(exc)
            raise

    def exists(self, name: str) -> bool:
        """Whether a folder of the search path holds the template *name*."""
        return self._search.stamp(name) is not None

    def reset(self) -> None:
        """Forget what has been compiled; files on disk are checked against their source anyway."""
        self.lookup.clear()

    def complete(self, namespace: dict[str, Any]) -> None:
        """Make a page's namespace what Mako expects: HTML is marked, reserved names are left out."""
        if self._marks_html:
            mark_safe(namespace)
        if not self._reserved.isdisjoint(namespace):
            for name in self._reserved.intersection(namespace):
                del namespace[name]
                self._warn_of_reserved(name)

    def missing(self, error: TemplateLookupException, asked_by: str | None = None, line: int = 0) -> TemplateNotFound:
        """Return the error for what Mako has not found; its own error's text is the name."""
        return self._search.not_found(str(error), asked_by=asked_by, line=line)

    def _warn_of_reserved(self, name: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            log.warning(
                "Mako reserves the name %r: the value of that name does not reach the templates; rename it", name
            )


def _note(error: Exception) -> None:
    name, line = _position(error)
    if name:
        note_position(error, name, line)


def _position(error: Exception) -> tuple[str | None, int]:
    """Return name and line of the template text in which *error* was raised, or None and 0."""
    position: tuple[str | None, int] = (None, 0)
    for frame, line in frames_of_page(error, MakoTemplate.generate.__code__):
        position = position_of(frame, line) or position
    return position


def _with_objects(own: dict[str, Any]) -> dict[str, Any]:
    """Return the options with dotted names imported, single names made lists, and without those that are None."""
    chosen = {name: value for name, value in own.items() if value is not None or name == "autoescape"}
    for name in _CALLABLES:
        if name in chosen:
            chosen[name] = _options.imported(_options.setting(name), chosen[name])
    for name in (*_LISTS, "preprocessor"):
        if name in chosen:
            value = chosen[name]
            chosen[name] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if "preprocessor" in chosen:
        where = _options.setting("preprocessor")
        chosen["preprocessor"] = [_options.imported(where, each) for each in chosen["preprocessor"]]
    return chosen


def _template_arguments(own: dict[str, Any], *, debug: bool) -> dict[str, Any]:
    """Return the arguments of each `mako.template.Template`."""
    arguments = {name: value for name, value in own.items() if name in _OWN - _OF_COLLECTION}
    arguments["default_filters"] = _filters(own.get("autoescape", True), own.get("default_filters"))
    if _options.encoding(own, "output_encoding") != "utf-8":
        raise ConfigError(f"{_options.setting('output_encoding')}: pages are sent as UTF-8; leave it out")
    arguments["output_encoding"] = "utf-8"
    if _options.flag(own, "format_exceptions", default=False) and not debug:
        # SECURITY: the page that Mako formats shows source code to every visitor.
        log.warning("%s shows errors with source code to every visitor", _options.setting("format_exceptions"))
    return arguments


def _filters(autoescape: Any, configured: list[str] | None) -> list[str]:
    """Return Mako's ``default_filters``: those of the user, and as the last one that which escapes."""
    if autoescape is None or autoescape is False:
        return ["str"] if configured is None else configured
    if autoescape is not True and not isinstance(autoescape, str):
        raise ConfigError(
            f"{_options.setting('autoescape')}: {autoescape!r} is neither True nor False nor the name of a filter"
        )
    escape = "h" if autoescape is True or autoescape == "xhtml_escape" else autoescape  # the second is Tornado's True
    # ``str`` would make plain text of marked HTML.
    return [*(name for name in configured or () if name not in {"str", "unicode", escape}), escape]


def _try_out(arguments: dict[str, Any]) -> None:
    """Compile a template at start, which shows whether Mako can use its options.

    Raises:
        ConfigError: It cannot.
    """
    try:
        Template(  # noqa: S702 - never rendered
            "${''}", **{name: value for name, value in arguments.items() if name != "preprocessor"}
        )
    except Exception as exc:
        raise ConfigError(f"TEMPLATE_CONFIG: Mako cannot use its options: {exc}") from exc
