"""Headers as the lines that go out. Shared by handlers, which collect them, and the server, which sends them."""

from __future__ import annotations

import tornado
from tornado.httputil import format_timestamp

SERVER = f"TornadoServer/{tornado.version}"


def line(name: str, value: str) -> str:
    """Return a header as it goes out; *name* and *value* are plain."""
    return f"{name}: {value}\r\n"


def value_of(name: str, sent: str) -> str:
    """Return the value of the header *name* from the *sent* line."""
    return sent[len(name) + 2 : -2]


class Stamp:
    """The lines that say who answers, and when; made anew each second.

    Attributes:
        text: The lines.
        since, until: When they are true, in seconds since the epoch; not at *until*.
    """

    __slots__ = ("since", "text", "until")

    def __init__(self) -> None:
        self.text = ""
        self.since = self.until = 0.0

    def renew(self, now: float) -> str:
        """Return the lines of *now*, in seconds since the epoch."""
        second = int(now)
        self.since, self.until = float(second), second + 1.0
        self.text = line("Server", SERVER) + line("Date", format_timestamp(second))
        return self.text
