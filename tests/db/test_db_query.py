"""Models, `Q`, lists and pages; the snippets of the seed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from dbbackends import Backend
from dbmodels import Archived, Author, Base, Book, Item
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, String, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column

from tornadopy.conf import settings
from tornadopy.db import metadata
from tornadopy.db.connector import Connector
from tornadopy.db.dbalchemy import Model, Pagination, paginate
from tornadopy.db.query import Rows
from tornadopy.exceptions import ArgumentError


@pytest.fixture
def here(backend: Backend) -> Iterator[None]:
    """The database as the process's default, with 25 items."""
    databases = {"default": {"connections": [backend.connection]}}
    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=databases):
        Item.session.add_all([Item(name=f"item {number:02}") for number in range(1, 26)])
        Item.session.commit()
        yield
        Item.session.remove()
        Connector.dispose()


def names(page: Any) -> list[str]:
    return [item.name for item in page.items]


# Pages


def test_a_page_of_a_query(here: None) -> None:
    page = Item.Q.order_by(Item.id).paginate(page=2, per_page=10)
    assert names(page) == [f"item {number:02}" for number in range(11, 21)]
    assert (page.total, page.page, page.per_page, page.pages) == (25, 2, 10, 3)
    assert (page.has_next, page.has_prev, page.next_num, page.prev_num) == (True, True, 3, 1)
    assert [item.name for item in page] == names(page)
    assert len(page) == 10
    assert repr(page) == "<Pagination: page 2 of 3, 25 items>"
    last, first = page.next(), page.prev()
    assert (names(last)[0], len(last), last.has_next, last.next_num) == ("item 21", 5, False, None)
    assert (first.page, first.has_prev, first.prev_num) == (1, False, None)
    assert names(last.next()) == []
    assert first.prev().page == 1


def test_a_page_fetches_its_own_rows_alone(here: None) -> None:
    assert len(Item.Q.filter(Item.name > "item 20").order_by(Item.id.desc()).paginate(1, 3).items) == 3
    assert Item.Q.filter_by(name="nothing").paginate().total == 0


def test_a_page_that_is_not_there(here: None) -> None:
    """The default if there is one, None among others; else an empty page, and the first one below 1."""
    for query in (Item.Q.order_by(Item.id), Item.Q.order_by(Item.id).all()):
        assert query.paginate(page=4, per_page=10, default=None) is None
        assert query.paginate(page=0, per_page=10, default="none") == "none"
        page = query.paginate(page=4, per_page=10)
        assert (page.items, page.total, page.has_next, page.prev_num) == ([], 25, False, 3)
        assert names(query.paginate(page=-3, per_page=2)) == ["item 01", "item 02"]
    assert Item.Q.filter_by(name="nothing").paginate(page=1, per_page=5, default=None).items == []


def test_a_page_far_beyond_the_end(backend: Backend) -> None:
    """Its number comes from the client's address, and may be none that the database takes."""
    page = 10**30

    async def native() -> list[Item]:
        async with Item.async_session() as session:
            found = await paginate(session, select(Item).order_by(Item.id), page)
        await Connector.aclose()
        return list(found.items)

    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=backend.conf().DATABASE_CONNECTION):
        found = Item.Q.order_by(Item.id).paginate(page)
        assert (found.items, found.page, found.total) == ([], page, 0)
        Item.session.remove()
        assert asyncio.run(native()) == []


@pytest.mark.parametrize("per_page", [0, -1])
def test_a_page_has_at_least_one_item(here: None, per_page: int) -> None:
    for query in (Item.Q, Item.Q.all()):
        with pytest.raises(ArgumentError, match="per_page must be at least 1"):
            query.paginate(1, per_page)


def test_all_is_a_list_with_pages(here: None) -> None:
    found = Item.Q.order_by(Item.id).all()
    assert isinstance(found, list)
    assert len(found) == 25
    page = found.paginate(page=3, per_page=10)
    assert (names(page)[0], page.total, page.pages, names(page.prev())[0]) == ("item 21", 25, 3, "item 11")


