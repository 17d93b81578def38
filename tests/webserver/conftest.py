"""The process's command-line options, logs and settings, given back as they were."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.options import options

from tornadopy.conf import settings
from tornadopy.logger import configuration


@pytest.fixture
def process_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test read a command line in this process, in a folder of its own."""
    known = dict(options._options)
    values = {name: option._value for name, option in known.items()}
    hook = sys.excepthook
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(settings, "_default", None)
    for name in ("tornadopy_APP_SETTINGS", "TORNADOPY_APP_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    before = set(sys.modules)
    yield
    configuration.shutdown()
    sys.excepthook = hook
    options._options.clear()
    options._options.update(known)
    for name, value in values.items():
        known[name]._value = value
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
