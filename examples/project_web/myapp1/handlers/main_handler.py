"""Pages in templates, and a page that fails."""

import platform

import tornado
import tornadopy
from tornadopy.handler import WebHandler

LANGUAGES = {"en_US": "English", "de_DE": "Deutsch", "zh_CN": "中文"}


def versions() -> dict[str, str]:
    """Return what the site runs on."""
    return {
        "tornadopy": tornadopy.__version__,
        "Tornado": tornado.version,
        "Python": platform.python_version(),
    }


class Main(WebHandler):
    """The welcome page."""

    def get(self) -> None:
        """Answer with the page."""
        self.render("index.html", versions=versions(), debug=self.settings.get("debug"))


class TemplatePage(WebHandler):
    """A page that shows what a template can do."""

    def get(self) -> None:
        """Answer with the page; ?name=... greets somebody."""
        self.render(
            "template.html",
            name=self.get_query_argument("name", "<b>world</b>"),
            arguments=self._url_kwargs,
            planets=["Mercury", "Venus", "Earth", "Mars"],
        )


class Hello(WebHandler):
    """A page in the language that the browser or ?lang=... asks for."""

    def get_user_locale(self) -> tornado.locale.Locale | None:
        """Return the language that the address names, if it is one that the page has."""
        language = self.get_query_argument("lang", "")
        return tornado.locale.get(language) if language in LANGUAGES else None

    def get(self) -> None:
        """Answer with the page."""
        self.render("hello.html", languages=LANGUAGES)


class Visits(WebHandler):
    """A page whose number comes from an HTTP module that this route alone has."""

    visit = 0

    def get(self) -> None:
        """Answer with the page."""
        self.render("visits.html", visit=self.visit)


class Broken(WebHandler):
    """A page that fails, to show the error page."""

    def get(self) -> None:
        """Fail."""
        basket = {"apples": 3, "password": "never shown"}
        self.write(str(basket["pears"]))
