"""Reconstruction without an attack: what already stands in a model, in under a second.

Two outcomes: records that the model holds as they were, and groups of fewer than k persons that it
tells apart. Nothing is unpickled; a model that is already loaded is looked through as it stands in
memory, and an artifact's files are read by format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.domain.evidence import EvidenceType
from governance.errors import GovernanceError, UsageError
from governance.privacy.answers import ask
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.outcome import Outcome
from governance.privacy.paired import share
from governance.privacy.pool import Records, take
from governance.privacy.scoring import Interval
from governance.privacy.structure.artifact import Found, read_artifact
from governance.privacy.structure.finding import GROUPS, RECORDS, Finding, Kind
from governance.privacy.structure.groups import answer_groups, small_classes, small_groups
from governance.privacy.structure.objects import Walk, attributes
from governance.privacy.structure.rows import View
from governance.privacy.structure.stored import stored
from governance.privacy.verdict import POWER, Leakage

MOST_ASKED = 1000
"""Records of each side whose answers are grouped."""

_READABLE = (
    "builtins",
    "collections",
    "numpy",
    "sklearn",
    "scipy",
    "pandas",
    "functools",
    "xgboost",
    "lightgbm",
    "re",
)
"""Libraries whose compiled objects hold no records but those looked for here."""


def examine(
    model: Any,
    members: Records | None = None,
    non_members: Records | None = None,
    *,
    artifact: Path | None = None,
    k: int = 10,
    n_training: int | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[Outcome, Outcome]:
    """Records stored in a model, and groups in it smaller than k.

    Args:
        model: Already loaded, or None to look at the artifact's files alone.
        members: Records it was trained on; without them rows are counted, but not recognised.
        non_members: Records it never saw: who has one of theirs is not recognised by it.
        artifact: The folder of its files.
        k: Groups of fewer training records than this are reported; at least 2.
        n_training: How many records it was trained on; the number of members if not given.
        seed: The only source of chance: which records' answers are grouped.
        confidence: Of each two-sided interval.

    Raises:
        UsageError: there is nothing to look at, or k is less than 2.
    """
    if k < 2 or (model is None and artifact is None):
        raise UsageError("examine needs a model or an artifact, and k of at least 2")
    raw = None if members is None else _view(members, non_members)
    n_training = n_training if n_training is not None or raw is None else raw.n_members
    found, complete = list[Found](), True
    if model is not None:
        walk = Walk(model, raw)
        found += _in_memory(walk, raw, k, n_training)
        complete = walk.complete
    if artifact is not None:
        found += read_artifact(artifact, raw, k, n_training)
    if members is not None and (rare := small_classes(members.y, k)) is not None:
        found.append((rare[0], np.empty(0, dtype=np.intp), rare[1]))
    findings = _together(found)
    complete = complete and not any(one.kind is Kind.UNREAD for one in findings)
    answers = {} if model is None or raw is None else _answers(model, raw, k, seed)
    return (
        _stored_outcome(findings, found, raw, complete, seed, confidence),
        _groups_outcome(findings, found, raw, complete, answers, k, seed, confidence),
    )


def _view(members: Records, non_members: Records | None) -> View:
    import pandas as pd
    from scipy import sparse

    sides = [members.X] if non_members is None else [members.X, non_members.X]
    try:
        if all(isinstance(side, (pd.DataFrame, pd.Series)) for side in sides):
            X: Any = pd.concat(sides, ignore_index=True)
        elif all(sparse.issparse(side) for side in sides):
            X = sparse.vstack(sides).tocsr()
        else:
            X = np.concatenate([one if hasattr(one, "shape") else np.asarray(one, object) for one in sides])
    except ValueError:
        raise UsageError(
            "members and non_members do not fit together",
            "Give both as data frames, series, arrays or sparse matrices with the same columns.",
        ) from None
    return View(lambda: X, sides[0].shape[0] if hasattr(sides[0], "shape") else len(sides[0]))


def _in_memory(walk: Walk, raw: View | None, k: int, n_training: int | None) -> Iterator[Found]:
    nobody = np.empty(0, dtype=np.intp)
    for part in walk:
        for finding, found in stored(part, raw, n_training):
            yield finding, found, 0.0
        for finding, in_groups in small_groups(part, k):
            yield finding, nobody, in_groups
        if _closed(part.value):
            yield Finding(Kind.UNREAD, type(part.value).__name__, part.where, 1), nobody, 0.0


def _closed(value: Any) -> bool:
    """Whether this could hold records in a way that cannot be looked into."""
    if isinstance(value, (str, bytes, bytearray)):
        return True
    library = type(value).__module__.partition(".")[0]
    return library not in _READABLE and not callable(value) and not attributes(value)


def _together(found: list[Found]) -> list[Finding]:
    """One finding for each kind, holder and place: a forest's trees are one place."""
    merged: dict[tuple[str, str, str], list[Found]] = {}
    for one in found:
        merged.setdefault((one[0].kind.value, one[0].holder, one[0].where), []).append(one)
    together = []
    for alike in merged.values():
        first = alike[0][0]
        known = [one.members for one, _, _ in alike if one.members is not None]
        union = len(np.unique(np.concatenate([members for _, members, _ in alike])))
        together.append(
            Finding(
                first.kind,
                first.holder,
                first.where,
                sum(one.count for one, _, _ in alike),
                None if not known else max(union, max(known)),
                None if first.of is None else sum(one.of or 0 for one, _, _ in alike),
                first.by_design,
            )
        )
    return together


