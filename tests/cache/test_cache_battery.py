"""What all caches have to do, on each store, synchronously and asynchronously; `battery` says what that is."""

from __future__ import annotations

from battery import Counting, Expiring, Keys, Storing, Updating, Versions


class TestStoring(Storing):
    """Values go in and come out."""


class TestExpiring(Expiring):
    """Entries end when they should."""


class TestCounting(Counting):
    """Numbers are counted up and down."""


class TestVersions(Versions):
    """Versions and prefixes keep entries apart."""


class TestKeys(Keys):
    """Keys are made and looked at."""


class TestUpdating(Updating):
    """Updates are atomic."""
