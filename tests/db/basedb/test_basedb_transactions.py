"""Transactions and savepoints on a real database of each kind; threads and tasks that share one, and that do not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import sqlalchemy.exc

from tornadopy.db.basedb import Database, Transaction, database
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import TransactionError

PATIENCE = 10


class Oops(Exception):
    """What breaks a transaction off."""


@contextmanager
def broken_off(db: Database, error: type[BaseException] = Oops) -> Iterator[None]:
    """Begin a transaction that an error ends."""
    with suppress(error), db.transaction():
        yield
        raise error


def names(db: Database) -> list[str]:
    return [row.name for row in db.select("users", order="id")]


def in_thread(work: Callable[[], Any]) -> Any:
    """Return what *work* returns in a thread that shares nothing with this one."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(PATIENCE)
    return found[0]


def test_it_commits_at_the_end(db: Database) -> None:
    with db.transaction() as transaction:
        db.insert("users", name="Ann")
        assert transaction.is_open
        assert names(db) == ["Ann"]
        assert in_thread(lambda: names(db)) == []
    assert not transaction.is_open
    assert in_thread(lambda: names(db)) == ["Ann"]


def test_an_exception_rolls_back(db: Database) -> None:
    with broken_off(db):
        db.insert("users", name="Ann")
    assert names(db) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_whatever_comes_through_rolls_back(db: Database, kind: type[BaseException]) -> None:
    with broken_off(db, kind):
        db.insert("users", name="Ann")
    assert names(db) == []


def test_without_with(db: Database) -> None:
    transaction = db.transaction()
    db.insert("users", name="Ann")
    transaction.commit()
    transaction = db.transaction()
    db.insert("users", name="Bob")
    transaction.rollback()
    db.insert("users", name="Eve")
    assert names(db) == ["Ann", "Eve"]


def test_it_may_be_ended_inside(db: Database) -> None:
    with db.transaction() as transaction:
        db.insert("users", name="Ann")
        transaction.rollback()
        db.insert("users", name="Bob")
    with db.transaction() as transaction:
        db.insert("users", name="Eve")
        transaction.commit()
    assert names(db) == ["Bob", "Eve"]


def test_it_ends_once(db: Database) -> None:
    with db.transaction() as transaction:
        pass
    for end in (transaction.commit, transaction.rollback):
        with pytest.raises(TransactionError, match="has ended already"):
            end()


def test_a_savepoint_is_rolled_back_alone(db: Database) -> None:
    with db.transaction():
        db.insert("users", name="Ann")
        with broken_off(db):
            db.insert("users", name="Bob")
        with db.transaction():
            db.insert("users", name="Eve")
            with db.transaction() as innermost:
                db.update("users", "1 = 1", name="all")
                innermost.rollback()
        assert names(db) == ["Ann", "Eve"]
    assert names(db) == ["Ann", "Eve"]


def test_a_savepoint_falls_with_its_transaction(db: Database) -> None:
    with broken_off(db), db.transaction():
        db.insert("users", name="Ann")
    assert names(db) == []


def test_an_error_of_the_database_costs_a_savepoint_only(db: Database) -> None:
    with db.transaction():
        db.insert("notes", seqname=False, code="a")
        with pytest.raises(sqlalchemy.exc.IntegrityError), db.transaction():
            db.insert("notes", seqname=False, code="a")
        db.insert("notes", seqname=False, code="b")
    assert [row.code for row in db.select("notes", order="code")] == ["a", "b"]


def test_many_rows_are_a_savepoint_of_their_own(db: Database) -> None:
    with db.transaction():
        db.multiple_insert("notes", [{"code": "a"}, {"code": "b"}], seqname=False)
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            db.multiple_insert("notes", [{"code": "c"}, {"code": "a"}], seqname=False)
    assert [row.code for row in db.select("notes", order="code")] == ["a", "b"]


def test_the_inner_one_ends_first(db: Database) -> None:
    outer = db.transaction()
    db.insert("users", name="Ann")
    inner = db.transaction()
    with pytest.raises(TransactionError, match="all has been rolled back"):
        outer.commit()
    with pytest.raises(TransactionError, match="has ended already"):
        inner.commit()
    assert names(db) == []