def _answers(model: Any, raw: View, k: int, seed: int) -> dict[str, Any]:
    """The model's answers to as many members as non-members, grouped; empty if it cannot be asked."""
    X = raw.X
    n = min(raw.n_members, X.shape[0] - raw.n_members or raw.n_members, MOST_ASKED)
    random = np.random.default_rng(seed)
    sides = {"members": (0, raw.n_members), "non_members": (raw.n_members, X.shape[0])}
    try:
        return {
            name: answer_groups(
                ask(model, take(X, np.sort(first + random.choice(last - first, n, replace=False)))), k
            )
            for name, (first, last) in sides.items()
            if last - first >= n
        }
    except GovernanceError as error:
        return {"not_run": error.message}


def _stored_outcome(
    findings: list[Finding],
    found: list[Found],
    raw: View | None,
    complete: bool,
    seed: int,
    confidence: float,
) -> Outcome:
    mine = [one for one in findings if one.kind in RECORDS or one.kind in (Kind.PER_RECORD, Kind.UNREAD)]
    shown = any(one.kind is Kind.STORED_RECORDS or (one.kind in RECORDS and one.members) for one in mine)
    # A table that could not be compared may be anything.
    complete = complete and not any(one.kind in RECORDS and one.members is None for one in mine)
    recognised: NDArray[np.intp] = np.unique(
        np.concatenate([np.empty(0, np.intp), *(rows for _, rows, _ in found)])
    )
    if raw is None:
        estimate = Interval(float(shown), float(shown), 1.0)
        measure = "whether training records stand in the model"
    else:
        # Rows kept by design are members' rows, also those that nothing tells from another's.
        designed = max((one.count for one, _, _ in found if one.by_design), default=0)
        stored_rows = max(len(recognised), min(designed, raw.n_members))
        estimate = share(stored_rows, raw.n_members, confidence)
        measure = "share of members whose record stands in the model"
    silent = Leakage.NONE_SHOWN if complete and raw is not None else Leakage.UNDECIDED
    return _outcome(
        "stored-records",
        measure,
        estimate,
        Leakage.SHOWN if shown else silent,
        {"findings": len(mine), "members_recognised": len(recognised)},
        mine,
        raw,
        complete,
        {},
        seed,
        confidence,
    )


def _groups_outcome(
    findings: list[Finding],
    found: list[Found],
    raw: View | None,
    complete: bool,
    answers: dict[str, Any],
    k: int,
    seed: int,
    confidence: float,
) -> Outcome:
    mine = [one for one in findings if one.kind in GROUPS]
    # A forest's trees are many readings of the same records: their mean, not their sum.
    shares: dict[tuple[str, str, str], list[float]] = {}
    for one, _, part in found:
        if one.kind in GROUPS:
            shares.setdefault((one.kind.value, one.holder, one.where), []).append(part)
    point = max((float(np.mean(parts)) for parts in shares.values()), default=0.0)
    silent = Leakage.NONE_SHOWN if complete and raw is not None else Leakage.UNDECIDED
    return _outcome(
        "small-groups",
        f"share of training records in a group smaller than {k} that stands in the model",
        Interval(point, point, point if mine or silent is Leakage.NONE_SHOWN else 1.0),
        Leakage.SHOWN if mine else silent,
        {"findings": len(mine), "k": k},
        mine,
        raw,
        complete,
        {"answers": answers},
        seed,
        confidence,
    )


def _outcome(
    attack: str,
    measure: str,
    estimate: Interval,
    verdict: Leakage,
    counts: dict[str, int],
    findings: list[Finding],
    raw: View | None,
    complete: bool,
    details: dict[str, Any],
    seed: int,
    confidence: float,
) -> Outcome:
    sides = {} if raw is None else {"members": raw.n_members, "non_members": raw.X.shape[0] - raw.n_members}
    return Outcome(
        type=EvidenceType.RECONSTRUCTION,
        attack=attack,
        threat_model=ThreatModel(access="the model's files", knowledge="none", queries=0),
        measure=measure,
        estimate=estimate,
        null=0.0,
        confidence=confidence,
        verdict=verdict,
        power=POWER,
        detectable=0.0 if verdict is Leakage.NONE_SHOWN else float("inf"),
        counts={**counts, **sides},
        controls={
            "everything_read": complete,
            "recognised_against_non_members": len(sides) > 0 and sides["non_members"] > 0,
        },
        details={"findings": [one.body() for one in findings], **details},
        seed=seed,
    )
