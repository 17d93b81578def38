"""Tokens: what a client shows in place of a password, until it expires or is revoked.

`tornadopy.middleware.token` joins them to handlers, of which nothing here knows. `index` lists the tokens of a user,
`store` asks a cache for them, and `token` is what users see.
"""

from tornadopy.tokens.store import TokenEntry, TokenPolicy, TokenStore
from tornadopy.tokens.token import Token

__all__ = ["Token", "TokenEntry", "TokenPolicy", "TokenStore"]
