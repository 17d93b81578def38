"""Jinja2 behind the contract of all template engines; needs the extra ``tornadopy[jinja2]``.

Made by `tornadopy.template.create_loader`; used by the handlers. It knows files and templates, no handler, save for the
names in a page's namespace that hold HTML or translate.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tornadopy.exceptions import ConfigError, MissingExtraError, TemplateNotFound, TemplateSyntaxError
from tornadopy.template import _options
from tornadopy.template._diskcache import usable_directory, warn_without
from tornadopy.template._errors import frames_of_page, note_position, syntax_error
from tornadopy.template._search import SearchPath, decode, read

try:
    import jinja2
    from jinja2.bccache import Bucket
except ImportError as exc:
    raise MissingExtraError(
        "Jinja2 is not installed: install the extra tornadopy[jinja2] (see README, Installation)"
    ) from exc

from tornadopy.template._markup import mark_safe

_ENVIRONMENT_OPTIONS = frozenset(inspect.signature(jinja2.Environment.__init__).parameters) - {"self"}
_LOADER_OPTIONS = frozenset({"encoding", "filters", "globals", "policies", "tests"})
_I18N = "jinja2.ext.InternationalizationExtension"


class Jinja2Template:
    """A template of Jinja2; ``template`` is the engine's own object.

    .. versionadded:: 2.0
    """

    __slots__ = ("_loader", "template")

    def __init__(self, template: jinja2.Template, loader: Jinja2TemplateLoader) -> None:
        self.template = template
        self._loader = loader

    def generate(self, /, **namespace: Any) -> bytes:
        """Return the page as UTF-8; an error gets a note of its place in the template.

        Raises:
            TemplateNotFound: What it extends, includes or imports is in no folder.
            TemplateSyntaxError: What it extends, includes or imports cannot be compiled.
        """
        self._loader.complete(namespace)
        try:
            return self.template.render(namespace).encode()
        except jinja2.TemplateNotFound as exc:
            raise self._loader.missing(exc, *self._position(exc)) from exc
        except jinja2.TemplateSyntaxError as exc:
            raise _wrong(exc) from exc
        except Exception as exc:
            name, line = self._position(exc)
            if name:
                note_position(exc, name, line)
            raise

    def _position(self, error: Exception) -> tuple[str | None, int]:
        """Return name and line of the template text in which *error* was raised, or None and 0.

        Jinja2 has put the templates' files and lines in the place of its generated code.
        """
        position: tuple[str | None, int] = (None, 0)
        for frame, line in frames_of_page(error, Jinja2Template.generate.__code__):
            name = self._loader.name_of(frame.f_code.co_filename)
            position = (name, line) if name else position
        return position


class Jinja2TemplateLoader:
    """Load templates of Jinja2 from several folders.

    Args:
        paths: The folders, in order of preference.
        debug: Whether changed files are compiled again, unless ``filesystem_checks`` says so.
        project_path: What ``cache_directory`` is relative to; None for the working directory.
        **options: ``autoescape`` (a truth value, or a function of the template's name, also by its dotted name),
            ``cache_directory``, ``filesystem_checks``, all arguments of `jinja2.Environment` (objects also by their
            dotted names), ``encoding`` of the files, and mappings ``filters``, ``globals``, ``tests``, ``policies``.

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
        own = _options.select(options, _ENVIRONMENT_OPTIONS | _LOADER_OPTIONS)
        self._search = SearchPath(paths)
        files = _SearchPathLoader(self._search, _options.encoding(own, "encoding"))
        self._other_loader: jinja2.BaseLoader | None = own.pop("loader", None)
        self.environment = _environment(own, debug=debug, project_path=project_path)
        self.environment.loader = jinja2.ChoiceLoader([files, self._other_loader]) if self._other_loader else files
        self._marks_html = self.environment.autoescape is not False
        self._translates = _I18N in self.environment.extensions

    def load(self, name: str, parent_path: str | None = None) -> Jinja2Template:
        """Return the template *name*, compiled.

        Args:
            name: Relative to the search path.
            parent_path: The name of the template that asks.

        Raises:
            TemplateNotFound: No folder of the search path holds it.
            TemplateSyntaxError: It cannot be compiled.
        """
        try:
            return Jinja2Template(self.environment.get_template(name, parent_path), self)
        except jinja2.TemplateNotFound as exc:
            raise self.missing(exc, parent_path) from exc
        except jinja2.TemplateSyntaxError as exc:
            raise _wrong(exc) from exc

    def exists(self, name: str) -> bool:
        """Whether a folder of the search path, or the ``loader`` of the options, holds the template *name*."""
        if self._search.stamp(name) is not None:
            return True
        if self._other_loader is None:
            return False
        try:
            self._other_loader.get_source(self.environment, name)
        except jinja2.TemplateNotFound:
            return False
        return True

    def reset(self) -> None:
        """Forget what has been compiled; files on disk are checked against their source anyway."""
        if self.environment.cache is not None:
            self.environment.cache.clear()

    def complete(self, namespace: dict[str, Any]) -> None:
        """Make a page's namespace what templates of Jinja2 expect: HTML is marked, ``{% trans %}`` finds the locale."""
        if self._marks_html:
            mark_safe(namespace)
        if self._translates and "locale" in namespace:
            for name, function in _gettext_functions(namespace["locale"]).items():
                namespace.setdefault(name, function)

    def name_of(self, filename: str) -> str | None:
        """Return the name of the template in a file, or None if it is in no folder of the search path."""
        return self._search.name_of(filename)

    def missing(self, error: jinja2.TemplateNotFound, asked_by: str | None = None, line: int = 0) -> TemplateNotFound:
        """Return the error for what Jinja2 has not found."""
        return self._search.not_found(", ".join(map(str, error.templates)), asked_by=asked_by, line=line)


class _SearchPathLoader(jinja2.BaseLoader):
    """Give Jinja2 the files of the search path."""

    def __init__(self, search: SearchPath, encoding: str) -> None:
        self._search = search
        self._encoding = encoding

    def get_source(
        self,
        environment: jinja2.Environment,  # noqa: ARG002 - Jinja2 fixes the signature
        template: str,
    ) -> tuple[str, str, Callable[[], bool]]:
        stamp = self._search.stamp(template)
        if stamp is None:
            raise jinja2.TemplateNotFound(template)
        source = decode(read(stamp.path), stamp.path, self._encoding)
        return source, str(stamp.path), lambda: self._search.stamp(template) == stamp


class _BytecodeCache(jinja2.FileSystemBytecodeCache):
    """Jinja2's cache on disk, which a full disk or a damaged file does not turn into an error of the page."""

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ImportError, pickle.PickleError):
            bucket.reset()  # damaged: compiled again and written anew

    def dump_bytecode(self, bucket: Bucket) -> None:
        try:
            super().dump_bytecode(bucket)
        except OSError as exc:
            warn_without(Path(self.directory), f"cannot be written to ({exc.strerror or exc})")


