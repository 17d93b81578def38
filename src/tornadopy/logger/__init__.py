"""Logging: the loggers of tornadopy, their configuration, and files shared by several processes."""
