"""Signals mean what Django's mean."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado import gen

from tornadopy.dispatch import Signal, receiver
from tornadopy.exceptions import ArgumentError


class Sender:
    pass


class Other:
    pass


class Recorder:
    """A receiver in each of the shapes that a receiver may have."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def hear(self, **kwargs: Any) -> str:
        self.calls.append(kwargs)
        return "heard"

    async def ahear(self, **kwargs: Any) -> str:
        self.calls.append(kwargs)
        return "heard asynchronously"

    def __call__(self, **kwargs: Any) -> str:
        return self.hear(**kwargs)


class AsyncCallable:
    async def __call__(self, **kwargs: Any) -> str:
        return "object"


def plain(signal: Signal, sender: object, **kwargs: Any) -> Any:
    return kwargs.get("value")


def fail(**kwargs: Any) -> None:
    raise LookupError("plain failure")


async def coroutine(signal: Signal, sender: object, **kwargs: Any) -> Any:
    await asyncio.sleep(0)
    return kwargs.get("value")


async def afail(**kwargs: Any) -> None:
    await asyncio.sleep(0)
    raise LookupError("asynchronous failure")


class TestConnecting:
    def test_receivers_get_signal_sender_and_arguments(self) -> None:
        signal, recorder = Signal(providing_args=["value"]), Recorder()
        signal.connect(recorder.hear)
        assert signal.send(Sender, value=1) == [(recorder.hear, "heard")]
        assert recorder.calls == [{"signal": signal, "sender": Sender, "value": 1}]
        assert signal.providing_args == ("value",)

    def test_a_receiver_with_a_sender_hears_that_one_alone(self) -> None:
        signal = Signal()
        signal.connect(plain, sender=Sender)
        assert signal.send(Sender, value=1) == [(plain, 1)]
        assert signal.send(Other, value=1) == []
        assert signal.send(None, value=1) == []

    def test_a_sender_may_be_a_string(self) -> None:
        signal = Signal()
        signal.connect(plain, sender="a name")
        assert signal.send("a name", value=1) == [(plain, 1)]

    def test_connecting_again_changes_nothing(self) -> None:
        signal, recorder = Signal(), Recorder()
        for _ in range(3):
            signal.connect(plain)
            signal.connect(recorder.hear)
        assert len(signal.send(None)) == 2
        signal.connect(plain, sender=Sender)
        assert len(signal.send(Sender)) == 3

    def test_dispatch_uid_stands_for_the_receiver(self) -> None:
        signal, first, second = Signal(), Recorder(), Recorder()
        signal.connect(first, dispatch_uid="mine")
        signal.connect(second, dispatch_uid="mine")
        signal.send(None)
        assert (len(first.calls), len(second.calls)) == (1, 0)
        assert not signal.disconnect(first)
        assert signal.disconnect(dispatch_uid="mine")
        assert not signal.has_listeners()

    def test_receivers_are_called_in_the_order_of_their_connection(self) -> None:
        signal, order = Signal(), []
        receivers = [lambda number=number, **kwargs: order.append(number) for number in range(5)]
        for each in receivers:
            signal.connect(each)
        signal.send(None)
        assert order == [0, 1, 2, 3, 4]

    def test_what_cannot_be_called_is_a_type_error(self) -> None:
        with pytest.raises(TypeError, match="Signal receivers must be callable"):
            Signal().connect("no function")  # type: ignore[arg-type]

    def test_without_keyword_arguments_it_is_a_value_error(self) -> None:
        def narrow(signal: Signal, sender: object) -> None: ...

        with pytest.raises(ValueError, match=r"must accept keyword arguments .*narrow") as error:
            Signal().connect(narrow)
        assert isinstance(error.value, ArgumentError)

    def test_a_builtin_that_hides_its_parameters_is_let_in(self) -> None:
        signal = Signal()
        signal.connect(dict)
        assert signal.send(Sender, value=1) == [(dict, {"signal": signal, "sender": Sender, "value": 1})]

    def test_what_cannot_be_weak_leaves_the_signal_as_it_was(self) -> None:
        class Slotted:
            __slots__ = ()

            def __call__(self, **kwargs: Any) -> None: ...

        signal = Signal()
        with pytest.raises(TypeError, match="weak reference"):
            signal.connect(Slotted())
        assert not signal.has_listeners()
        signal.connect(Slotted(), weak=False)
        assert signal.has_listeners()


