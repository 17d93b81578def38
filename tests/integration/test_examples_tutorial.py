"""The tutorial, followed step by step: what it prints is what works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.servers import environment

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(?:python|html)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FORM_GOES_BEFORE = "<ul>\n"


def blocks() -> list[str]:
    return BLOCK.findall(TUTORIAL.read_text("utf-8"))


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def set_list(module: Path, name: str, text: str) -> None:
    """Put *text*, an assignment, in the place of that of the list *name*."""
    changed, number = re.subn(rf"^{name} = \[.*?^\]\n", text, module.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert number == 1
    module.write_text(changed)


def test_the_tutorial_works_as_it_is_printed(tmp_path: Path) -> None:
    installed, urls, page, template, form_handler, form, middleware, middlewares, test = blocks()
    run("-m", "tornadopy", "startproject", "mysite", cwd=tmp_path)
    project = tmp_path / "mysite"
    run("-m", "tornadopy", "startapp", "notes", cwd=project)
    setting, app = project / "settings" / "setting.py", project / "notes"
    assert urls.strip() in (app / "urls.py").read_text()

    set_list(setting, "INSTALLED_APPS", installed)
    (app / "handlers" / "pages.py").write_text(page)
    (app / "templates" / "notes" / "index.html").write_text(template)
    run("-W", "error", "-m", "unittest", cwd=project)

    (app / "handlers" / "pages.py").write_text(form_handler)
    (app / "templates" / "notes" / "index.html").write_text(template.replace(FORM_GOES_BEFORE, form + FORM_GOES_BEFORE))
    (project / "middlewares" / "timing.py").write_text(middleware)
    set_list(setting, "MIDDLEWARE_CLASSES", middlewares)
    (app / "tests" / "test_form.py").write_text(test)
    assert "Ran 4 tests" in run("-W", "error", "-m", "unittest", cwd=project).stderr
    assert "TimingMiddleware" in run("-m", "tornadopy", "routes", cwd=project).stdout
    assert run("-m", "tornadopy", "check", cwd=project).stdout == "No problems.\n"
