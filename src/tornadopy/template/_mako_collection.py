"""Mako's templates over a search path, compiled in memory or on disk; the part of `mako_loader` that Mako calls back.

Imported by `mako_loader` alone, which explains the absence of Mako. A missing template is Mako's error here, which
templates may catch; `mako_loader` translates those that leave a page.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import mako
from mako.exceptions import MakoException, TopLevelLookupException
from mako.lookup import TemplateCollection
from mako.template import ModuleInfo, Template

from tornadopy.exceptions import TemplateSyntaxError
from tornadopy.template import _options
from tornadopy.template._diskcache import warn_without
from tornadopy.template._errors import line_of, syntax_error
from tornadopy.template._search import SearchPath, Stamp, read

ModuleFilename = Callable[[str, str], str | None]

# What Mako appends to its messages; the error tells it in its own way.
_PLACE = re.compile(r" (?:in file '.*' )?at line: \d+ char: \d+$", re.DOTALL)


class _Entry(NamedTuple):
    template: Any
    stamp: Stamp


class SearchPathCollection(TemplateCollection):  # type: ignore[misc]  # Mako has no type hints
    """The templates of a search path, as ``<%include>``, ``<%inherit>`` and ``<%namespace>`` find them.

    Args:
        search: The folders.
        arguments: For each `mako.template.Template`.
        checks: Whether changed files are compiled again.
        size: How many templates are kept in memory; a negative number for all.
        directory: Where compiled templates are kept on disk; None for nowhere.
        module_filename: The user's ``modulename_callable``, which chooses the compiled file by itself.
    """

    def __init__(
        self,
        search: SearchPath,
        arguments: dict[str, Any],
        *,
        checks: bool,
        size: int,
        directory: Path | None,
        module_filename: ModuleFilename | None,
    ) -> None:
        self._search = search
        self._arguments = arguments
        self._checks = checks
        self._size = size
        self._directory = directory
        self._module_filename = module_filename
        self._fingerprint = _options.fingerprint(mako.__version__, sorted(arguments.items()))
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.RLock()

    def get_template(self, uri: str, relativeto: str | None = None) -> Any:
        """Return the template *uri*, compiled.

        Raises:
            mako.exceptions.TopLevelLookupException: No folder holds it.
            TemplateSyntaxError: It cannot be compiled.
        """
        if relativeto is not None:
            uri = self.adjust_uri(uri, relativeto)
        name = self._search.normalise(uri)
        with self._lock:
            entry = self._entries.get(name) if name else None
            if name and entry and not (self._checks and self._search.stamp(name) != entry.stamp):
                self._entries.move_to_end(name)
                return entry.template
            return self._compile(uri)

    def adjust_uri(self, uri: str, relativeto: str | None) -> str:
        """Return *uri* relative to the search path: it is relative to the file it stands in, if without a slash."""
        if uri.startswith("/") or relativeto is None:
            return uri
        return posixpath.join(posixpath.dirname(relativeto), uri)

    def clear(self) -> None:
        """Forget what has been compiled."""
        with self._lock:
            self._entries.clear()

    def _compile(self, uri: str) -> Any:
        name = self._search.normalise(uri)
        stamp = self._search.stamp(uri)
        if name is None or stamp is None:
            raise TopLevelLookupException(uri)
        self._entries.pop(name, None)
        read(stamp.path)  # its errors are clearer than Mako's
        try:
            template = self._template(name, stamp.path)
        except MakoException as exc:
            raise _mako_error(exc, stamp.path) from exc
        except SyntaxError as exc:  # in the module as a whole; Mako itself finds those in single expressions
            error = self._python_error(name, stamp.path)
            if error is None:
                raise
            raise error from exc
        self._entries[name] = _Entry(template, stamp)
        while 0 <= self._size < len(self._entries):
            self._entries.popitem(last=False)
        return template

    def _template(self, name: str, path: Path) -> Any:
        if self._module_filename is not None:
            return self._new(name, path, self._module_filename(str(path), name))
        if self._directory is None:
            return self._new(name, path, None)
        try:
            return self._on_disk(name, path, self._directory)
        except OSError as exc:
            warn_without(self._directory, f"cannot be used for {name} ({exc.strerror or exc})")
            return self._new(name, path, None)

    def _on_disk(self, name: str, path: Path, directory: Path) -> Any:
        module = directory / self._module_name(name, path)
        template = self._from_cache(name, path, module) or self._new(name, path, str(module), _replace_module)
        if self._module_name(name, path) != module.name:  # edited meanwhile: the name promises another content
            module.unlink(missing_ok=True)
        return template

    def _from_cache(self, name: str, path: Path, module: Path) -> Any:
        """Return the template that is compiled already, or None."""
        if not module.exists():
            return None
        try:
            return self._new(name, path, str(module), _replace_module)
        except OSError:
            raise
        except Exception:  # whatever a damaged file does; an error of the template itself comes again without it
            module.unlink(missing_ok=True)
            return None

    def _new(self, name: str, path: Path, module: str | None, write: Callable[[bytes, str], None] | None = None) -> Any:
        arguments = {"module_writer": write or write_module, **self._arguments}
        return Template(  # noqa: S702 - `mako_loader` has put the filter that escapes among the arguments
            filename=str(path), uri=name, lookup=self, module_filename=module, **arguments
        )

    def _module_name(self, name: str, path: Path) -> str:
        """Return the name of the compiled file.

        It holds a digest of the template's text: Mako and Python compare times in whole seconds, and would take an
        old file for the new one. It holds a digest of the full path and of the options, so that projects can share a
        folder.
        """
        readable = re.sub(r"\W", "_", name)[-60:]
        owner = hashlib.sha256(f"{self._fingerprint}|{path}".encode()).hexdigest()[:16]
        content = hashlib.sha256(read(path)).hexdigest()[:16]
        return f"{readable}-{owner}-{content}.py"

    def _python_error(self, name: str, path: Path) -> TemplateSyntaxError | None:
        """Return the error for a template whose module Python cannot compile; None if the error is in another file.

        Its line is known in the module alone, and Mako gives that away only as a file.
        """
        with tempfile.TemporaryDirectory() as folder:
            module = Path(folder, "template.py")
            try:
                self._new(name, path, str(module))
            except SyntaxError as exc:
                if exc.filename == str(module):
                    return syntax_error(path, _template_line(module.read_text("utf-8"), exc.lineno or 1), exc.msg)
        return None


def position_of(frame: FrameType, line: int) -> tuple[str, int] | None:
    """Return name and line of the template text that a line of a template's module stands for; None elsewhere."""
    module = frame.f_globals
    name = module.get("_template_uri")
    if name is None:
        return None
    if frame.f_code.co_name == "_mako_inherit":  # of which Mako notes no line
        return name, _line_of_inherit(Path(module["_template_filename"]))
    # Mako looks a module's source up by the module's name, which templates of several loaders may share.
    loader = module.get("__loader__")
    if loader is None:  # in memory, before Mako 1.4
        info = ModuleInfo._modules.get(module["__name__"])
        code = info.code if info and vars(info.module) is module else None
    else:
        code = loader.get_source(module["__name__"])
    return (name, _template_line(code, line)) if code else None


