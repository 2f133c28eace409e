"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

Rules:
- Replicas of the previous release keep running on the new schema: only add, with a default or
  nullable. Remove or rename in the release after the one that stopped using it.
- No long locks: on PostgreSQL no rewrite of a large table, no default that has to be computed for
  every row, indexes on large tables `CONCURRENTLY` in a migration of their own.
- Never change a row of an insert-only table, and give a new insert-only table its triggers.
- Spell everything out: import nothing from `governance`, whose tables move on.
- Change `governance/storage/tables.py` in the same commit; a test compares the two on both databases.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
