"""A PostgreSQL of the benchmark's own, in a temporary folder, on a free port of 127.0.0.1, with the rows of `site`."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from dbpeers import site

START_SECONDS = 60.0
_USER = "bench"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": 100,
}


class MissingPostgresError(Exception):
    """PostgreSQL is not installed, or does not start."""


@contextmanager
def running() -> Iterator[site.Address]:
    """Run a server, and give its address; its tables are filled."""
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    try:
        _own(folder)
        port = _free_port()
        command = _as_other_user([_program("postgres"), "-D", str(folder / "data"), "-p", str(port)])
        command += [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        _initialize(folder)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            address = site.Address(host="127.0.0.1", port=port, user=_USER, password=_USER, database="postgres")
            with _connect(address, process, folder) as connection:
                _fill(connection)
            yield address
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialize(folder: Path) -> None:
    secret = folder / "password"
    secret.write_text(_USER, "ascii")
    _own(secret)
    options = ["-A", "scram-sha-256", "-U", _USER, f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = _as_other_user([_program("initdb"), "-D", str(folder / "data"), *options])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=START_SECONDS)
    if done.returncode:
        raise MissingPostgresError(f"PostgreSQL cannot make its folder: {done.stderr.strip()}")


def _connect(
    address: site.Address, process: subprocess.Popen[bytes], folder: Path
) -> psycopg.Connection[tuple[object, ...]]:
    """Return a connection as soon as there can be one."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                dbname=address.database,
            )
        time.sleep(0.05)
    raise MissingPostgresError(f"PostgreSQL does not start:\n{(folder / 'output').read_text('utf-8', 'replace')}")


def _fill(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("CREATE TABLE rows (id integer PRIMARY KEY, number integer NOT NULL)")
    connection.execute("CREATE TABLE fortunes (id integer PRIMARY KEY, message varchar(200) NOT NULL)")
    with connection.cursor() as cursor:
        numbers = ((each, site.number_of(each)) for each in range(1, site.ROWS + 1))
        cursor.executemany("INSERT INTO rows VALUES (%s, %s)", numbers)
        cursor.executemany("INSERT INTO fortunes VALUES (%s, %s)", enumerate(site.FORTUNES, 1))
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, of its newest version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = [str(folder / name) for folder in reversed(versions) if (folder / name).exists()]
    path = found[0] if found else shutil.which(name)
    if path is None:
        raise MissingPostgresError(f"{name} is missing; install PostgreSQL (Debian: apt-get install postgresql)")
    return path


def _as_other_user(command: list[str]) -> list[str]:
    """Return *command* so that it is no process of root, whom PostgreSQL refuses, and ends with this one."""
    guard = shutil.which("setpriv")
    if guard is None:
        return command
    drop = [guard, f"--reuid={_other_user()}", "--clear-groups", "--regid=nogroup"] if os.getuid() == 0 else []
    return [*drop, guard, "--pdeathsig", "KILL", *command]


def _own(path: Path) -> None:
    if os.getuid() == 0:
        shutil.chown(path, _other_user())


def _other_user() -> str:
    return "postgres" if "postgres" in {each.pw_name for each in pwd.getpwall()} else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
