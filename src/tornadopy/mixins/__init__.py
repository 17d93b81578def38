"""Mixins for handlers: ``flash_message``."""
