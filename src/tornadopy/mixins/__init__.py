"""Mixins for handlers."""
