"""${message}"""
<%
    body = f"{upgrades}\n{downgrades}"
    needs_tables = "sa." in body
    needs_operations = "op." in body
    shown = lambda revision: repr(revision).replace("'", '"')
%>
from __future__ import annotations

% if needs_tables:
import sqlalchemy as sa
% endif
% if needs_operations:
from alembic import op
% endif
${imports if imports else ""}
revision = ${shown(up_revision)}
down_revision = ${shown(down_revision)}
branch_labels = ${shown(branch_labels)}
depends_on = ${shown(depends_on)}


def upgrade() -> None:
    """Change the database."""
% if upgrades:
    ${upgrades}
% endif


def downgrade() -> None:
    """Undo the change."""
% if downgrades:
    ${downgrades}
% endif
