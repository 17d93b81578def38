"""Which server of a named connection answers a read: the slaves that are there in turn, else the master.

Asked by `tornadopy.db.session`; knows nodes and the clock.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornadopy.db.nodes import Node

__all__ = ["RETRY", "Replicas"]

RETRY = 2.0
"""Seconds until a server that did not answer is asked again."""


class Replicas:
    """The master and the slaves of one name.

    Args:
        master: Where writes go.
        slaves: Where reads go, as long as they answer.

    Attributes:
        is_watched: Whether pings bring servers back; without them the first read after `RETRY` tries.

    .. versionadded:: 2.0
    """

    def __init__(self, master: Node, slaves: Sequence[Node] = ()) -> None:
        self.master = master
        self.slaves = tuple(slaves)
        self.is_watched = False
        self._turns = itertools.count()

    def __iter__(self) -> Iterator[Node]:
        return iter((self.master, *self.slaves))

    def reader(self, *, without: Collection[Node] = ()) -> Node:
        """Return the server for the next reads.

        Args:
            without: Slaves that have just not answered. Asking each of them may take longer than `RETRY`, so that the
                first of them would be asked again and again.
        """
        if not self.slaves:
            return self.master
        fit = [node for node in self.slaves if node not in without and self._may_serve(node)]
        return fit[next(self._turns) % len(fit)] if fit else self.master

    def _may_serve(self, node: Node) -> bool:
        if node.out_since is None:
            return True
        return not self.is_watched and time.monotonic() - node.out_since >= RETRY
