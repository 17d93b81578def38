"""Two hundred requests at once, each with writes that it does not commit: none sees another's, all are served."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from dbbackends import Backend, checked_out, running, until
from dbmodels import Item
from sqlalchemy import select

from tornadopy.db.connector import Connector
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler

REQUESTS = 200
POOL = {"sqlalchemy.pool_size": 4, "sqlalchemy.max_overflow": 4, "sqlalchemy.pool_timeout": 90}


class InThreads(WebHandler):
    """Synchronous sessions in functions with @async_execute; the request goes from thread to thread."""

    async def get(self, number: str) -> None:
        await self.insert(number)
        await asyncio.sleep(0.001)
        first = await self.names()
        await self.insert(f"{number} again")
        self.write({"names": [*first, *await self.names()]})

    @async_execute
    def insert(self, name: str) -> None:
        Item.session.add(Item(name=name))
        Item.session.flush()

    @async_execute
    def names(self) -> list[str]:
        return [item.name for item in Item.Q.order_by(Item.id)]


class Native(WebHandler):
    """An asynchronous session."""

    async def get(self, number: str) -> None:
        async with Item.async_session() as session:
            session.add(Item(name=number))
            await session.flush()
            await asyncio.sleep(0.001)
            first = await session.scalars(select(Item.name))
            session.add(Item(name=f"{number} again"))
            second = await session.scalars(select(Item.name).order_by(Item.id))
            self.write({"names": [*first, *second]})


HANDLERS: list[Any] = [("/threads/(.*)", InThreads), ("/native/(.*)", Native)]


@pytest.mark.parametrize("way", ["threads", "native"])
def test_none_sees_what_another_has_not_committed(way: str, backend: Backend) -> None:
    """There are more requests than connections; afterwards no connection is out, and no row is there."""
    conf = backend.conf(SQLALCHEMY_CONFIGURATION=POOL)

    async def main() -> None:
        async with running(conf, HANDLERS, clients=REQUESTS) as fetch:
            answers = await asyncio.gather(*(fetch(f"/{way}/{number}") for number in range(REQUESTS)))
            assert [answer.code for answer in answers] == [200] * REQUESTS
            for number, answer in enumerate(answers):
                assert json.loads(answer.body)["names"] == [f"{number}", f"{number}", f"{number} again"]
            connections = Connector.of(conf)
            await until(lambda: not checked_out(connections), "the return of all connections")
            assert backend.in_use() == []
            with connections["default"].master.engine.connect() as connection:
                assert connection.execute(select(Item.__table__)).all() == []

    asyncio.run(main())
