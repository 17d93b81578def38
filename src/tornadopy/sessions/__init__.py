"""Sessions: what a site remembers of a client from one request to the next.

`tornadopy.middleware.session` joins them to handlers and cookies, of which nothing here knows. `values` notes what is
changed, `record` is what the store keeps, `store` asks a cache for it, and `session` is what users see.
"""

from tornadopy.sessions.keeping import LONGEST_LIFE, CookieOrder
from tornadopy.sessions.session import Session
from tornadopy.sessions.store import SessionPolicy, SessionStore

__all__ = ["LONGEST_LIFE", "CookieOrder", "Session", "SessionPolicy", "SessionStore"]
