"""In debug mode the server starts again when a file of the project changes."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from serving import Project, Running

FILES = {
    "settings/__init__.py": "",
    "settings/setting.py": "DEBUG = True\nINSTALLED_APPS = ('shop',)\n",
    "shop/__init__.py": "",
    "shop/urls.py": """
        from tornadopy import Url, route
        from shop.pages import Front

        urls = route(Url()("/", Front))
    """,
    "runserver.py": """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy.webserver import run

        run()
    """,
}
SECOND_BANNER = r"http://[^:\s]+:\d+.*http://[^:\s]+:(\d+)"
PAGE = """
    from tornadopy.handler import WebHandler


    class Front(WebHandler):
        def get(self) -> None:
            self.write({text!r})
"""


def test_a_change_shows_without_a_restart_by_hand(tmp_path: Path) -> None:
    project = Project(tmp_path, {**FILES, "shop/pages.py": PAGE.format(text="before")})
    with project.running() as server:
        assert server.fetch("/").text == "before"
        project.write({"shop/pages.py": PAGE.format(text="after")})
        again = touch_until(server, tmp_path / "shop/pages.py", SECOND_BANNER)
        server.port = int(again.group(1))
        assert server.fetch("/").text == "after"
        assert server.stop() == 0


def test_a_change_that_does_not_run_is_waited_out(tmp_path: Path) -> None:
    """A mistake while typing does not end the server: it says what is wrong, and the next change starts it again."""
    project = Project(tmp_path, {**FILES, "shop/pages.py": PAGE.format(text="before")})
    page = tmp_path / "shop/pages.py"
    with project.running() as server:
        project.write({"shop/pages.py": "class Front(:\n"})
        touch_until(server, page, r"Error: .*shop.pages.*SyntaxError.*\n.*waiting for a change")
        project.write({"shop/pages.py": PAGE.format(text="mended")})
        again = touch_until(server, page, SECOND_BANNER)
        server.port = int(again.group(1))
        assert server.fetch("/").text == "mended"
        assert server.stop() == 0


def touch_until(server: Running, page: Path, pattern: str) -> re.Match[str]:
    """Return the match of *pattern* in the output; a change before Tornado's first look at the files is none to it."""
    deadline = time.monotonic() + 20
    changed = page.stat().st_mtime
    while True:
        found = re.search(pattern, server.output, re.DOTALL)
        if found is not None:
            return found
        assert time.monotonic() < deadline, server.output
        changed += 1
        os.utime(page, (changed, changed))
        time.sleep(0.1)