class TestDisconnecting:
    def test_it_tells_whether_there_was_a_connection(self) -> None:
        signal = Signal()
        signal.connect(plain)
        assert signal.disconnect(plain) is True
        assert signal.disconnect(plain) is False
        assert signal.send(None) == []

    def test_sender_and_method_are_part_of_the_connection(self) -> None:
        signal, recorder = Signal(), Recorder()
        signal.connect(recorder.hear, sender=Sender)
        assert not signal.disconnect(recorder.hear)
        assert not signal.disconnect(Recorder().hear, sender=Sender)
        assert signal.disconnect(recorder.hear, sender=Sender)

    def test_during_a_sending_those_of_its_beginning_are_called(self) -> None:
        signal = Signal()

        def first(**kwargs: Any) -> None:
            signal.disconnect(second)

        def second(**kwargs: Any) -> None: ...

        signal.connect(first)
        signal.connect(second)
        assert len(signal.send(None)) == 2
        assert len(signal.send(None)) == 1


class TestWeakReferences:
    def test_a_dead_function_is_forgotten(self) -> None:
        signal = Signal()

        def local(**kwargs: Any) -> None: ...

        signal.connect(local)
        assert signal.has_listeners()
        del local
        gc.collect()
        assert not signal.has_listeners()
        assert signal.send(None) == []

    def test_a_method_lives_as_long_as_its_object(self) -> None:
        signal, recorder = Signal(), Recorder()
        signal.connect(recorder.hear)
        gc.collect()
        assert signal.has_listeners()
        del recorder
        gc.collect()
        assert not signal.has_listeners()

    def test_weak_false_keeps_the_receiver(self) -> None:
        signal, recorder = Signal(), Recorder()
        calls = recorder.calls
        signal.connect(recorder.hear, weak=False)
        del recorder
        gc.collect()
        signal.send(None)
        assert len(calls) == 1

    def test_a_receiver_that_dies_during_a_sending_is_passed_over(self) -> None:
        signal = Signal()
        owners = [Recorder()]

        def first(**kwargs: Any) -> None: ...

        signal.connect(first)
        signal.connect(owners[0].hear)
        listeners = signal._listeners(None)
        owners.clear()
        gc.collect()
        assert [each.receiver for each in listeners] == [first, None]
        assert len(signal.send(None)) == 1

    def test_a_dead_sender_takes_its_connection_along(self) -> None:
        """A later object at the same address is not taken for it."""
        signal, sender = Signal(), Sender()
        signal.connect(plain, sender=sender)
        assert signal.has_listeners(sender)
        del sender
        gc.collect()
        assert signal.send(None) == []
        assert signal._connections == ()

    def test_the_decorator_holds_in_a_class_body(self) -> None:
        signal = Signal()

        class Service:
            @receiver(signal)
            def callback(**kwargs: Any) -> Any:
                return kwargs["value"]

        gc.collect()
        assert signal.send(sender=Sender().__class__, value=3) == [(Service.callback, 3)]


