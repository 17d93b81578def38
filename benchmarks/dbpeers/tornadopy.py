"""tornadopy with its models: asynchronous sessions, `Model.Q` in threads, and `Model.Q` on the event loop."""

from __future__ import annotations

import os

from peers import site as plain
from peers.peer import Peer, python
from peers.site import Site
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from dbpeers import site
from tornadopy.application import Application
from tornadopy.db.dbalchemy import Model
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler
from tornadopy.webserver import BACKLOG, Server

STYLE = "BENCH_STYLE"
PAGE = "fortunes.tornado.html"


class Row(Model):
    __tablename__ = "rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]

    def as_dict(self) -> dict[str, int]:
        """Return what is answered."""
        return {"id": self.id, "number": self.number}


class Fortune(Model):
    __tablename__ = "fortunes"

    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str] = mapped_column(String(200))


def with_added(found: list[Fortune], seed: str) -> list[Fortune]:
    """Return the fortunes that the page has."""
    return sorted([*found, Fortune(id=0, message=site.added(seed))], key=lambda fortune: fortune.message)


class Json(WebHandler):
    def get(self) -> None:
        self.write(plain.ANSWER)


class AsyncRow(WebHandler):
    async def get(self, seed: str) -> None:
        async with Row.async_session() as session:
            row = await session.get_one(Row, site.row_ids(int(seed))[0])
        self.write(row.as_dict())


class AsyncRows(WebHandler):
    async def get(self, seed: str) -> None:
        async with Row.async_session() as session:
            rows = [await session.get_one(Row, each) for each in site.row_ids(int(seed), site.TWENTY)]
        self.write({"rows": [row.as_dict() for row in rows]})


class AsyncFortunes(WebHandler):
    async def get(self, seed: str) -> None:
        async with Fortune.async_session() as session:
            found = list(await session.scalars(select(Fortune)))
        self.render(PAGE, fortunes=with_added(found, seed))


def find_rows(seed: str, count: int) -> list[dict[str, int]]:
    """Return rows by `Model.Q`, one after the other."""
    return [Row.Q.filter(Row.id == each).one().as_dict() for each in site.row_ids(int(seed), count)]


class LoopRow(WebHandler):
    def get(self, seed: str) -> None:
        self.write(find_rows(seed, 1)[0])


class LoopRows(WebHandler):
    def get(self, seed: str) -> None:
        self.write({"rows": find_rows(seed, site.TWENTY)})


class LoopFortunes(WebHandler):
    def get(self, seed: str) -> None:
        self.render(PAGE, fortunes=with_added(Fortune.Q.all(), seed))


find_rows_in_thread = async_execute(find_rows)


class ThreadRow(WebHandler):
    async def get(self, seed: str) -> None:
        self.write((await find_rows_in_thread(seed, 1))[0])


class ThreadRows(WebHandler):
    async def get(self, seed: str) -> None:
        self.write({"rows": await find_rows_in_thread(seed, site.TWENTY)})


class ThreadFortunes(WebHandler):
    async def get(self, seed: str) -> None:
        self.render(PAGE, fortunes=await self.find(seed))

    @async_execute
    def find(self, seed: str) -> list[Fortune]:
        return with_added(Fortune.Q.all(), seed)


STYLES = {
    "async": (AsyncRow, AsyncRows, AsyncFortunes),
    "loop": (LoopRow, LoopRows, LoopFortunes),
    "threads": (ThreadRow, ThreadRows, ThreadFortunes),
}


def serve() -> None:
    """Serve until the process is ended."""
    row, rows, fortunes = STYLES[os.environ[STYLE]]
    server = Server()
    server.parse_command()
    server.load_urls()
    server.load_application(
        Application([("/json", Json), (r"/row/(\d+)", row), (r"/rows/(\d+)", rows), (r"/fortunes/(\d+)", fortunes)])
    )
    server.server_start(backlog=BACKLOG)


def command(served: Site, port: int) -> list[str]:
    """Return the command line of the server."""
    return python(
        "-m",
        "dbpeers.tornadopy",
        f"--port={port}",
        f"--logging_dir={served.folder}",
        "--settings=dbpeers.tornadopy_settings",
    )


def peer(name: str, title: str, *, style: str, driver: str = "psycopg", notes: str) -> Peer:
    """Return a row."""
    return Peer(
        name=name,
        title=title,
        server="tornadopy.server.HTTPServer (uvloop, httptools)",
        json="standard library",
        templates="Tornado",
        distributions=("tornadopy", "sqlalchemy", driver),
        command=command,
        environment={STYLE: style, "BENCH_DRIVER": driver},
        notes=notes,
    )


PEERS = (
    peer("tornadopy", "tornadopy", style="async", notes="`Model.async_session()` on psycopg."),
    peer(
        "tornadopy-asyncpg",
        "tornadopy, asyncpg",
        style="async",
        driver="asyncpg",
        notes="The same with `DRIVER = 'postgresql+asyncpg'`.",
    ),
    peer(
        "tornadopy-loop",
        "tornadopy, Model.Q on the loop",
        style="loop",
        notes="`Model.Q` in the handler: no other request is served meanwhile.",
    ),
    peer(
        "tornadopy-threads",
        "tornadopy, Model.Q in threads",
        style="threads",
        notes=f"`Model.Q` in functions with `@async_execute`; {site.POOL} threads.",
    ),
)

if __name__ == "__main__":
    serve()
