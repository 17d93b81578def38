"""The pages of the example, from inside the project; the suite of tornadopy tests it from outside."""

from tornado.testing import AsyncHTTPTestCase
from tornadopy import Application, settings
from tornadopy.apps import load_urls


class PagesTest(AsyncHTTPTestCase):
    """The pages answer."""

    def get_app(self) -> Application:
        """Return the application under test."""
        return Application(load_urls(settings.INSTALLED_APPS))

    def test_pages(self) -> None:
        """Each page of the menu is found."""
        for path in ("/", "/template", "/guestbook", "/account", "/login", "/hello", "/visits", "/api/versions"):
            with self.subTest(path=path):
                self.assertEqual(self.fetch(path).code, 200)
