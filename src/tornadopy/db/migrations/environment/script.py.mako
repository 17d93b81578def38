<%
    body = {name: context.get(name) or "" for name in ("upgrades", "downgrades", "imports")}
    operations = body["upgrades"] + body["downgrades"]
    title = message.rstrip(".").replace("\\", "\\\\").replace('"', '\\"')
    quoted = lambda revision: repr(revision).replace("'", '"')
%>\
"""${title}."""

from __future__ import annotations

% if "sa." in operations:
import sqlalchemy as sa
% endif
% if "op." in operations:
from alembic import op
% endif
% if operations:
${body["imports"]}
% endif
revision = ${quoted(up_revision)}
down_revision = ${quoted(down_revision)}
branch_labels = ${quoted(branch_labels)}
depends_on = ${quoted(depends_on)}


def upgrade() -> None:
    """Change the database."""
% if body["upgrades"]:
    ${body["upgrades"]}
% endif


def downgrade() -> None:
    """Undo the change."""
% if body["downgrades"]:
    ${body["downgrades"]}
% endif
