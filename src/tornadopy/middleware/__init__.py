"""Middleware: the pipeline that runs it, and the middlewares that come with tornadopy."""