class TestSending:
    def test_an_error_ends_the_sending(self) -> None:
        signal, recorder = Signal(), Recorder()
        signal.connect(fail)
        signal.connect(recorder)
        with pytest.raises(LookupError, match="plain failure"):
            signal.send(None)
        assert recorder.calls == []

    def test_robustly_an_error_is_logged_and_returned(self, caplog: pytest.LogCaptureFixture) -> None:
        signal, recorder = Signal(), Recorder()
        signal.connect(fail)
        signal.connect(recorder)
        (failed, error), heard = signal.send_robust(None)
        assert failed is fail
        assert isinstance(error, LookupError)
        assert error.__traceback__ is not None
        assert heard == (recorder, "heard")
        [record] = caplog.records
        assert (record.name, record.levelno) == ("tornadopy.tracelog", logging.ERROR)
        assert "fail failed: LookupError('plain failure')" in record.getMessage()

    def test_has_listeners(self) -> None:
        signal = Signal()
        assert not signal.has_listeners()
        signal.connect(plain, sender=Sender)
        assert signal.has_listeners(Sender)
        assert not signal.has_listeners(Other)
        assert not signal.has_listeners()
        assert not signal.has_async_listeners(Sender)
        signal.connect(coroutine)
        assert signal.has_async_listeners(Sender)

    def test_without_a_loop_asynchronous_receivers_run_to_their_end(self) -> None:
        signal = Signal()
        signal.connect(coroutine)
        signal.connect(plain)
        assert signal.send(Sender, value=5) == [(plain, 5), (coroutine, 5)]
        assert signal.send_robust(Sender, value=5) == [(plain, 5), (coroutine, 5)]

    def test_the_current_loop_of_the_thread_stays_what_it_is(self) -> None:
        signal = Signal()
        signal.connect(coroutine)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            signal.send(None)
            assert asyncio.get_event_loop_policy().get_event_loop() is loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def test_on_a_running_loop_asynchronous_receivers_need_asend(self) -> None:
        signal, recorder = Signal(), Recorder()
        signal.connect(recorder.hear)
        signal.connect(coroutine)

        async def main() -> None:
            with pytest.raises(RuntimeError, match=r"send\(\) .*receiver coroutine .*await signal.asend"):
                signal.send(None)
            with pytest.raises(RuntimeError, match=r"await signal.asend_robust"):
                signal.send_robust(None)

        asyncio.run(main())
        assert recorder.calls == []

    def test_a_thread_of_its_own_may_send_while_the_loop_runs(self) -> None:
        signal = Signal()
        signal.connect(coroutine)
        assert asyncio.run(asyncio.to_thread(signal.send, None, value=2)) == [(coroutine, 2)]


class TestSendingAsynchronously:
    def test_plain_receivers_come_first(self) -> None:
        signal, thing, recorder = Signal(), AsyncCallable(), Recorder()

        @gen.coroutine
        def tornados(**kwargs: Any) -> Any:
            yield gen.moment
            return "tornado"

        for each in (coroutine, thing, tornados, recorder.ahear, plain):
            signal.connect(each)
        expected = [
            (plain, 7),
            (coroutine, 7),
            (thing, "object"),
            (tornados, "tornado"),
            (recorder.ahear, "heard asynchronously"),
        ]
        assert asyncio.run(signal.asend(Sender, value=7)) == expected
        assert asyncio.run(signal.asend_robust(Sender, value=7)) == expected

    def test_plain_receivers_are_called_in_the_thread_of_the_loop(self) -> None:
        signal = Signal()
        signal.connect(lambda **kwargs: threading.get_ident(), weak=False)
        [(_, ident)] = asyncio.run(signal.asend(None))
        assert ident == threading.get_ident()

    def test_nobody_listening_is_no_work(self) -> None:
        assert asyncio.run(Signal().asend(None)) == []
        assert asyncio.run(Signal().asend_robust(None)) == []

    def test_asynchronous_receivers_run_concurrently(self) -> None:
        signal = Signal()

        async def main() -> Any:
            barrier = asyncio.Barrier(2)

            async def one(**kwargs: Any) -> str:
                async with barrier:
                    return "one"

            async def two(**kwargs: Any) -> str:
                async with barrier:
                    return "two"

            signal.connect(one)
            signal.connect(two)
            return [result for _, result in await asyncio.wait_for(signal.asend(None), 5)]

        assert asyncio.run(main()) == ["one", "two"]

    @pytest.mark.parametrize("failing", [fail, afail])
    def test_an_error_comes_out(self, failing: Any) -> None:
        signal = Signal()
        signal.connect(failing)
        with pytest.raises(LookupError, match="failure"):
            asyncio.run(signal.asend(None))

    def test_an_error_leaves_no_receiver_running(self) -> None:
        signal, cancelled = Signal(), []

        async def endless(**kwargs: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        async def main() -> None:
            with pytest.raises(LookupError, match="asynchronous failure"):
                await signal.asend(None)
            assert cancelled == [True]

        signal.connect(endless)
        signal.connect(afail)
        asyncio.run(main())

    def test_robustly_errors_stand_for_results(self, caplog: pytest.LogCaptureFixture) -> None:
        signal = Signal()
        for each in (afail, coroutine, fail, plain):
            signal.connect(each)
        responses = asyncio.run(signal.asend_robust(None, value=1))
        assert [each for each, _ in responses] == [fail, plain, afail, coroutine]
        assert [type(result) for _, result in responses] == [LookupError, int, LookupError, int]
        assert len(caplog.records) == 2


class TestSynchronousSignals:
    @pytest.mark.parametrize("refused", [coroutine, AsyncCallable(), Recorder().ahear])
    def test_asynchronous_receivers_are_refused_when_they_connect(self, refused: Any) -> None:
        signal = Signal(synchronous=True)
        with pytest.raises(ArgumentError, match="is asynchronous, but this signal is sent synchronously"):
            signal.connect(refused)
        assert not signal.has_listeners()

    def test_plain_ones_are_welcome(self) -> None:
        signal = Signal(synchronous=True)
        signal.connect(plain)
        assert signal.send(None, value=1) == [(plain, 1)]


class TestDecorator:
    def test_one_signal_several_and_the_arguments_of_connect(self) -> None:
        first, second, third = Signal(), Signal(), Signal()

        @receiver(first)
        @receiver([second, third], sender=Sender)
        def watch(**kwargs: Any) -> str:
            return "watched"

        assert first.send(None) == [(watch, "watched")]
        assert second.send(Sender) == [(watch, "watched")]
        assert third.send(Other) == []


class TestCaching:
    def test_connecting_and_disconnecting_is_seen(self) -> None:
        signal = Signal(use_caching=True)
        assert signal.send(Sender) == []
        signal.connect(plain)
        for _ in range(2):
            assert len(signal.send(Sender)) == 1
        signal.connect(coroutine, sender=Sender)
        assert signal.has_async_listeners(Sender)
        assert not signal.has_async_listeners(Other)
        signal.disconnect(coroutine, sender=Sender)
        assert not signal.has_async_listeners(Sender)

    def test_equal_senders_are_told_apart(self) -> None:
        class Equal:
            def __eq__(self, other: object) -> bool:
                return True

            def __hash__(self) -> int:
                return 1

        signal, one, two = Signal(use_caching=True), Equal(), Equal()
        signal.connect(plain, sender=one)
        assert signal.has_listeners(one)
        assert not signal.has_listeners(two)

    def test_dead_senders_leave_the_cache_and_others_never_enter(self) -> None:
        signal, sender = Signal(use_caching=True), Sender()
        signal.connect(plain)
        assert signal.has_listeners(sender)
        assert signal.has_listeners("a string")
        assert signal.has_listeners(None)
        assert len(signal._cache) == 1
        del sender
        gc.collect()
        assert signal._cache == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from([None, Sender, Other])), max_size=30))
