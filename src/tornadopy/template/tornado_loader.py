"""Tornado's own template engine over a search path; what ``TEMPLATE_CONFIG['template_engine'] = None`` means.

Made by `tornadopy.template.create_loader`; used by the handlers. It knows files and templates, no handler.
"""

from __future__ import annotations

import copy
import functools
import linecache
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from tornado import template as tornado_template

from tornadopy.exceptions import ConfigError, TemplateSyntaxError, TornadopyError
from tornadopy.template import _options
from tornadopy.template._errors import frames_of_page, line_of, note_position, syntax_error
from tornadopy.template._search import SearchPath, Stamp, decode, read
from tornadopy.template._tornado_code import NAMES_THAT_COUNT, is_usual, names_in, shorten
from tornadopy.template._tornado_values import escaped, raw

# Tornado ends each generated line with a comment that tells where it comes from.
_ORIGIN = re.compile(r"  # (?P<name>.+?):(?P<line>\d+)(?: \(via .*\))?$")

# In the place of a template's code: what a page would be made from.
_TELLER = "def _tt_execute(): return globals()"
_NAMES_OF_EXEC = frozenset({"__builtins__", "_tt_execute"})


class TornadoTemplateSyntaxError(TemplateSyntaxError, tornado_template.ParseError):  # type: ignore[misc]  # a narrower filename
    """A template of Tornado's engine could not be compiled; Tornado's `ParseError` too.

    .. versionadded:: 2.0
    """

    def __str__(self) -> str:
        return str(self.message)


_syntax_error = functools.partial(syntax_error, kind=TornadoTemplateSyntaxError)


class TornadoTemplate(tornado_template.Template):
    """A template of Tornado's engine that tells errors in tornadopy's way.

    Args:
        source: The template's text.
        name: Its name, relative to the search path.
        path: Its file.
        loader: What ``{% extends %}`` and ``{% include %}`` ask.
    """

    stamps: dict[str, Stamp]
    """The files that went into this template, with those it extends and includes."""
    names_read: frozenset[str] | None
    """The names of the namespace that this template can read, others among them; None for any."""

    def __init__(self, source: str, name: str, path: Path, loader: TornadoTemplateLoader) -> None:
        self.code = ""
        try:
            super().__init__(source, name=name, loader=loader)
        except TornadopyError:  # of a template that this one extends or includes
            raise
        except tornado_template.ParseError as exc:
            raise _syntax_error(path, exc.lineno, exc.message) from exc
        except SyntaxError as exc:
            origin, line = self._origin(exc.lineno or 1)
            raise _syntax_error(loader.path_of(origin) or path, line, exc.msg) from exc
        except Exception as exc:  # Tornado raises a plain Exception for a wrong {% whitespace %}
            raise _syntax_error(
                path, line_of(source, r"\{%\s*whitespace\b(?!\s*(?:all|single|oneline)\b)"), str(exc)
            ) from exc
        self._shorter = shorten(self.code, self.compiled)
        self.names_read = None if self._shorter is None else names_in(self._shorter) | NAMES_THAT_COUNT
        self._names_of_engine = self._make_names()

    def generate(self, **kwargs: Any) -> bytes:
        """Return the page as UTF-8; an error gets a note of its place in the template."""
        shorter = self._shorter
        try:
            if shorter is not None:
                namespace = {**self._names_of_engine, **self.namespace, **kwargs}
                if is_usual(namespace):
                    page: bytes = FunctionType(shorter, namespace)(escaped, raw)
                    return page
            return super().generate(**kwargs)
        except Exception as exc:
            linecache.clearcache()  # it may know another template by this one's name
            self._note(exc)
            raise

    def _make_names(self) -> dict[str, Any]:
        """Return the names that Tornado lets this template see, as Tornado itself tells them."""
        teller = copy.copy(self)
        teller.compiled, teller.namespace = compile(_TELLER, _TELLER, "exec"), {}
        names: Any = tornado_template.Template.generate(teller)
        return {name: value for name, value in names.items() if name not in _NAMES_OF_EXEC}

    def _note(self, error: Exception) -> None:
        generated = self.compiled.co_filename
        lines = [
            line
            for frame, line in frames_of_page(error, TornadoTemplate.generate.__code__)
            if frame.f_code.co_filename == generated
        ]
        if lines:
            note_position(error, *self._origin(lines[-1]))

    def _origin(self, generated_line: int) -> tuple[str, int]:
        """Return name and line of the template text that a line of the generated code stands for."""
        for text in self.code.splitlines()[
            generated_line - 1 :
        ]:  # a statement may span lines; the comment is at its end
            found = _ORIGIN.search(text)
            if found:
                return found["name"], max(int(found["line"]), 1)
        return self.name, 1


class _Compilation(NamedTuple):
    """A template that is being compiled, and what has gone into it so far."""

    name: str
    path: Path
    source: str
    stamps: dict[str, Stamp]


