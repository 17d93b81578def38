"""The pages of the books, over a database of their own; the suite of tornadopy tests them from outside."""

import re
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from tornado.httpclient import HTTPResponse
from tornado.testing import AsyncHTTPTestCase
from tornadopy import Application, settings
from tornadopy.apps import load_urls


class BooksTest(AsyncHTTPTestCase):
    """A book is listed, shown, added, changed and deleted."""

    def setUp(self) -> None:
        """Start the site with an empty folder for its database."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        master = {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": folder / "test.sqlite3"}
        self.enterContext(settings.override(DATABASE_CONNECTION={"default": {"connections": [master]}}))
        super().setUp()
        self.io_loop.run_sync(self.application.startup)

    def tearDown(self) -> None:
        """Stop the site."""
        self.io_loop.run_sync(self.application.shutdown)
        super().tearDown()

    def get_app(self) -> Application:
        """Return the application under test."""
        self.application = Application(load_urls(settings.INSTALLED_APPS))
        return self.application

    def send(self, path: str, **fields: str) -> HTTPResponse:
        """Send a form as the browser does, with its token; follow no redirect."""
        token = "a" * 32
        return self.fetch(
            path,
            method="POST",
            headers={"Cookie": f"_xsrf={token}"},
            body=urlencode({**fields, "_xsrf": token}),
            follow_redirects=False,
        )

    def test_a_books_life(self) -> None:
        """Each page does its part."""
        self.assertIn("12 books", self.fetch("/books").body.decode())
        added = self.send("/books/new", title="Dune", author="Frank Herbert", year="1965")
        self.assertEqual(added.code, 302)
        place = added.headers["Location"]
        self.assertRegex(place, r"^/books/\d+$")
        self.assertIn("Frank Herbert", self.fetch(place).body.decode())
        self.assertEqual(self.send(f"{place}/edit", title="Dune Messiah", author="Frank Herbert", year="").code, 302)
        page = self.fetch(place).body.decode()
        self.assertIn("<h1>Dune Messiah</h1>", page)
        self.assertNotIn("1965", page)
        self.assertIn("cannot be brought back", self.fetch(f"{place}/delete").body.decode())
        self.assertEqual(self.send(f"{place}/delete").code, 302)
        self.assertEqual(self.fetch(place).code, 404)

    def test_what_is_wrong_is_said_and_not_stored(self) -> None:
        """The form comes back with what was typed."""
        for fields, said in (
            ({"title": "", "author": "A"}, "Please write the title."),
            ({"title": "T", "author": "A", "year": "soon"}, "Please write the year as a number"),
            ({"title": "T" * 121, "author": "A"}, "Please keep the title within 120 characters."),
        ):
            answer = self.send("/books/new", **fields)
            self.assertEqual(answer.code, 422)
            self.assertIn(said, answer.body.decode())
        self.assertEqual(len(re.findall("<li>", self.fetch("/books?page=3").body.decode())), 2)
        self.assertEqual(self.fetch("/books?page=4").code, 404)
