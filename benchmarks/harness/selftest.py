"""Nothing is measured before every framework has answered every case rightly."""

from __future__ import annotations

import json
import time

from peers.site import TALLY

from harness.cases import FIRST, SITES, Case, IdleCase, LoadCase, StartCase
from harness.processes import Server, probe_path
from harness.wire import Answer, Connection, WrongAnswerError

LOG_SECONDS = 15.0
"""An access log that is buffered is flushed within this time."""


def check(server: Server, site: str, cases: list[Case]) -> dict[str, int]:
    """Let *server* answer *cases*, and return which of the right answers it gives to each.

    Raises:
        WrongAnswerError: It does not.
    """
    server.wait(probe_path(site))
    spellings = {}
    for case in cases:
        if isinstance(case, LoadCase):
            spellings[case.name] = _check_load(server, case)
        elif isinstance(case, IdleCase) and case.websocket:
            _check_echo(server)
        else:
            assert isinstance(case, (IdleCase, StartCase))  # `wait` has had its answer
    _check_site(server, site)
    return spellings


def _check_load(server: Server, case: LoadCase) -> int:
    """Ask one after another, then some at once; every answer has to be there, and spelt in one way."""
    connection = Connection(server.port)
    try:
        numbers = [b"%d" % (FIRST + each) for each in range(3 + case.pipeline)]
        answers = [connection.ask(case.request(each))[0] for each in numbers[:3]]
        answers += connection.ask(b"".join(map(case.request, numbers[3:])), case.pipeline)
    except TimeoutError as error:
        raise WrongAnswerError(f"{case.name}: no answer") from error
    finally:
        connection.close()
    for answer in answers:
        if answer.status != 200 or not answer.headers.get("content-type", "").startswith(case.content_type):
            raise WrongAnswerError(f"{case.name}: 200 and {case.content_type} were expected, not {_shown(answer)}")
    bodies = [answer.body for answer in answers]
    for spelling, pattern in enumerate(case.answers):
        if bodies == [pattern(number) for number in numbers]:
            return spelling
    wanted = case.answers[0](numbers[0])[:500]
    raise WrongAnswerError(f"{case.name}: {wanted!r} or its like was expected, not {_shown(answers[0])}")


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.headers} {answer.body[:500]!r}"


def _check_echo(server: Server) -> None:
    connection = Connection(server.port)
    try:
        connection.upgrade()
        connection.echo(b"one")
        connection.echo(b"two")
    finally:
        connection.close()


def _check_site(server: Server, site: str) -> None:
    """Look whether what the site has turned on is on, and nothing else."""
    wanted = SITES[site]
    connection = Connection(server.port)
    try:
        if wanted.get("middlewares"):
            _check_middlewares(connection)
        if wanted.get("access_log"):
            _check_log(server, connection)
        elif (logged := server.logs()).count(b"/json"):
            raise WrongAnswerError(f"the access log should be off, but there is {logged[-500:]!r}")
    finally:
        connection.close()


def _check_middlewares(connection: Connection) -> None:
    name, value = TALLY.header
    request = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    (answer,) = connection.ask(request % b"/json")
    if answer.headers.get(name.lower()) != value:
        raise WrongAnswerError(f"the middleware's header {name} is missing: {_shown(answer)}")
    before, after = (json.loads(connection.ask(request % b"/tally")[0].body) for _ in range(2))
    if not before["timed"] or (after["begun"], after["ended"]) != (before["begun"] + 1, before["ended"] + 1):
        raise WrongAnswerError(f"the middlewares do not count and time: {before}, {after}")


def _check_log(server: Server, connection: Connection) -> None:
    """Ask ten times for what nobody has asked for yet; the log has to have ten lines of it, within some time."""
    request = b"GET /text HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n"
    for _ in range(10):
        connection.ask(request)
    deadline = time.monotonic() + LOG_SECONDS
    while (lines := server.logs().count(b"/text")) != 10:
        if time.monotonic() > deadline:
            raise WrongAnswerError(f"10 lines of the access log were expected, not {lines}: {server.logs()[-1000:]!r}")
        time.sleep(0.05)
