"""One computation at a time: who leads, who waits, and what those who wait get."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from tornadopy.cache.singleflight import ABANDONED, Flight, Flights


def join(flights: Flights, key: str = "key") -> Flight:
    flight = flights.join(key)
    assert flight is not None
    return flight


def follow(flights: Flights) -> Flight:
    """Join as somebody else does, who is no part of the leader's computation."""
    flight = contextvars.Context().run(join, flights)
    assert not flight.leads
    return flight


def test_the_first_leads_and_the_others_get_its_value() -> None:
    flights = Flights()
    leader = join(flights)
    assert leader.leads

    with ThreadPoolExecutor(4) as pool:
        following = [pool.submit(follow(flights).wait) for _ in range(4)]
        leader.land("value")
        assert [each.result(5) for each in following] == ["value"] * 4
    assert len(flights) == 0
    later = join(flights)
    assert later.leads
    later.land(None)


def test_an_error_reaches_those_who_wait() -> None:
    flights = Flights()
    leader = join(flights)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow(flights).wait)
        leader.fail(ZeroDivisionError("once"))
        with pytest.raises(ZeroDivisionError, match="once"):
            following.result(5)
    assert len(flights) == 0


def test_keys_do_not_wait_for_each_other() -> None:
    flights = Flights()
    first, second = join(flights, "a"), join(flights, "b")
    assert first.leads
    assert second.leads
    second.land(2)
    first.land(1)


def test_the_leader_does_not_wait_for_itself() -> None:
    """A function that calls itself with the same arguments runs on, as it would without a cache."""
    flights = Flights()
    leader = join(flights)
    assert flights.join("key") is None
    leader.land(1)


def test_nor_do_the_tasks_that_it_starts() -> None:
    async def main() -> None:
        flights = Flights()
        leader = join(flights)

        async def child() -> bool:
            return flights.join("key") is None

        assert await asyncio.create_task(child())
        leader.land(1)

    asyncio.run(main())


def test_a_follower_that_is_cancelled_disturbs_nobody() -> None:
    async def main() -> None:
        flights = Flights()

        leader = join(flights)
        first, second = (asyncio.create_task(follow(flights).await_()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        leader.land("value")
        assert await second == "value"

    asyncio.run(main())


def test_tasks_and_threads_may_follow_the_same_leader() -> None:
    flights = Flights()
    leader = join(flights)
    with ThreadPoolExecutor(2) as pool:
        following = [pool.submit(asyncio.run, follow(flights).await_()), pool.submit(follow(flights).wait)]
        leader.land("value")
        assert [each.result(5) for each in following] == ["value", "value"]


def test_what_is_forgotten_is_led_anew_and_not_wanted_any_more() -> None:
    flights = Flights()
    old = join(flights)
    assert old.is_wanted
    flights.forget("key")
    assert not old.is_wanted
    old.land("old")
    new = join(flights)
    assert new.leads
    assert new.is_wanted
    new.abandon()
    flights.forget("never there")


def test_an_abandoned_computation_says_so() -> None:
    flights = Flights()
    leader = join(flights)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow(flights).wait)
        leader.abandon()
        assert following.result(5) is ABANDONED
