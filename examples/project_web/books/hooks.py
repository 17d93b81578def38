"""What happens before the site serves: the table is made, and a new one gets some books."""

from sqlalchemy import func, select
from tornadopy import Application
from tornadopy.db import Connector, atomic

from books.models import Book

SHELF = [
    ("The Left Hand of Darkness", "Ursula K. Le Guin", 1969),
    ("Solaris", "Stanisław Lem", 1961),
    ("Kindred", "Octavia E. Butler", 1979),
    ("三体", "刘慈欣", 2008),
    ("Invisible Cities", "Italo Calvino", 1972),
    ("Frankenstein", "Mary Shelley", 1818),
    ("Momo", "Michael Ende", 1973),
    ("The Master and Margarita", "Mikhail Bulgakov", 1967),
    ("Beloved", "Toni Morrison", 1987),
    ("Pedro Páramo", "Juan Rulfo", 1955),
    ("Things Fall Apart", "Chinua Achebe", 1958),
    ("Kokoro", "Natsume Sōseki", 1914),
]


async def on_startup(application: Application) -> None:
    """Make the table where it is missing."""
    Connector.of(application.conf)["default"].create_db()
    async with atomic() as session:
        if not await session.scalar(select(func.count()).select_from(Book)):
            session.add_all(Book(title=title, author=author, year=year) for title, author, year in SHELF)
