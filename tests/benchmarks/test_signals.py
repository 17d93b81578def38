"""A signal that comes while a process is started takes effect when somebody knows of the process."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
signals = importlib.import_module("harness.signals")


@pytest.fixture(autouse=True)
def ending() -> Iterator[None]:
    """Let both signals end the process, as the benchmark does."""
    before = [(each, signal.signal(each, signals.end)) for each in signals.NUMBERS]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", signals.NUMBERS)
def test_a_signal_is_held_back(number: int) -> None:
    done = []

    def start() -> None:
        with signals.held():
            signal.raise_signal(number)
            done.append("the rest of the block")

    with pytest.raises(SystemExit) as ended:
        start()
    assert (ended.value.code, done) == (128 + number, ["the rest of the block"])
    with pytest.raises(SystemExit):
        signal.raise_signal(number)  # it is not held back any more


def test_without_a_signal_nothing_happens() -> None:
    with signals.held():
        pass
    assert [signal.getsignal(each) for each in signals.NUMBERS] == [signals.end, signals.end]


def test_an_error_of_the_block_is_not_lost() -> None:
    with pytest.raises(RuntimeError), signals.held():
        raise RuntimeError
    assert [signal.getsignal(each) for each in signals.NUMBERS] == [signals.end, signals.end]
