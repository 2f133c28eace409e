"""The first tables, and the triggers that make the insert-only ones so.

Revision ID: 0001
Revises:
Create Date: 2026-01-01
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSERT_ONLY = (
    "governance_datasets",
    "governance_labellings",
    "governance_lineages",
    "governance_evidence",
    "governance_manifests",
    "governance_sightings",
    "governance_approvals",
    "governance_decisions",
    "governance_audit",
    "governance_spends",
    "governance_policies",
)


def upgrade() -> None:
    _datasets()
    _versions()
    _answers()
    _ledgers()
    op.bulk_insert(
        op.create_table(
            "governance_locks",
            sa.Column("name", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("name", name="pk_governance_locks"),
        ),
        [{"name": "gate"}],
    )
    if op.get_bind().dialect.name == "sqlite":
        _refuse_changes_on_sqlite()
    else:
        _refuse_changes_on_postgresql()


def downgrade() -> None:
    raise RuntimeError("No command drops an audit log: restore a backup instead.")


def _position() -> sa.Column:
    return sa.Column(
        "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True
    )


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _optional(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=True)


def _datasets() -> None:
    op.create_table(
        "governance_datasets",
        _position(),
        _text("identity"),
        _text("name"),
        _text("sha256"),
        sa.Column("n_records", sa.BigInteger(), nullable=False),
        _text("columns"),
        _text("source"),
        _optional("mlflow_digest"),
        sa.Column("n_subjects", sa.BigInteger(), nullable=True),
        sa.Column("max_records_per_subject", sa.BigInteger(), nullable=True),
        _optional("budget"),
        _text("catalogued_at"),
        _text("catalogued_by"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_datasets"),
        sa.UniqueConstraint("identity", name="uq_governance_datasets_identity"),
    )
    op.create_index("ix_governance_datasets_name", "governance_datasets", ["name"])
    op.create_table(
        "governance_labellings",
        _position(),
        _text("digest"),
        _text("dataset"),
        _text("label"),
        _text("at"),
        _text("actor"),
        _text("reason"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_labellings"),
        sa.ForeignKeyConstraint(
            ["dataset"], ["governance_datasets.identity"], name="fk_governance_labellings_dataset"
        ),
    )
    op.create_index("ix_governance_labellings_dataset", "governance_labellings", ["dataset"])


def _versions() -> None:
    op.create_table(
        "governance_subjects",
        _position(),
        _text("uid"),
        _text("workspace"),
        _text("name"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _text("source"),
        _optional("run_id"),
        _optional("model_id"),
        _text("registered_at"),
        _text("registered_by"),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        _optional("buried_at"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_subjects"),
        sa.UniqueConstraint("uid", name="uq_governance_subjects_uid"),
    )
    op.create_index(
        "uq_governance_subjects_living",
        "governance_subjects",
        ["workspace", "name", "version"],
        unique=True,
        sqlite_where=sa.text("buried_at IS NULL"),
        postgresql_where=sa.text("buried_at IS NULL"),
    )
    op.create_table(
        "governance_lineages",
        _position(),
        _text("uid"),
        _text("digest"),
        _text("lineage"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_lineages"),
    )
    op.create_index("ix_governance_lineages_uid", "governance_lineages", ["uid"])
    op.create_table(
        "governance_manifests",
        _text("digest"),
        _text("files"),
        sa.PrimaryKeyConstraint("digest", name="pk_governance_manifests"),
    )
    op.create_table(
        "governance_sightings",
        _position(),
        _text("uid"),
        _text("digest"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_sightings"),
        sa.UniqueConstraint("uid", "digest", name="uq_governance_sightings_uid_digest"),
        sa.ForeignKeyConstraint(
            ["digest"], ["governance_manifests.digest"], name="fk_governance_sightings_digest"
        ),
    )


def _answers() -> None:
    op.create_table(
        "governance_evidence",
        _position(),
        _text("digest"),
        _text("subject_digest"),
        _text("type"),
        _text("statement"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_evidence"),
        sa.UniqueConstraint("digest", name="uq_governance_evidence_digest"),
    )
    op.create_index("ix_governance_evidence_subject_digest", "governance_evidence", ["subject_digest"])
    op.create_table(
        "governance_approvals",
        _position(),
        _text("digest"),
        _text("subject_uid"),
        _text("ground"),
        _text("role"),
        _text("actor"),
        _text("at"),
        _text("verdict"),
        _text("reason"),
        _optional("expires_at"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_approvals"),
        sa.UniqueConstraint("digest", name="uq_governance_approvals_digest"),
    )
    op.create_index("ix_governance_approvals_subject_uid", "governance_approvals", ["subject_uid"])
    op.create_table(
        "governance_decisions",
        _position(),
        _text("digest"),
        _text("subject_uid"),
        _text("target"),
        _text("outcome"),
        _text("at"),
        _text("record"),
        _optional("frozen_uri"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_decisions"),
        sa.UniqueConstraint("digest", name="uq_governance_decisions_digest"),
    )
    op.create_index("ix_governance_decisions_subject_uid", "governance_decisions", ["subject_uid"])
    op.create_table(
        "governance_policies",
        _text("digest"),
        _text("name"),
        _text("text"),
        _text("at"),
        sa.PrimaryKeyConstraint("digest", name="pk_governance_policies"),
    )


def _ledgers() -> None:
    op.create_table(
        "governance_audit",
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        _text("at"),
        _text("actor"),
        _text("type"),
        _text("body"),
        _text("parent"),
        _text("hash"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_audit"),
    )
    op.create_table(
        "governance_spends",
        _position(),
        _text("dataset"),
        _text("key"),
        _text("state"),
        _text("training"),
        _text("at"),
        _text("actor"),
        _optional("expires_at"),
        sa.PrimaryKeyConstraint("position", name="pk_governance_spends"),
    )
    op.create_index("ix_governance_spends_dataset", "governance_spends", ["dataset"])


def _refuse_changes_on_sqlite() -> None:
    for table in INSERT_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
            )


def _refuse_changes_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION governance_insert_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME; END$$"
    )
    for table in INSERT_ONLY:
        # A statement trigger also refuses TRUNCATE, which fires no row trigger.
        op.execute(
            f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION governance_insert_only()"
        )
