"""Load the project's translations into `tornado.locale`, for ``TRANSLATIONS`` and ``TRANSLATIONS_CONF``.

Called once at start. Tornado keeps locales for the whole process and only logs what it cannot use of the files;
here that is an error before anything is served.

See https://www.tornadoweb.org/en/stable/locale.html
"""

from __future__ import annotations

import codecs
import csv
import gettext
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado import locale

from tornadopy.exceptions import ConfigError

__all__ = ["load_translations"]

_FOLDER = "TRANSLATIONS_CONF['translations_dir']"
_LOCALE = re.compile(r"[a-z]+(_[A-Z]+)?")
_PLURALS = frozenset({"", "plural", "singular", "unknown"})


def load_translations(config: Mapping[str, Any], *, project_path: str | Path) -> None:
    """Load translations and set the default locale of the process.

    Args:
        config: The settings group ``TRANSLATIONS_CONF``: ``translations_dir``, ``locale_default``, ``use_gettext``,
            ``gettext_domain``, ``csv_encoding``.
        project_path: Where a relative ``translations_dir`` starts.

    Raises:
        ConfigError: The folder is missing or holds no translations, or one of them cannot be used; the message names
            the setting and the path.

    .. versionadded:: 2.0
    """
    folder = Path(project_path, config["translations_dir"])
    if not folder.is_dir():
        raise ConfigError(f"{_FOLDER}: there is no folder {folder}; create it, or set TRANSLATIONS = False")
    if config["use_gettext"]:
        domain = config["gettext_domain"]
        _check_gettext(folder, domain)
        locale.load_gettext_translations(str(folder), domain)
    else:
        encoding = _encoding(config["csv_encoding"])
        _check_csv(folder, encoding)
        locale.load_translations(str(folder), encoding)
    locale.set_default_locale(config["locale_default"].replace("-", "_"))


def _check_gettext(folder: Path, domain: str) -> None:
    files = sorted(folder.glob(f"*/LC_MESSAGES/{domain}.mo"))
    if not files:
        raise ConfigError(
            f"{_FOLDER}: no translations in {folder}: expected LOCALE/LC_MESSAGES/{domain}.mo; compile them with "
            "msgfmt, or correct TRANSLATIONS_CONF['gettext_domain']"
        )
    for path in files:
        try:
            with path.open("rb") as opened:
                gettext.GNUTranslations(opened)
        except (OSError, ValueError, LookupError, struct.error) as exc:
            raise ConfigError(f"{_FOLDER}: cannot load {path}: {exc}; compile it again with msgfmt") from exc


def _encoding(name: str) -> str:
    """Return the encoding to read with: UTF-8 takes a byte-order mark, as spreadsheets write it."""
    try:
        normal = codecs.lookup(name).name
    except LookupError as exc:
        raise ConfigError(f"TRANSLATIONS_CONF['csv_encoding']: {exc}; try 'utf-8'") from exc
    return "utf-8-sig" if normal == "utf-8" else normal


def _check_csv(folder: Path, encoding: str) -> None:
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ConfigError(
            f"{_FOLDER}: no translations in {folder}: expected files such as zh_CN.csv; for gettext's set "
            "TRANSLATIONS_CONF['use_gettext'] = True"
        )
    for path in files:
        if not _LOCALE.fullmatch(path.stem):
            raise ConfigError(f"{_FOLDER}: {path} is not named after a locale, as es.csv or zh_CN.csv are; rename it")
        try:
            _check_rows(path, encoding)
        except UnicodeError as exc:
            raise ConfigError(
                f"{_FOLDER}: cannot read {path}: {exc}; save it so, or set TRANSLATIONS_CONF['csv_encoding']"
            ) from exc
        except (OSError, csv.Error) as exc:
            raise ConfigError(f"{_FOLDER}: cannot read {path}: {exc}") from exc


def _check_rows(path: Path, encoding: str) -> None:
    with path.open(encoding=encoding) as opened:
        rows = csv.reader(opened)
        for row in rows:
            plural = row[2].strip() if len(row) > 2 else ""
            if plural not in _PLURALS:
                raise ConfigError(
                    f"{_FOLDER}: {path}, line {rows.line_num}: {plural!r} is no plural indicator; write singular, "
                    "plural or nothing, and put a text that has a comma in quotes"
                )
