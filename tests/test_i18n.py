"""Translations are loaded into Tornado's locale, and what cannot be used is an error at start."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from tornado import locale
from tornado.web import Application, RequestHandler

from support.servers import ServerTestCase
from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError
from tornadopy.i18n import load_translations

FOLDER = r"TRANSLATIONS_CONF\['translations_dir'\]: "


def conf(**values: Any) -> Any:
    return Settings(TRANSLATIONS=True, TRANSLATIONS_CONF=values).TRANSLATIONS_CONF


def compile_mo(catalog: dict[str, str]) -> bytes:
    """Return a catalog as the file that msgfmt writes."""
    texts = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **catalog}.items())
    identifiers = b"".join(key.encode() + b"\0" for key, _ in texts)
    strings = b"".join(value.encode() + b"\0" for _, value in texts)
    first = 28 + 16 * len(texts)
    tables, offsets = [b"", b""], [first, first + len(identifiers)]
    for pair in texts:
        for column, text in enumerate(pair):
            length = len(text.encode())
            tables[column] += struct.pack("<II", length, offsets[column])
            offsets[column] += length + 1
    header = struct.pack("<7I", 0x950412DE, 0, len(texts), 28, 28 + 8 * len(texts), 0, first)
    return header + tables[0] + tables[1] + identifiers + strings


@pytest.fixture(autouse=True)
def tornados_locales(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tornado's locales are the process's: give them back as they were."""
    for name in ("_translations", "_default_locale", "_supported_locales", "_use_gettext"):
        monkeypatch.setattr(locale, name, getattr(locale, name))
    monkeypatch.setattr(locale.Locale, "_cache", {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "translations"
    made.mkdir()
    return made


class TestCsv:
    def test_texts_are_translated_and_the_default_locale_is_set(self, folder: Path) -> None:
        lines = ["Hello,你好,", '"%(n)s day","%(n)s 天",singular', '"%(n)s day","%(n)s 天们",plural', "", "alone"]
        (folder / "zh_CN.csv").write_text("\n".join(lines), encoding="utf-8")
        load_translations(conf(locale_default="zh-CN"), project_path=folder.parent)
        chinese = locale.get("zh-CN")
        assert chinese.translate("Hello") == "你好"
        assert chinese.translate("%(n)s day", "%(n)s days", 2) == "%(n)s days"
        assert locale.get("xx").code == "zh_CN"
        assert set(locale.get_supported_locales()) == {"zh_CN"}

    def test_a_byte_order_mark_and_other_encodings(self, folder: Path) -> None:
        (folder / "es.csv").write_text("Day,Día", encoding="utf-8-sig")
        load_translations(conf(), project_path=folder.parent)
        assert locale.get("es").translate("Day") == "Día"
        (folder / "es.csv").write_text("Night,Año", encoding="latin-1")
        locale.Locale._cache.clear()
        load_translations(conf(csv_encoding="latin-1"), project_path=folder.parent)
        assert locale.get("es").translate("Night") == "Año"

    def test_an_absolute_folder(self, folder: Path) -> None:
        (folder / "es.csv").write_text("Day,Dia")
        load_translations(conf(translations_dir=str(folder)), project_path="/elsewhere")
        assert locale.get("es").translate("Day") == "Dia"

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("es.csv", b"Day,D\xeda", r"es\.csv: 'utf-8' codec.*csv_encoding"),
            ("es.csv", b"Day,Dia\nOne, two,uno", r"es\.csv, line 2: 'uno' is no plural indicator"),
            ("es.csv", b'Day,"' + b"x" * 200_000 + b'"', r"cannot read .*es\.csv: field larger"),
            ("Spanish.csv", b"Day,Dia", r"Spanish\.csv is not named after a locale"),
            ("es.old.csv", b"Day,Dia", r"es\.old\.csv is not named after a locale"),
        ],
    )
    def test_a_malformed_file_is_named(self, folder: Path, name: str, content: bytes, message: str) -> None:
        (folder / name).write_bytes(content)
        with pytest.raises(ConfigError, match=FOLDER + ".*" + message):
            load_translations(conf(), project_path=folder.parent)

    def test_a_folder_in_the_place_of_a_file_is_named(self, folder: Path) -> None:
        (folder / "es.csv").mkdir()
        with pytest.raises(ConfigError, match=FOLDER + r"cannot read .*es\.csv"):
            load_translations(conf(), project_path=folder.parent)

    def test_an_unknown_encoding(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match=r"TRANSLATIONS_CONF\['csv_encoding'\]: unknown encoding: nonsense"):
            load_translations(conf(csv_encoding="nonsense"), project_path=folder.parent)

    def test_a_missing_or_empty_folder(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match=FOLDER + r"there is no folder .*absent; create it"):
            load_translations(conf(translations_dir="absent"), project_path=folder.parent)
        with pytest.raises(ConfigError, match=FOLDER + r"no translations in .*translations: .*zh_CN\.csv"):
            load_translations(conf(), project_path=folder.parent)


class TestGettext:
    def place(self, folder: Path, content: bytes, domain: str = "tornadopy") -> None:
        messages = folder / "zh_CN" / "LC_MESSAGES"
        messages.mkdir(parents=True, exist_ok=True)
        (messages / f"{domain}.mo").write_bytes(content)

    def test_texts_are_translated(self, folder: Path) -> None:
        self.place(folder, compile_mo({"Hello": "你好"}), "shop")
        load_translations(conf(use_gettext=True, gettext_domain="shop"), project_path=folder.parent)
        assert locale.get("zh-CN").translate("Hello") == "你好"
        assert locale.get("xx").code == "en_US"

    @pytest.mark.parametrize("content", [b"", b"nonsense", compile_mo({"Hello": "x"})[:40]])
    def test_a_malformed_file_is_named(self, folder: Path, content: bytes) -> None:
        self.place(folder, content)
        with pytest.raises(ConfigError, match=FOLDER + r"cannot load .*tornadopy\.mo: .*msgfmt"):
            load_translations(conf(use_gettext=True), project_path=folder.parent)

    def test_another_domain_is_no_translation(self, folder: Path) -> None:
        self.place(folder, compile_mo({}), "other")
        with pytest.raises(ConfigError, match=r"LOCALE/LC_MESSAGES/tornadopy\.mo.*gettext_domain"):
            load_translations(conf(use_gettext=True), project_path=folder.parent)


class TestInAHandler(ServerTestCase):
    @pytest.fixture(autouse=True)
    def translations(self, folder: Path) -> None:
        (folder / "zh_CN.csv").write_text("Hello,你好", encoding="utf-8")
        load_translations(conf(), project_path=folder.parent)

    def get_app(self) -> Application:
        class Hello(RequestHandler):
            def get(self) -> None:
                self.write(self.locale.translate("Hello"))

        return Application([("/", Hello)])

    def test_the_browsers_language_decides(self) -> None:
        assert self.fetch("/", headers={"Accept-Language": "zh-CN,en;q=0.5"}).body.decode() == "你好"
        assert self.fetch("/", headers={"Accept-Language": "fr"}).body == b"Hello"
