"""The routes below /api; urls.py includes them."""

from tornadopy import Url, route

url = Url("myapp1.handlers")
URLS = route(
    url(r"/versions/?", "api.Versions", name="versions"),
    url(r"/square/(?P<number>-?\d{1,12})/?", "api.Square", name="square"),
)
