"""The tables of the tests of this folder."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tornadopy.db.dbalchemy import Model


class Item(Model):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Base(Model):
    __abstract__ = True

    ID = Column("id", Integer, primary_key=True)


class Author(Base):
    __tablename__ = "authors"

    name = Column(String(50), nullable=False, unique=True)
    books = relationship("Book", back_populates="author", order_by="Book.ID")


class Book(Base):
    __tablename__ = "books"

    title = Column(String(50), nullable=False)
    author_id = Column(Integer, ForeignKey("authors.id"), nullable=False)
    author = relationship(Author, back_populates="books")


class Archived(Model):
    """A table of another connection."""

    __tablename__ = "archived"
    __connection_name__ = "archive"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
