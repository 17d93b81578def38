"""What the browser sends about a book: read, checked, and kept for showing it again."""

from dataclasses import dataclass, field

from tornado.web import RequestHandler

from books.models import Book

LONGEST = {"title": 120, "author": 80, "note": 500}
NAMES = {"title": "the title", "author": "the author", "note": "the note"}
LAST_YEAR = 2100


@dataclass
class BookForm:
    """The fields of the form as they were typed, and what is wrong with them."""

    title: str = ""
    author: str = ""
    year: str = ""
    note: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def sent_to(cls, handler: RequestHandler) -> "BookForm":
        """Return what has been sent, checked."""
        title, author, year, note = (
            handler.get_body_argument(each, "") for each in ("title", "author", "year", "note")
        )
        form = cls(title, author, year, note)
        form.check()
        return form

    @classmethod
    def of(cls, book: Book) -> "BookForm":
        """Return the fields of a book."""
        return cls(book.title, book.author, "" if book.year is None else str(book.year), book.note)

    def check(self) -> None:
        """Note in `errors` what is wrong, by the name of the field."""
        for name in ("title", "author"):
            if not getattr(self, name):
                self.errors[name] = f"Please write {NAMES[name]}."
        for name, longest in LONGEST.items():
            if len(getattr(self, name)) > longest:
                self.errors[name] = f"Please keep {NAMES[name]} within {longest} characters."
        if self.year and not (self.year.isascii() and self.year.isdigit() and 0 < int(self.year) <= LAST_YEAR):
            self.errors["year"] = f"Please write the year as a number up to {LAST_YEAR}, or leave it out."

    def fill(self, book: Book) -> Book:
        """Put the fields into a book."""
        book.title, book.author, book.note = self.title, self.author, self.note
        book.year = int(self.year) if self.year else None
        return book
