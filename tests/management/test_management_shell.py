"""``tornadopy shell`` on a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from management_process import make_project

from support.servers import environment

MODELS = "class Article:\n    title = 'an article'\n"


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._own, theirs = pty.openpty()
        # IPython shall ask for no colours and keep its history nowhere but in the folder of the test.
        env = environment(TERM="dumb", IPYTHONDIR=str(cwd / ".ipython"), PYTHON_HISTORY=os.devnull)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tornadopy", *arguments],
            cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.output = ""

    def type(self, line: str) -> None:
        os.write(self._own, f"{line}\n".encode())

    def wait_for(self, text: str, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self._own], [], [], 0.2)[0]:
                try:
                    self.output += os.read(self._own, 4096).decode(errors="replace")
                except OSError:  # the process has closed its end
                    assert text in self.output, self.output

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._own)


@pytest.mark.parametrize(("options", "prompt"), [(["--plain"], ">>> "), ([], "In [1]: ")], ids=["python", "ipython"])
def test_settings_and_models_are_at_hand(tmp_path: Path, options: list[str], prompt: str) -> None:
    if not options:
        pytest.importorskip("IPython")
    terminal = Terminal("shell", *options, cwd=make_project(tmp_path, {"site_app/models.py": MODELS}))
    try:
        terminal.wait_for("imported: settings, Article")
        terminal.wait_for(prompt)
        terminal.type("print(settings.DEBUG, Article.title.upper())")
        terminal.wait_for("True AN ARTICLE")
        terminal.type("exit()")
        assert terminal.process.wait(20) == 0
    finally:
        terminal.close()
