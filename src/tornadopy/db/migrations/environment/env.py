"""Executed by Alembic for each command; what is to be done comes with the configuration."""  # noqa: INP001 - no package

from alembic import context

context.config.attributes["run"](context)