def test_any_sequence_of_connections_is_a_set_of_receiver_and_sender(steps: list[tuple[bool, int, Any]]) -> None:
    """Connecting and disconnecting behave like adding to and discarding from an ordered set, cached or not."""
    receivers = [lambda number=number, **kwargs: number for number in range(4)]
    for signal in (Signal(), Signal(use_caching=True)):
        model: list[tuple[int, Any]] = []
        for adding, number, sender in steps:
            if adding:
                signal.connect(receivers[number], sender=sender)
                model += [] if (number, sender) in model else [(number, sender)]
            else:
                assert signal.disconnect(receivers[number], sender=sender) == ((number, sender) in model)
                model = [each for each in model if each != (number, sender)]
            for asking in (None, Sender, Other):
                expected = [number for number, wanted in model if wanted in {None, asking}]
                assert [result for _, result in signal.send(asking)] == expected


def test_threads_may_connect_disconnect_and_send_at_once() -> None:
    signal, stop, errors = Signal(use_caching=True), threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            try:
                signal.send(Sender)
            except Exception as exc:
                errors.append(exc)

    def connect() -> None:
        for _ in range(300):
            recorder = Recorder()
            signal.connect(recorder.hear)
            signal.connect(recorder, sender=Sender)
            signal.disconnect(recorder.hear)

    senders = [threading.Thread(target=send) for _ in range(2)]
    connectors = [threading.Thread(target=connect) for _ in range(4)]
    for thread in senders + connectors:
        thread.start()
    for thread in connectors:
        thread.join(30)
    stop.set()
    for thread in senders:
        thread.join(30)
    gc.collect()
    assert errors == []
    assert not signal.has_listeners(Sender)
