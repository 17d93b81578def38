"""The memory of large bodies is used again, not handed back to the system and asked for anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import asyncio, resource
from tornado.web import Application
from tornadopy.server import HTTPServer

async def main():
    HTTPServer(Application())

asyncio.run(main())

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for turn in range(11):
    if turn == 1:
        before = faults()
    bodies = [b"x" * 2**20 for _ in range(7)]
    del bodies
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have ways of their own")
def test_large_bodies_use_the_same_pages_again() -> None:
    """Ten turns with seven bodies of 1 MiB have 17,920 pages."""
    ended = subprocess.run([sys.executable, "-c", PAGE_FAULTS], capture_output=True, text=True, timeout=60, check=True)
    assert int(ended.stdout) < 1_000
