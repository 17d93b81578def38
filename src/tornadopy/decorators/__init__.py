"""Decorators for handlers and functions."""
