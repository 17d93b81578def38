"""The routes of the app."""

from tornadopy import Url, route

u = Url("books.handlers")
urls = route(
    u(name="BookList", pattern=r"/books/?", handler="shelf.List"),
    u(name="BookCreate", pattern=r"/books/new", handler="shelf.Create"),
    u(name="BookDetail", pattern=r"/books/(\d{1,9})", handler="shelf.Detail"),
    u(name="BookEdit", pattern=r"/books/(\d{1,9})/edit", handler="shelf.Edit"),
    u(name="BookDelete", pattern=r"/books/(\d{1,9})/delete", handler="shelf.Delete"),
)
