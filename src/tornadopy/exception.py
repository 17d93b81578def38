"""The seed's name of `tornadopy.exceptions`."""

from tornadopy.exceptions import *  # noqa: F403
