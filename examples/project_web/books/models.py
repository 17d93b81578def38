"""The table of the books."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from tornadopy.db.dbalchemy import Model


class Book(Model):
    """A book on the shelf."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    author: Mapped[str] = mapped_column(String(80))
    year: Mapped[int | None]
    note: Mapped[str] = mapped_column(String(500), default="")
