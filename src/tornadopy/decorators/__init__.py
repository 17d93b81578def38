"""Decorators for handlers and functions: ``async_execute`` and ``whitelist``, each in its module.

They are not re-exported here: the modules bear the names of what they hold.
"""
