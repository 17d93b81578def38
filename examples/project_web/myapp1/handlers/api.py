"""Answers in JSON, or in JSONP where the client asks for it: /api/versions?format=jsonp&callback=show."""

from tornadopy.handler import ApiHandler

from myapp1.handlers.main_handler import versions


class Versions(ApiHandler):
    """What the site runs on."""

    def get(self) -> None:
        """Answer with the versions."""
        self.write_api(versions())


class Square(ApiHandler):
    """A number and its square."""

    def get(self, number: str) -> None:
        """Answer with the square of *number*."""
        self.write_api({"number": int(number), "square": int(number) ** 2})
