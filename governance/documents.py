"""The documented JSON documents, `governance/<kind>/v1`, of datasets, labels, evidence and the log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from governance.canonical import instant, timestamp
from governance.domain.approval import Approval
from governance.domain.budget import Account
from governance.domain.chain import Entry
from governance.domain.dataset import Budget, Catalogued, Dataset
from governance.domain.dossier import Dossier
from governance.domain.label import describe, to_json
from governance.domain.review import BreakGlass, ReviewRequest, Revocation, Waiver
from governance.domain.signature import Signature
from governance.domain.subject import Subject


def subject_json(subject: Subject, digest: str) -> dict[str, Any]:
    """A version and the bytes that it has, as every document names it."""
    return {"name": subject.named.name, "version": subject.named.version, "digest": digest}


def label_json(subject: Subject, dossier: Dossier) -> dict[str, Any]:
    """`governance/label/v1`: what a version inherits, and because of what."""
    inheritance = dossier.inheritance
    return {
        "subject": subject_json(subject, dossier.digest),
        "label": to_json(inheritance.effective),
        "because": [
            {"dimension": c.dimension, "value": c.value, "sources": list(c.sources)}
            for c in inheritance.because()
        ],
        "unknown": [{"source": c.source, "reason": c.reason} for c in inheritance.unknown],
    }


def dataset_json(entry: Catalogued, spent: Account | None) -> dict[str, Any]:
    """`governance/dataset/v1`: what is catalogued, its label, and what is left of its budget."""
    made = entry.dataset
    return {
        "name": made.name,
        "sha256": made.sha256,
        "n_records": made.n_records,
        "n_subjects": made.n_subjects,
        "max_records_per_subject": made.max_records_per_subject,
        "columns": list(made.columns),
        "source": made.source,
        "label": to_json(entry.label),
        "budget": asdict(made.budget) if made.budget else None,
        # JSON has no infinity: more than can be computed is null, and overdrawn.
        "spent_epsilon": spent.spent_epsilon if spent and math.isfinite(spent.spent_epsilon) else None,
        "overdrawn": spent.overdrawn if spent else None,
    }


def dataset_shown(entry: Catalogued, spent: Account | None, history: list[dict[str, str]]) -> dict[str, Any]:
    """A dataset with what only a person reads of it, under `shown`: words, history, every charge."""
    return dataset_json(entry, spent) | {
        "shown": {
            "words": describe(entry.label),
            "catalogued_by": entry.dataset.catalogued_by,
            "history": history,
            "spends": [
                {"at": timestamp(s.at), "state": s.state.value, "key": s.key, "by": s.by}
                for s in (spent.spends if spent else ())
            ],
        }
    }


def described_json(dataset: Dataset) -> dict[str, Any]:
    """A dataset as the machine that holds its records describes it to the server."""
    described = asdict(dataset) | {"columns": list(dataset.columns)}
    return {key: value for key, value in described.items() if key not in ("catalogued_at", "catalogued_by")}


def described_from(data: Mapping[str, Any], at: str, by: str) -> Dataset:
    """The inverse of `described_json`, catalogued by somebody at a time."""
    budget = Budget(**data["budget"]) if data.get("budget") else None
    given = {**data, "columns": tuple(data["columns"]), "budget": budget}
    return Dataset(**given, catalogued_at=instant(at), catalogued_by=by)


def approval_json(approval: Approval, subject: Subject, signature: Signature | None) -> dict[str, Any]:
    """`governance/approval/v1`: one person's verdict, and the key they signed it with."""
    return {
        "subject": subject_json(subject, approval.ground.manifest_digest),
        "target": approval.ground.target,
        "role": approval.role,
        "via": approval.via,
        "by": approval.by,
        "verdict": approval.verdict.value,
        "reason": approval.reason,
        "at": timestamp(approval.at),
        "expires_at": timestamp(approval.expires_at) if approval.expires_at else None,
        "approval": approval.digest,
        "keyid": signature.keyid if signature else None,
    }


def act_json(
    act: ReviewRequest | Revocation | Waiver | BreakGlass, subject: Subject, signature: Signature | None
) -> dict[str, Any]:
    """What a person did around a promotion, and the key they signed it with.

    `governance/review-request/v1`, `governance/revocation/v1`, `governance/waiver/v1` or
    `governance/break-glass/v1`, by the kind of the act.
    """
    asked = {"target": act.target} if isinstance(act, ReviewRequest) else {}
    digest = act.ground.manifest_digest if isinstance(act, ReviewRequest) else act.manifest_digest
    elsewhere = ("kind", "subject_uid", "ground", "manifest_digest")
    told = {key: value for key, value in act.to_json().items() if key not in elsewhere}
    named = {act.kind.removeprefix("review-").replace("-", "_"): act.digest}
    signed = {"keyid": signature.keyid if signature else None}
    return {"subject": subject_json(subject, digest)} | asked | told | named | signed


def entry_json(entry: Entry) -> dict[str, Any]:
    """One line of the audit log."""
    return {
        "position": entry.position,
        "at": timestamp(entry.at),
        "actor": entry.actor,
        "type": entry.type,
        "body": dict(entry.body),
        "parent": entry.parent,
        "hash": entry.hash,
    }


def entry_from(data: Mapping[str, Any]) -> Entry:
    """The inverse of `entry_json`."""
    return Entry(**{**data, "at": instant(data["at"])})