class TornadoTemplateLoader(tornado_template.BaseLoader):
    """Load templates of Tornado's engine from several folders.

    Names in ``{% extends %}`` and ``{% include %}`` are relative to the file they stand in, as those of
    `tornado.template.Loader` are; a leading slash means the root of the search path.

    Args:
        paths: The folders, in order of preference.
        debug: Whether changed files are compiled again, unless ``filesystem_checks`` says so.
        project_path: Not used by this engine, which keeps nothing on disk.
        **options: ``autoescape`` (True: ``xhtml_escape``; False or None: no escaping; a name: that function of the
            template's namespace), ``filesystem_checks``, ``namespace``, ``whitespace``.

    Raises:
        ConfigError: An option is unknown or wrong.

    .. versionadded:: 2.0
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        debug: bool = False,
        project_path: Path | None = None,  # noqa: ARG002 - the engines' constructors are alike
        **options: Any,
    ) -> None:
        own = _options.select(options, _options.TORNADO)
        super().__init__(
            autoescape=_escape_function(own.get("autoescape", True)),
            namespace=dict(_options.mapping(own, "namespace")),
            whitespace=_whitespace(own.get("whitespace")),
        )
        self._search = SearchPath(paths)
        self._checks = _options.flag(own, "filesystem_checks", default=debug)
        self._compiling: list[_Compilation] = []

    def load(self, name: str, parent_path: str | None = None) -> tornado_template.Template:
        """Return the template *name*, compiled.

        Args:
            name: Relative to the search path, or to *parent_path*.
            parent_path: The name of the template that asks.

        Raises:
            TemplateNotFound: No folder of the search path holds it, or what it extends or includes.
            TemplateSyntaxError: It cannot be compiled.
        """
        if parent_path is None and not self._checks:
            known = self.templates.get(name)
            if known is not None:
                return known
        with self.lock:
            resolved = self.resolve_path(name, parent_path)
            template = self.templates.get(resolved)
            if not isinstance(template, TornadoTemplate) or (self._checks and self._is_stale(template)):
                template = self._create_template(resolved, name, parent_path)
                self.templates[resolved] = template
            if self._compiling:
                self._compiling[-1].stamps.update(template.stamps)
            return template

    def exists(self, name: str) -> bool:
        """Whether a folder of the search path holds the template *name*."""
        return self._search.stamp(name) is not None

    def path_of(self, name: str) -> Path | None:
        """Return the file of the template *name*, or None if there is none."""
        stamp = self._search.stamp(name)
        return stamp.path if stamp else None

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Return *name* relative to the search path, as `tornado.template.Loader` resolves it.

        Raises:
            TemplateNotFound: The name leads out of the search path.
        """
        resolved = name
        if parent_path and not parent_path.startswith(("<", "/")) and not name.startswith("/"):
            resolved = posixpath.join(posixpath.dirname(parent_path), name)
        normal = self._search.normalise(resolved)
        if normal is None:
            raise self._search.not_found(resolved, asked_by=parent_path)
        return normal

    def _is_stale(self, template: TornadoTemplate) -> bool:
        return any(self._search.stamp(name) != stamp for name, stamp in template.stamps.items())

    def _create_template(
        self, name: str, asked_name: str | None = None, parent_path: str | None = None
    ) -> TornadoTemplate:
        stamp = self._search.stamp(name)
        if stamp is None:
            raise self._missing(name, asked_name or name, parent_path)
        self._refuse_circle(name)
        source = decode(read(stamp.path), stamp.path, "utf-8")
        compilation = _Compilation(name, stamp.path, source, {name: stamp})
        self._compiling.append(compilation)
        try:
            template = TornadoTemplate(source, name, stamp.path, self)
        finally:
            self._compiling.pop()
        template.stamps = compilation.stamps
        return template

    def _missing(self, name: str, asked_name: str, parent_path: str | None) -> Exception:
        hint = ""
        if parent_path and name != asked_name and self.exists(asked_name):
            hint = f"names are relative to the file they stand in, so write '/{asked_name}'"
        return self._search.not_found(name, asked_by=parent_path, hint=hint)

    def _refuse_circle(self, name: str) -> None:
        """Raise if *name* is being compiled: it would go into itself without end."""
        names = [compilation.name for compilation in self._compiling]
        if name in names:
            asking = self._compiling[-1]
            circle = " -> ".join([*names[names.index(name) :], name])
            line = line_of(asking.source, rf"\{{%\s*(?:extends|include)\b[^%]*{re.escape(posixpath.basename(name))}")
            raise _syntax_error(asking.path, line, f"the template extends or includes itself: {circle}")


def _escape_function(configured: Any) -> str | None:
    """Return the name of the function that escapes, or None."""
    if configured is None or configured is False:
        return None
    if configured is True:
        return "xhtml_escape"
    if isinstance(configured, str) and all(part.isidentifier() for part in configured.split(".")):
        return configured
    raise ConfigError(
        f"{_options.setting('autoescape')}: {configured!r} is neither True nor False nor the name of a function "
        "in the templates' namespace"
    )


def _whitespace(configured: Any) -> str | None:
    if configured in (None, "all", "single", "oneline"):
        return configured  # type: ignore[no-any-return]  # checked to be one of these
    raise ConfigError(f"{_options.setting('whitespace')}: {configured!r} is none of 'all', 'single', 'oneline'")
