"""Error pages: what a client sees when a request fails.

The handlers ask `negotiate` which form a client wants, and take the body from `debug_page` in debug mode, from
`production_page` otherwise. This room knows no handler: it gets primitives, and returns a content type and bytes.

The names are imported when they are first used: a site starts without its error pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornadopy.utils.lazyexports import lazy_exports

if TYPE_CHECKING:
    from tornadopy.errorpages.accept import Format, accepted_types, negotiate
    from tornadopy.errorpages.debug import debug_page
    from tornadopy.errorpages.pages import page_policy
    from tornadopy.errorpages.production import production_page
    from tornadopy.errorpages.report import ErrorReport, RequestReport, TemplateReport

_HOMES = {
    "ErrorReport": "tornadopy.errorpages.report",
    "Format": "tornadopy.errorpages.accept",
    "RequestReport": "tornadopy.errorpages.report",
    "TemplateReport": "tornadopy.errorpages.report",
    "accepted_types": "tornadopy.errorpages.accept",
    "debug_page": "tornadopy.errorpages.debug",
    "negotiate": "tornadopy.errorpages.accept",
    "page_policy": "tornadopy.errorpages.pages",
    "production_page": "tornadopy.errorpages.production",
}

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

__getattr__ = lazy_exports(__name__, _HOMES)
