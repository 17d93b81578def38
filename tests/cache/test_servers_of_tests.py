"""The programs that tests start: they end with the test, and their absence is no reason to be green in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.memcached_servers import running_memcached
from support.processes import ServerProcess, find_program
from support.redis_servers import running_redis
from support.server import wait_for


def test_a_missing_program_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI must not skip"):
        find_program("no-such-program", "no-such-package", "nor-this")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        find_program("no-such-program", "no-such-package", "nor-this")


@pytest.mark.parametrize("running", [running_redis, running_memcached])
def test_a_server_can_be_killed_stopped_and_restarted(running: object) -> None:
    with running() as server:  # type: ignore[operator]
        port, pid = server.port, server.pid
        server.stop()
        server.resume()
        server.restart()
        assert (server.port, server.pid != pid) == (port, True)
        pid, folder = server.pid, server.folder
        assert folder.exists()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the end of the server")
    assert not folder.exists()


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    class Broken(ServerProcess):
        def command(self) -> list[str]:
            return ["sh", "-c", "echo no such configuration; exit 3"]

    with pytest.raises(AssertionError, match="did not start:\nno such configuration"):
        Broken(tmp_path).start()


def test_a_taken_port_is_given_up(tmp_path: Path) -> None:
    class Unlucky(ServerProcess):
        def command(self) -> list[str]:
            taken = "" if (tmp_path / "tried").exists() else "touch tried; echo Address already in use; exit 1;"
            return ["sh", "-c", f"{taken} exec sleep 30"]

        def is_ready(self) -> bool:
            return (tmp_path / "tried").exists() and not self._has_ended() and "in use" not in self.log

    server = Unlucky(tmp_path)
    try:
        server.start()
        assert os.path.exists(f"/proc/{server.pid}")
    finally:
        server.kill()


@pytest.mark.parametrize(("module", "library"), [("rediscache", "redis"), ("memcached", "pymemcache")])
def test_a_missing_library_names_its_extra(module: str, library: str) -> None:
    """In a fresh interpreter in which the library cannot be imported."""
    extra = {"redis": "redis", "pymemcache": "memcached"}[library]
    code = f"""
import sys
sys.modules[{library!r}] = None
from tornadopy.cache import CacheHandler
from tornadopy.cache.configuration import SHIPPED
from tornadopy.conf import Settings
from tornadopy.exceptions import MissingExtraError
backends = [name for name in SHIPPED if {module!r} in name]
assert backends
for backend in backends:
    try:
        CacheHandler(Settings(CACHES={{"default": {{"BACKEND": backend, "LOCATION": "a:1"}}}}))["default"]
    except MissingExtraError as exc:
        assert "tornadopy[{extra}]" in str(exc), exc
    else:
        raise AssertionError(backend)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
