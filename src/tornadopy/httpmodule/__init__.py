"""HTTP modules: hooks for single routes, run by their middleware."""

from __future__ import annotations

from tornadopy.httpmodule.base import BaseHttpModule

__all__ = ["BaseHttpModule"]
