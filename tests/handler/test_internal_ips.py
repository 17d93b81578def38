"""Who sees the debug page: everybody in debug mode, or only `INTERNAL_IPS`."""

from __future__ import annotations

import pytest

from support.server import serving
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.handler import WebHandler

pytestmark = pytest.mark.usefixtures("caplog")  # each request fails on purpose


class Broken(WebHandler):
    def get(self) -> None:
        raise ValueError("a detail")


def page(**values: object) -> bytes:
    application = Application([("/", Broken)], autoreload=False, conf=Settings(DEBUG=True, **values))
    with serving(application) as site:
        response = site.get("/")
    assert response.status == 500
    return response.body


def test_everybody_sees_the_debug_page_without_internal_ips() -> None:
    assert b"a detail" in page()


def test_internal_addresses_see_the_debug_page() -> None:
    assert b"a detail" in page(INTERNAL_IPS=["127.0.0.0/8"])


def test_others_get_the_plain_page() -> None:
    assert b"a detail" not in page(INTERNAL_IPS=["10.0.0.1"])
