"""An index of who holds which place, and leases.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("governance_locks", sa.Column("until", sa.Text(), nullable=True))
    sqlite = op.get_bind().dialect.name == "sqlite"
    uid = "json_extract(body, '$.uid')" if sqlite else "(CAST(body AS JSON) ->> 'uid')"
    op.execute(
        f"CREATE INDEX ix_governance_audit_places ON governance_audit ({uid}) "
        "WHERE type IN ('promotion:allowed', 'promotion:withdrawn')"
    )


def downgrade() -> None:
    raise RuntimeError("No command drops an audit log: restore a backup instead.")