def test_a_failed_commit_gives_the_connection_back(db: Database) -> None:
    if db.dbn != "postgresql":
        # MariaDB checks foreign keys at each statement; SQLite cannot add one to a table that is there.
        pytest.skip("no constraint that COMMIT checks can be added to a table there")
    db.query("ALTER TABLE notes ADD FOREIGN KEY (user_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(sqlalchemy.exc.IntegrityError), db.transaction():
        db.insert("notes", code="a", user_id=99)
    assert len(db.select("notes")) == 0


def test_two_databases_have_transactions_of_their_own(db: Database, arguments: Mapping[str, Any]) -> None:
    other = database(**arguments)
    try:
        with db.transaction():
            assert other.select("users").list() == []
            assert db.engine is not other.engine
        assert other.engine.pool.checkedout() == 0
    finally:
        other.close()


class TestTasksAndThreads:
    def test_a_thread_of_async_execute_takes_part(self, db: Database) -> None:
        @async_execute
        def write(name: str) -> list[str]:
            db.insert("users", name=name)
            return names(db)

        async def main() -> None:
            with broken_off(db):
                assert await write("Ann") == ["Ann"]
                await asyncio.gather(*(write(f"n{number}") for number in range(20)))
                assert len(names(db)) == 21
            assert await write("Eve") == ["Eve"]

        asyncio.run(main())
        assert names(db) == ["Eve"]

    def test_tasks_beside_each_other_share_nothing(self, db: Database) -> None:
        """Each has its own connection; what one rolls back is nothing to the other."""
        if db.dbn == "sqlite":
            # Two open writers are the point; on SQLite the second would hold up the loop that the first needs.
            pytest.skip("SQLite has one writer at a time, who would wait on the event loop")
        began, may_end = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            with broken_off(db):
                db.insert("users", name="Ann")
                began.set()
                await may_end.wait()

        async def second() -> None:
            await began.wait()
            with db.transaction():
                db.insert("users", name="Bob")
                assert names(db) == ["Bob"]
            may_end.set()

        async def main() -> None:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(first(), second())

        asyncio.run(main())
        assert names(db) == ["Bob"]

    def test_a_task_that_outlives_the_transaction_writes_nothing(self, db: Database) -> None:
        """What was meant for the transaction must not be committed without it."""

        async def main() -> None:
            async def later() -> None:
                await ended.wait()
                with pytest.raises(TransactionError, match="has ended; await it before the end"):
                    db.insert("users", name="late")

            ended = asyncio.Event()
            with broken_off(db):
                task = asyncio.create_task(later())
                db.insert("users", name="early")
            db.insert("users", name="after")
            ended.set()
            await task

        asyncio.run(main())
        assert names(db) == ["after"]

    def test_a_cancelled_block_leaves_its_thread_behind(self, db: Database) -> None:
        """The event loop does not wait for the thread, and nothing that the thread does is kept."""
        inside, may_go_on = threading.Event(), threading.Event()
        errors: list[Exception] = []

        @async_execute
        def work() -> None:
            try:
                with transactions[0].pinned.turn() as connection:
                    inside.set()
                    may_go_on.wait(PATIENCE)
                    connection.exec_driver_sql("INSERT INTO users (name) VALUES ('lost')")
                db.insert("users", name="lost, too")
            except TransactionError as error:
                errors.append(error)

        async def block() -> None:
            with db.transaction() as transaction:
                transactions.append(transaction)
                await work()

        async def main() -> None:
            task = asyncio.create_task(block())
            await asyncio.to_thread(inside.wait, PATIENCE)
            with pytest.raises(TransactionError, match="waiting for it here would stop the event loop"):
                transactions[0].commit()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            may_go_on.set()
            async with asyncio.timeout(PATIENCE):
                while not errors:
                    await asyncio.sleep(0.001)

        transactions: list[Transaction] = []
        asyncio.run(main())
        assert "has ended" in str(errors[0])
        assert names(db) == []

    def test_a_block_that_was_given_up_does_not_end_as_if_nothing_were(self, db: Database) -> None:
        def work() -> None:
            with db.transaction() as transaction:
                db.insert("users", name="lost")
                transaction.pinned.abandon()

        with pytest.raises(TransactionError, match="has been rolled back"):
            work()
        assert names(db) == []

    def test_savepoints_of_two_tasks_in_one_transaction_are_refused(self, db: Database) -> None:
        async def main() -> None:
            entered, may_leave = asyncio.Event(), asyncio.Event()

            async def first() -> None:
                with db.transaction():
                    entered.set()
                    await may_leave.wait()

            async def second() -> None:
                await entered.wait()
                with pytest.raises(TransactionError, match="another task or thread"):
                    db.transaction()
                may_leave.set()

            with db.transaction():
                db.insert("users", name="Ann")
                async with asyncio.timeout(PATIENCE):
                    await asyncio.gather(first(), second())

        asyncio.run(main())
        assert names(db) == ["Ann"]

    def test_many_threads_at_once(self, db: Database) -> None:
        """More threads than the pool has connections; half of them roll back."""
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(5):
                    with broken_off(db):
                        db.insert("users", seqname=False, name="rolled back", age=number)
                    with db.transaction():
                        new = db.insert("users", name=f"{number}-{turn}")
                        assert db.select("users", where=new).first().name == f"{number}-{turn}"
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=[number]) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert sorted(names(db)) == sorted(f"{number}-{turn}" for number in range(20) for turn in range(5))
