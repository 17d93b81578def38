"""Decorators for handlers and functions: ``async_execute``, ``whitelist``, ``login_required``, each in its module.

They are not re-exported here: the modules bear the names of what they hold. `login_required` can be called itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # For type checkers, who do not know that a module can be called.
    from tornadopy.decorators.login_required import login_required as login_required
