"""Two routes of one name, in whatever form; compiled patterns below a prefix."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tornado.web import url

from support.server import make_application, serving
from tornadopy.exceptions import UrlError
from tornadopy.handler import WebHandler
from tornadopy.routing import Url, flatten, include, refuse_doubles


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


u = Url()
FORMS = [u("/a", Page, name="same"), url("/b", Page, name="same"), ("/c", Page, {}, "same")]


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_two_routes_of_one_name_are_refused(first: Any, second: Any) -> None:
    with pytest.raises(UrlError, match=r"two routes are named 'same': '/[abc]' and '/[abc]'; rename one"):
        refuse_doubles(flatten([first, second]))


def test_a_compiled_pattern_keeps_its_flags_below_a_prefix() -> None:
    routes = include("/p", [u(re.compile(r"/abc$", re.IGNORECASE), Page)])
    with serving(make_application(routes)) as site:
        assert [site.get(path).status for path in ("/p/abc", "/p/ABC", "/p/abcd")] == [200, 200, 404]