def test_pages_of_a_query_with_joins(here: None) -> None:
    """A page counts objects, not rows."""
    for number in range(3):
        author = Author(name=f"author {number}")
        author.books = [Book(title=f"book {each}") for each in range(4)]
        Author.session.add(author)
    Author.session.commit()
    page = Author.Q.options(joinedload(Author.books)).order_by(Author.ID).paginate(1, 2)
    assert (page.total, [author.name for author in page]) == (3, ["author 0", "author 1"])
    assert [len(author.books) for author in page] == [4, 4]
    assert Book.Q.join(Author).filter(Author.name == "author 1").paginate(1, 3).total == 4


def test_pages_of_a_select(here: None) -> None:
    """The asynchronous helper gives objects, values or rows."""

    async def main() -> None:
        async with Item.async_session() as session:
            page = await paginate(session, select(Item).order_by(Item.id), page=3, per_page=10)
            assert (names(page)[0], page.total, page.pages, page.has_prev) == ("item 21", 25, 3, True)
            assert names(await page.prev())[0] == "item 11"
            assert (await page.next()).items == []
            values = await paginate(session, select(Item.name).order_by(Item.id), per_page=2)
            assert values.items == ["item 01", "item 02"]
            rows = await paginate(session, select(Item.id, Item.name).order_by(Item.id), per_page=1)
            assert rows.items[0].name == "item 01"
            assert await paginate(session, select(Item), page=9, default=None) is None
            assert (await paginate(session, select(Item), page=0, per_page=1)).page == 1
            with pytest.raises(ArgumentError):
                await paginate(session, select(Item), per_page=0)
            with_books = select(Author).options(joinedload(Author.books)).order_by(Author.ID)
            session.add(Author(name="one", books=[Book(title="a"), Book(title="b")]))
            assert len((await paginate(session, with_books)).items) == 1
        await Connector.aclose()

    asyncio.run(main())


def pages(page: int, total: int, per_page: int = 10) -> Pagination[Any]:
    return Pagination([], page=page, per_page=per_page, total=total, turn=lambda number: None)


@pytest.mark.parametrize(
    ("page", "total", "expected"),
    [
        (1, 0, []),
        (1, 30, [1, 2, 3]),
        (1, 200, [1, 2, 3, 4, 5, None, 19, 20]),
        (10, 200, [1, 2, None, 8, 9, 10, 11, 12, 13, 14, None, 19, 20]),
        (20, 200, [1, 2, None, 18, 19, 20]),
    ],
)
def test_a_row_of_links(page: int, total: int, expected: list[int | None]) -> None:
    assert list(pages(page, total).iter_pages()) == expected


@given(st.integers(-3, 40), st.integers(0, 400), st.integers(1, 30), st.integers(0, 4), st.integers(0, 4))
def test_a_row_of_links_ascends_and_says_where_some_are_left_out(
    page: int, total: int, per_page: int, edge: int, around: int
) -> None:
    found = pages(page, total, per_page)
    links = list(found.iter_pages(left_edge=edge, right_edge=edge, left_current=around, right_current=around))
    numbers = [link for link in links if link is not None]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= found.pages for number in numbers)
    assert page in numbers or not 1 <= page <= found.pages
    for before, after in pairwise(links):
        assert (before is None) != (after is None) or after == before + 1  # type: ignore[operator]


@given(st.lists(st.integers(), max_size=40), st.integers(1, 12))
def test_the_pages_of_a_list_make_up_the_list(items: list[int], per_page: int) -> None:
    rows = Rows(items)
    found, page = [], rows.paginate(1, per_page)
    while True:
        found += page.items
        if not page.has_next:
            break
        page = page.next()
    assert found == items


# Models


def test_each_connection_has_tables_of_its_own() -> None:
    assert Archived.metadata is metadata.of("archive") is not Item.metadata
    assert Item.metadata is Base.metadata is Model.metadata
    assert "archived" not in Item.metadata.tables
    assert set(Archived.metadata.tables) == {"archived"}
    assert {"default", "archive"} <= set(metadata.names())


