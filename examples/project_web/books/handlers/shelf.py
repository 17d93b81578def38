"""Pages over a table: a list in pages, a single row, and forms that add, change and delete one."""

from sqlalchemy import select
from tornadopy.db import atomic
from tornadopy.db.dbalchemy import paginate
from tornadopy.exception import Http404
from tornadopy.handler import WebHandler
from tornadopy.mixins.flash_message import FlashMessageMixIn

from books.forms import BookForm
from books.models import Book

PER_PAGE = 5


class Page(FlashMessageMixIn, WebHandler):
    """What the pages have in common."""

    async def find(self, number: str) -> Book:
        """Return the book of that number."""
        async with Book.async_session() as session:
            book = await session.get(Book, int(number))
        if book is None:
            raise Http404("there is no book %s", number)
        return book

    def show_form(self, form: BookForm, book: Book | None = None) -> None:
        """Answer with the form; with what is wrong in it, if it has been sent."""
        if form.errors:
            self.set_status(422)
        self.render("books/form.html", form=form, book=book)


class List(Page):
    """The books, a few on each page."""

    async def get(self) -> None:
        """Answer with a page of the list."""
        number = self.get_query_argument("page", "1")
        async with Book.async_session() as session:
            statement = select(Book).order_by(Book.title, Book.id)
            page = await paginate(session, statement, int(number) if number.isdigit() else 1, PER_PAGE, None)
        if page is None:
            raise Http404("the list has no page %s", number)
        self.render("books/list.html", page=page)


class Detail(Page):
    """One book."""

    async def get(self, number: str) -> None:
        """Answer with the page."""
        self.render("books/detail.html", book=await self.find(number))


class Create(Page):
    """A form for a new book."""

    def get(self) -> None:
        """Answer with the empty form."""
        self.show_form(BookForm())

    async def post(self) -> None:
        """Store the book, and send the browser to its page."""
        form = BookForm.sent_to(self)
        if form.errors:
            self.show_form(form)
            return
        async with atomic() as session:
            book = form.fill(Book())
            session.add(book)
        self.flash(f"“{book.title}” is on the shelf.", "success")
        self.redirect(self.reverse_url("BookDetail", book.id))


class Edit(Page):
    """The form, filled with what is stored."""

    async def get(self, number: str) -> None:
        """Answer with the form."""
        book = await self.find(number)
        self.show_form(BookForm.of(book), book)

    async def post(self, number: str) -> None:
        """Store the changes, and send the browser to the book's page."""
        form = BookForm.sent_to(self)
        async with atomic() as session:
            book = await session.get(Book, int(number), with_for_update=True)
            if book is None:
                raise Http404("there is no book %s", number)
            if not form.errors:
                form.fill(book)
        if form.errors:
            self.show_form(form, book)
            return
        self.flash("The changes are stored.", "success")
        self.redirect(self.reverse_url("BookDetail", number))


class Delete(Page):
    """A question, and what follows from the answer."""

    async def get(self, number: str) -> None:
        """Ask whether it is meant."""
        self.render("books/delete.html", book=await self.find(number))

    async def post(self, number: str) -> None:
        """Delete the book, and send the browser to the list."""
        async with atomic() as session:
            book = await session.get(Book, int(number))
            if book is None:
                raise Http404("there is no book %s", number)
            await session.delete(book)
        self.flash(f"“{book.title}” is gone.", "success")
        self.redirect(self.reverse_url("BookList"))
