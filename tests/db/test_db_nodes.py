"""What a node knows of its server, whoever finds it out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from tornadopy.conf import Settings
from tornadopy.db.configuration import read_connections
from tornadopy.db.nodes import Node


class Meddling:
    """A filter that lets another thread find out the same while a line about it is on its way."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.said: list[str] = []

    def __call__(self, record: logging.LogRecord) -> bool:
        self.said.append(record.getMessage())
        if len(self.said) < 9:  # or it would go on for ever
            same = self.node.mark_in if "again" in self.said[-1] else self.node.mark_out
            other = threading.Thread(target=same)
            other.start()
            other.join(30)
        return True


@pytest.fixture
def node() -> Node:
    connection = {"ROLE": "slave", "DRIVER": "sqlite", "DATABASE": "site.db"}
    master = {**connection, "ROLE": "master"}
    conf = Settings(PROJECT_PATH="/project", DATABASE_CONNECTION={"default": {"connections": [master, connection]}})
    return Node(read_connections(conf)["default"][1])


@pytest.fixture
def said(node: Node, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    caplog.set_level("INFO", "tornadopy")
    meddling = Meddling(node)
    loggers = [logging.getLogger(name) for name in ("tornadopy.tracelog", "tornadopy.infolog")]
    for each in loggers:
        each.addFilter(meddling)
    yield meddling.said
    for each in loggers:
        each.removeFilter(meddling)


def test_several_threads_that_find_a_server_away_say_so_once(node: Node, said: list[str]) -> None:
    node.mark_out()
    assert node.out_since is not None
    node.mark_out()
    node.mark_in()
    node.mark_in()
    assert node.out_since is None
    assert [line.rpartition("site.db ")[2] for line in said] == [
        "does not answer; reads go to others until it does",
        "answers again",
    ], said
