"""The search path: several folders, the first that holds a template wins.

The loaders of all engines find, read and watch their files through it. It knows no engine.
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tornadopy.exceptions import TemplateError, TemplateNotFound
from tornadopy.template._errors import syntax_error

# A name in normal form: no leading slash, no backslash, no segment that begins with a dot.
_NORMAL = re.compile(r"[^/\\.][^/\\]*(?:/[^/\\.][^/\\]*)*")


class Stamp(NamedTuple):
    """The state of a template's file; a changed, replaced or newly shadowed file has another one."""

    path: Path
    mtime_ns: int
    size: int
    inode: int


class SearchPath:
    """The folders in which templates are looked up.

    Args:
        folders: In order of preference; they need not exist.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self.folders: tuple[Path, ...] = tuple(Path(folder).absolute() for folder in folders)

    def normalise(self, name: str) -> str | None:
        """Return *name* relative to the search path and without dots, or None if it leads out of it.

        A leading slash means the root of the search path; the full path of a file in one of the folders is accepted.
        """
        if _NORMAL.fullmatch(name):
            return name
        name = name.replace("\\", "/")
        for folder in self.folders:
            prefix = f"{folder.as_posix().rstrip('/')}/"
            if prefix != "/" and name.startswith(prefix):
                name = name.removeprefix(prefix)
                break
        name = posixpath.normpath(name.lstrip("/"))
        return None if name in {".", ".."} or name.startswith("../") else name

    def stamp(self, name: str) -> Stamp | None:
        """Return the state of the file that *name* means, or None if there is none."""
        normal = self.normalise(name)
        if normal is None:
            return None
        for folder in self.folders:
            path = folder / normal
            try:
                status = path.stat()
            except (OSError, ValueError):  # a NUL in the name is a ValueError
                continue
            # SECURITY: on Windows a segment such as "C:x" would replace the folder.
            if stat.S_ISREG(status.st_mode) and path.is_relative_to(folder):
                return Stamp(path, status.st_mtime_ns, status.st_size, status.st_ino)
        return None

    def name_of(self, filename: str) -> str | None:
        """Return the name of the template in the file *filename*, or None if it is in no folder."""
        path = Path(filename)
        for folder in self.folders:
            if path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return None

    def not_found(self, name: str, *, asked_by: str | None = None, line: int = 0, hint: str = "") -> TemplateNotFound:
        """Return the error for a template that is in no folder.

        Args:
            name: As it was asked for.
            asked_by: The template that extends, includes or imports it.
            line: Of *asked_by*; 0 if it is not known.
            hint: What may help.
        """
        asker = f", which {asked_by}{f', line {line},' if line else ''} asks for," if asked_by else ""
        if not self.folders:
            hint = "there is no folder of templates; set TORNADO_CONF['template_path']"
        elif self.normalise(name) is None:
            hint = "the name leads out of the folders"
        folders = f" in {', '.join(map(str, self.folders))}" if self.folders else ""
        return TemplateNotFound(f"template {name!r}{asker} was not found{folders}{'; ' if hint else ''}{hint}")


def read(path: Path) -> bytes:
    """Return the content of a template's file.

    Raises:
        TemplateError: The file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise TemplateError(f"cannot read the template {path}: {exc.strerror or exc}; check its permissions") from exc


def decode(content: bytes, path: Path, encoding: str) -> str:
    """Return the text of a template.

    Raises:
        TemplateSyntaxError: It is not in the given encoding.
    """
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise syntax_error(path, line, f"the file is not in the encoding {encoding} ({exc.reason})") from exc
