"""Handlers that the routing tests name by strings."""

from __future__ import annotations

from typing import Any

from tornado.routing import Rule

from tornadopy.handler import WebHandler
from tornadopy.routing import Url, route


class Main(WebHandler):
    """Say which route it was."""

    def get(self, *args: Any, **kwargs: Any) -> None:
        self.write({"args": args, "kwargs": kwargs, "url_kwargs": self._url_kwargs, "route": self.context.route_name})


class Changing(Main):
    """Change what it was given."""

    def get(self, *args: Any, **kwargs: Any) -> None:
        super().get(*args, **kwargs)
        self._url_kwargs["theme"] = "changed"
        self._url_kwargs["new"] = "new"


class Initialized(Main):
    def initialize(self, theme: str = "none") -> None:
        self.theme = theme

    def get(self) -> None:
        self.write(f"{self.theme} {sorted(self._url_kwargs)}")


not_a_class = 5


class NoHandler:
    pass


u = Url(__name__)
urls = route(u(r"/list/?", "Main", name="list"), u(r"/(\d+)", "Main", name="show"))
matcher_only = [Rule(object(), Main)]  # type: ignore[arg-type]