def test_constraints_have_names() -> None:
    """A migration can only alter what has one."""
    assert Author.__table__.primary_key.name == "pk_authors"
    assert {constraint.name for constraint in Book.__table__.foreign_key_constraints} == {"fk_books_author_id_authors"}


def test_a_model_without_types_and_one_with_them(here: None) -> None:
    author = Author(name="somebody", books=[Book(title="something")])
    Author.session.add(author)
    Author.session.commit()
    assert Author.Q.filter(Author.name == "somebody").first().books[0].title == "something"
    assert Author.session.get(Author, author.ID) is author
    assert Book.session.query(Book).count() == 1


def test_annotations_that_are_not_mapped_are_the_users_own() -> None:
    class Annotated(Model):
        __tablename__ = "annotated_by_hand"

        id: int = Column(String(3), primary_key=True)

    assert Annotated.__table__.c.id.primary_key


def test_tables_are_created_and_dropped(sqlite: Backend, tmp_path: Any) -> None:
    archive = {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": str(tmp_path / "archive.sqlite3")}
    conf = sqlite.conf(
        DATABASE_CONNECTION={"default": {"connections": [sqlite.connection]}, "archive": {"connections": [archive]}}
    )
    pool = Connector.of(conf)
    for _name, database in pool.items():
        database.create_db()
        database.create_db()  # those that are there stay
    with pool["archive"].master.engine.connect() as connection:
        assert connection.execute(select(Archived)).all() == []
    pool["archive"].drop_db()
    with pool["archive"].master.engine.connect() as connection:
        assert "archived" not in connection.dialect.get_table_names(connection)
    assert set(pool["archive"].engines) == {"master"}
    pool.dispose()


# The seed's README


SEED_MODELS = """
from tornadopy.db.dbalchemy import Model
from sqlalchemy import *
from sqlalchemy.dialects.mysql import INTEGER


class BaseModel(Model):
    __abstract__ = True
    __connection_name__ = 'default' #对应配置中的default项

    ID = Column('id', INTEGER(11, unsigned=True), primary_key=True, nullable=False)  # primary key


class User(BaseModel):

    __tablename__ = 'users'

    name = Column(String(10), nullable=False)
    password = Column(String(64), nullable=False)
"""


@pytest.fixture(scope="session")
def seed() -> SimpleNamespace:
    """The models of the seed's README, as they are printed."""
    namespace: dict[str, Any] = {"__name__": "seed_models"}
    exec(SEED_MODELS, namespace)
    return SimpleNamespace(**namespace)


def test_the_seeds_snippets(mariadb: Backend, seed: SimpleNamespace) -> None:
    """Models with a type of MySQL, Q, session.query, using_master, pages of all()."""
    User = seed.User  # noqa: N806 - the seed's own lines follow
    connection = {**mariadb.connection, "DRIVER": "mysql+mysqldb", "QUERY": {"charset": "utf8"}}
    databases = {"default": {"connections": [connection, {**connection, "ROLE": "slave"}]}}
    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=databases):
        for name, database in Connector.conn_pool.items():
            assert name == "default"
            database.create_db()
        session = User.session.using_master()
        session.add_all([User(name="jack", password="x"), User(name="jill", password="y")])
        session.commit()

        assert [user.password for user in User.Q.filter(User.name == "jack").all()] == ["x"]
        assert User.session.query(User).count() == 2

        query = User.Q.all()
        pagelist_obj = query.paginate(page=1, per_page=10, default=None)
        total = pagelist_obj.total
        page = pagelist_obj.page
        items = pagelist_obj.items
        assert (total, page, {user.name for user in items}) == (2, 1, {"jack", "jill"})
        User.session.remove()
        Connector.dispose()


def test_the_columns_of_a_models_own_base_are_copied(seed: SimpleNamespace) -> None:
    assert {column.name for column in seed.User.__table__.columns} == {"id", "name", "password"}


def test_a_mapped_class_is_typed() -> None:
    class Typed(Model):
        __tablename__ = "typed"

        id: Mapped[int] = mapped_column(primary_key=True)
        note: Mapped[str | None] = mapped_column(String(5))

    assert Typed.__table__.c.note.nullable
    assert not Typed.__table__.c.id.nullable
