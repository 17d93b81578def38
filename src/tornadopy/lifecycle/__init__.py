"""A request's way through its handler: the hooks before and after Tornado's own methods.

`LifecycleHandler` is the base of all handlers of tornadopy. It grows in five rooms; each knows those before it:
``errors`` (what happens when something fails), ``ending`` (what comes after the response), ``lean`` (the usual way in
one go), ``response`` (the way out) and ``handler`` (the way in). ``docs/lifecycle.md`` numbers the steps.
"""

from tornadopy.lifecycle.handler import LifecycleHandler

__all__ = ["LifecycleHandler"]
