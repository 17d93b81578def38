"""The error page of production: the status and the id of the request, nothing else.

Whatever more it said would tell an attacker about the inside, and the client nothing that it can use.
"""

from __future__ import annotations

from tornado.escape import json_encode

from tornadopy.errorpages.accept import Format
from tornadopy.errorpages.budget import printable
from tornadopy.errorpages.pages import PRODUCTION_STYLE, render, style

HTML = "text/html; charset=UTF-8"
JSON = "application/json; charset=UTF-8"
TEXT = "text/plain; charset=UTF-8"


def production_page(status: int, reason: str, request_id: str, *, fmt: Format) -> tuple[str, bytes]:
    """Return the content type and the body of an error page that gives nothing away.

    Args:
        status: The HTTP status of the answer.
        reason: The reason phrase of the status.
        request_id: What the log calls this request; a client quotes it when it asks for help.
        fmt: What the client wants, by `negotiate`.

    .. versionadded:: 2.0
    """
    reason, request_id = printable(reason), printable(request_id)
    if fmt == "json":
        return JSON, json_encode({"status": status, "reason": reason, "request_id": request_id}).encode()
    if fmt == "text":
        return TEXT, f"{status} {reason}\nRequest id: {request_id}\n".encode()
    page = render("production.html", style=style(PRODUCTION_STYLE), status=status, reason=reason, request_id=request_id)
    return HTML, page
