"""The tables, all named `governance_*`, so that they can live in MLflow's own database.

Instants are text as `canonical.timestamp` writes them, JSON is canonical text: both read back to the
very value that was written, on every database, and so to the very digest. `position` is the order of
recording, which the gate's lock makes one order for all writers.

Every table but `subjects` (a version can be renamed and deleted) and `locks` is insert-only; triggers
made by the migrations refuse UPDATE and DELETE.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.schema import SchemaItem, UniqueConstraint

from governance.storage.in_body import in_body

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _position() -> Column[int]:
    # Only INTEGER counts up by itself on SQLite.
    return Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _text(name: str, *items: SchemaItem, unique: bool = False, index: bool = False) -> Column[str]:
    return Column(name, Text, *items, nullable=False, unique=unique, index=index)


def _optional(name: str) -> Column[str | None]:
    return Column(name, Text, nullable=True)


datasets = Table(
    "governance_datasets",
    metadata,
    _position(),
    _text("identity", unique=True),
    _text("name", index=True),
    _text("sha256"),
    Column("n_records", BigInteger, nullable=False),
    _text("columns"),
    _text("source"),
    _optional("mlflow_digest"),
    Column("n_subjects", BigInteger),
    Column("max_records_per_subject", BigInteger),
    _optional("budget"),
    _text("catalogued_at"),
    _text("catalogued_by"),
)
"""What was catalogued, one row a content."""

labellings = Table(
    "governance_labellings",
    metadata,
    _position(),
    _text("digest"),
    _text("dataset", ForeignKey("governance_datasets.identity"), index=True),
    _text("label"),
    _text("at"),
    _text("actor"),
    _text("reason"),
)
"""Every label a dataset ever had; the last row is the one it has."""

subjects = Table(
    "governance_subjects",
    metadata,
    _position(),
    _text("uid", unique=True),
    _text("workspace"),
    _text("name"),
    Column("version", BigInteger, nullable=False),
    _text("source"),
    _optional("run_id"),
    _optional("model_id"),
    _text("registered_at"),
    _text("registered_by"),
    Column("adopted", Boolean, nullable=False),
    _optional("buried_at"),
)
"""Model versions by uid: the one table whose rows change, when a version is renamed or deleted."""

Index(
    "uq_governance_subjects_living",
    subjects.c.workspace,
    subjects.c.name,
    subjects.c.version,
    unique=True,
    sqlite_where=subjects.c.buried_at.is_(None),
    postgresql_where=subjects.c.buried_at.is_(None),
)

lineages = Table(
    "governance_lineages",
    metadata,
    _position(),
    _text("uid", index=True),
    _text("digest"),
    _text("lineage"),
)
"""Readings of a version's lineage; one that reads as an older one did is a row of its own."""

evidence = Table(
    "governance_evidence",
    metadata,
    _position(),
    _text("digest", unique=True),
    _text("subject_digest", index=True),
    _text("type"),
    _text("statement"),
)
"""Evidence as in-toto Statements."""

manifests = Table(
    "governance_manifests",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("files"),
)
"""The lists of files that manifest digests stand for."""

sightings = Table(
    "governance_sightings",
    metadata,
    _position(),
    _text("uid"),
    _text("digest", ForeignKey("governance_manifests.digest")),
    UniqueConstraint("uid", "digest"),
)
"""Which version was seen with which bytes."""

approvals = Table(
    "governance_approvals",
    metadata,
    _position(),
    _text("digest", unique=True),
    _text("subject_uid", index=True),
    _text("ground"),
    _text("role"),
    _text("actor"),
    _text("at"),
    _text("verdict"),
    _text("reason"),
    _optional("expires_at"),
    _optional("via"),
)
"""What reviewers said."""

acts = Table(
    "governance_acts",
    metadata,
    _position(),
    _text("digest", unique=True),
    _text("subject_uid", index=True),
    _text("kind", index=True),
    _text("record"),
)
"""Requests, revocations, waivers and broken glass."""

signatures = Table(
    "governance_signatures",
    metadata,
    _position(),
    _text("record_digest", index=True),
    _text("keyid"),
    _text("algorithm"),
    _text("value"),
    UniqueConstraint("record_digest", "keyid", "value"),
)
"""Signatures over evidence, approvals and acts."""

locations = Table(
    "governance_locations",
    metadata,
    _position(),
    _text("uid"),
    _text("location", index=True),
    UniqueConstraint("uid", "location"),
)
"""Where bytes of a version lie, or lay."""

decisions = Table(
    "governance_decisions",
    metadata,
    _position(),
    _text("digest", unique=True),
    _text("subject_uid", index=True),
    _text("target"),
    _text("outcome"),
    _text("at"),
    _text("record"),
    _optional("frozen_uri"),
)
"""Every answer of the gate; `record` is the answer, the columns beside it are there to search."""

audit = Table(
    "governance_audit",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("type"),
    _text("body"),
    _text("parent"),
    _text("hash"),
)
"""The hash chain; two writers cannot both extend the same head, for they would share a position."""

PROMOTED_OR_WITHDRAWN = text("type IN ('promotion:allowed', 'promotion:withdrawn')")
"""Which entries say who holds a protected place; spelt as in the index that finds them."""

Index(
    "ix_governance_audit_places",
    in_body(audit.c.body, "uid"),
    sqlite_where=PROMOTED_OR_WITHDRAWN,
    postgresql_where=PROMOTED_OR_WITHDRAWN,
)

spends = Table(
    "governance_spends",
    metadata,
    _position(),
    _text("dataset", index=True),
    _text("key"),
    _text("state"),
    _text("training"),
    _text("at"),
    _text("actor"),
    _optional("expires_at"),
)
"""States of charges; the last row of a key is its state."""

policies = Table(
    "governance_policies",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("name"),
    _text("text"),
    _text("at"),
)
"""The text of every policy a decision was made under."""

locks = Table(
    "governance_locks",
    metadata,
    Column("name", Text, primary_key=True),
    _optional("until"),
)
"""The row `gate`: whoever updates it writes alone until the transaction ends. Other rows are leases."""

INSERT_ONLY = tuple(table for table in metadata.sorted_tables if table not in (subjects, locks))
"""The tables whose rows never change."""
