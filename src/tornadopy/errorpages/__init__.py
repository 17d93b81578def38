"""Error pages: what a client sees when a request fails.

The handlers ask `negotiate` which form a client wants, and take the body from `debug_page` in debug mode, from
`production_page` otherwise. This room knows no handler: it gets primitives, and returns a content type and bytes.
"""

from __future__ import annotations

from tornadopy.errorpages.debug import debug_page
from tornadopy.errorpages.negotiate import Format, accepted_types, negotiate
from tornadopy.errorpages.pages import page_policy
from tornadopy.errorpages.production import production_page
from tornadopy.errorpages.report import ErrorReport, RequestReport, TemplateReport

__all__ = [
    "ErrorReport",
    "Format",
    "RequestReport",
    "TemplateReport",
    "accepted_types",
    "debug_page",
    "negotiate",
    "page_policy",
    "production_page",
]