def _environment(own: dict[str, Any], *, debug: bool, project_path: Path | None) -> jinja2.Environment:
    """Return the environment that the options describe, yet without a loader."""
    arguments = {name: value for name, value in own.items() if name in _ENVIRONMENT_OPTIONS}
    for name in ("undefined", "finalize"):
        if name in arguments:
            arguments[name] = _options.imported(_options.setting(name), arguments[name])
    if arguments.get("enable_async"):
        raise ConfigError(f"{_options.setting('enable_async')}: pages are rendered synchronously; leave it out")
    arguments["autoescape"] = _autoescape(own.get("autoescape", True))
    compiled_alike = _options.fingerprint(jinja2.__version__, sorted(arguments.items()))
    checks = _options.flag(own, "filesystem_checks", default=debug)
    arguments["auto_reload"] = _options.flag(own, "auto_reload", default=checks)
    directory = usable_directory(own.get("cache_directory"), project_path)
    if directory is not None and arguments.get("bytecode_cache") is None:
        arguments["bytecode_cache"] = _BytecodeCache(str(directory), f"%s-{compiled_alike}.jinja2")
    try:
        environment = jinja2.Environment(**arguments)  # noqa: S701 - autoescape is among the arguments
    except (ImportError, TypeError, ValueError, AttributeError, AssertionError) as exc:
        raise ConfigError(f"TEMPLATE_CONFIG: Jinja2 cannot use its options: {exc}") from exc
    environment.filters.update(_options.imported_values(own, "filters"))
    environment.tests.update(_options.imported_values(own, "tests"))
    environment.globals.update(_options.imported_names(own, "globals"))
    environment.policies.update(_options.mapping(own, "policies"))
    return environment


def _autoescape(configured: Any) -> bool | Callable[[str | None], bool]:
    """Return what Jinja2 takes for ``autoescape``."""
    if configured is None or isinstance(configured, bool):
        return bool(configured)
    if configured == "xhtml_escape":  # how Tornado's engine spells True
        return True
    chosen = _options.imported(_options.setting("autoescape"), configured)
    if callable(chosen):
        return chosen  # type: ignore[no-any-return]  # the user's function
    raise ConfigError(f"{_options.setting('autoescape')}: {configured!r} is neither True nor False nor a function")


def _gettext_functions(locale: Any) -> dict[str, Callable[..., str]]:
    """Return what ``{% trans %}`` calls, on a `tornado.locale.Locale`."""
    return {
        "gettext": locale.translate,
        "ngettext": locale.translate,
        "pgettext": locale.pgettext,
        "npgettext": locale.pgettext,
    }


def _wrong(error: jinja2.TemplateSyntaxError) -> TemplateSyntaxError:
    return syntax_error(error.filename or error.name or "<unknown>", error.lineno, error.message or "syntax error")
