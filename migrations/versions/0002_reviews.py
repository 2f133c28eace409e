"""Reviews, signatures and locations.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSERT_ONLY = ("governance_acts", "governance_signatures", "governance_locations")


def upgrade() -> None:
    op.add_column("governance_approvals", sa.Column("via", sa.Text(), nullable=True))
    _acts()
    _signatures()
    _locations()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in INSERT_ONLY:
        if sqlite:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
                )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION governance_insert_only()"
            )


def downgrade() -> None:
    raise RuntimeError("No command drops an audit log: restore a backup instead.")


def _position() -> sa.Column:
    return sa.Column(
        "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True
    )


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _acts() -> None:
    op.create_table(
        "governance_acts",
        _position(),
        _text("digest"),
        _text("subject_uid"),
        _text("kind"),
        _text("record"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_acts"),
        sa.UniqueConstraint("digest", name="uq_governance_acts_digest"),
    )
    op.create_index("ix_governance_acts_subject_uid", "governance_acts", ["subject_uid"])
    op.create_index("ix_governance_acts_kind", "governance_acts", ["kind"])


def _signatures() -> None:
    op.create_table(
        "governance_signatures",
        _position(),
        _text("record_digest"),
        _text("keyid"),
        _text("algorithm"),
        _text("value"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_signatures"),
        sa.UniqueConstraint(
            "record_digest", "keyid", "value", name="uq_governance_signatures_record_digest_keyid_value"
        ),
    )
    op.create_index("ix_governance_signatures_record_digest", "governance_signatures", ["record_digest"])


def _locations() -> None:
    op.create_table(
        "governance_locations",
        _position(),
        _text("uid"),
        _text("location"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_locations"),
        sa.UniqueConstraint("uid", "location", name="uq_governance_locations_uid_location"),
    )
    op.create_index("ix_governance_locations_location", "governance_locations", ["location"])