def _line_of_inherit(path: Path) -> int:
    try:
        return line_of(path.read_text("utf-8", "replace"), r"<%inherit\b")
    except OSError:  # removed meanwhile
        return 1


def _template_line(code: str, line: int) -> int:
    """Return the line of the template that a line of its module stands for."""
    lines: list[int] = ModuleInfo.get_module_source_metadata(code, full_line_map=True)["full_line_map"]
    return lines[min(line, len(lines)) - 1] if lines else 1


def _mako_error(error: MakoException, path: Path) -> TemplateSyntaxError:
    """Return the error for a template that Mako cannot compile."""
    problem = _PLACE.sub("", str(error))
    line = getattr(error, "lineno", None)
    if not line:  # a reserved word, which ends the message
        word = problem.rpartition(" ")[2]
        line = line_of(path.read_text("utf-8", "replace"), rf"\b{re.escape(word)}\b")
    return syntax_error(path, line, problem)


def write_module(source: bytes, target: str) -> None:
    """Write a compiled template so that no other process sees half of it."""
    path = Path(target)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(source)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _replace_module(source: bytes, target: str) -> None:
    """Write a compiled template, and remove those of the same template with other contents."""
    write_module(source, target)
    path = Path(target)
    template = path.stem.rpartition("-")[0]
    for folder in (path.parent, path.parent / "__pycache__"):
        for module in folder.glob(f"{template}-*"):
            if not module.name.startswith(path.stem):
                module.unlink(missing_ok=True)
