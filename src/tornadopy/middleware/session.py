"""The name under which the seed's settings find `SignalMiddleware`.

The session middleware itself joins it here with the session package.
"""

from tornadopy.middleware.signal import SignalMiddleware

__all__ = ["SignalMiddleware"]
