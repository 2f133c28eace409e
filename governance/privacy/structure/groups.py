"""Groups of fewer than k persons that a model tells apart: leaves, categories, terms, classes, answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.privacy.answers import Answers
from governance.privacy.structure.finding import Finding, Kind
from governance.privacy.structure.objects import Part, attributes, class_names


def small_groups(part: Part, k: int) -> Iterator[tuple[Finding, float]]:
    """What one part of a model says of fewer than k training records, and of what share of them."""
    value = part.value
    counts = _leaves(part)
    if counts is not None and (counts < k).any():
        small = counts[counts < k]
        holder = class_names(part.holder)[0] if part.holder is not None else type(value).__name__
        yield (
            Finding(Kind.SMALL_LEAF, holder, part.where, len(small), int(small.sum()), len(counts)),
            float(small.sum() / counts.sum()),
        )
        return
    if isinstance(value, np.ndarray) or part.view is None:
        return
    own = attributes(value) if type(value).__module__.startswith("sklearn.") else {}
    if "categories_" in own:
        yield from _categories(part, own["categories_"], k)
    if isinstance(own.get("vocabulary_"), dict) and hasattr(value, "transform"):
        yield from _terms(part, k)


def boosted_leaves(part: Part) -> NDArray[np.int64] | None:
    """Records in each leaf of a LightGBM booster, or of an XGBoost model with members to count."""
    value = part.value
    module = type(value).__module__.partition(".")[0]
    if module == "lightgbm" and type(value).__name__ == "Booster":
        lines = value.model_to_string().splitlines()
        counts = [line.partition("=")[2].split() for line in lines if line.startswith("leaf_count=")]
        return np.array([int(one) for tree in counts for one in tree], dtype=np.int64)
    if module == "xgboost" and hasattr(value, "apply") and part.view is not None and part.view.X is not None:
        inside = part.view.X[: part.view.n_members]
        leaves = np.asarray(value.apply(inside)).reshape(len(inside), -1)
        return np.concatenate([np.unique(tree, return_counts=True)[1] for tree in leaves.T])
    return None


def _leaves(part: Part) -> NDArray[np.int64] | None:
    """(leaves,) how many training records each leaf of a tree has, or None."""
    value = part.value
    names = getattr(getattr(value, "dtype", None), "names", None) or ()
    if {"left_child", "n_node_samples"} <= set(names):
        return np.asarray(value["n_node_samples"][value["left_child"] == -1], dtype=np.int64)
    if {"is_leaf", "count"} <= set(names):
        return np.asarray(value["count"][value["is_leaf"].astype(bool)], dtype=np.int64)
    return boosted_leaves(part)


def _categories(part: Part, categories: list[Any], k: int) -> Iterator[tuple[Finding, float]]:
    """Categories of an encoder that fewer than k members have."""
    view = part.view
    if view is None or view.X is None:
        return
    X = view.X
    rare = members = 0
    for i, known in enumerate(categories):
        column = np.asarray(X.iloc[:, i] if hasattr(X, "iloc") else X[:, i])[: view.n_members].astype(str)
        found, counts = np.unique(column, return_counts=True)
        small = counts[np.isin(found, np.asarray(known).astype(str)) & (counts < k)]
        rare, members = rare + len(small), members + int(small.sum())
    if rare:
        size = sum(len(known) for known in categories)
        finding = Finding(Kind.RARE_CATEGORY, type(part.value).__name__, part.where, rare, members, size)
        yield finding, min(1.0, members / view.n_members)


def _terms(part: Part, k: int) -> Iterator[tuple[Finding, float]]:
    """Terms of a vocabulary that stand in fewer than k members' documents."""
    view = part.view
    if view is None or view.X is None:
        return
    found = part.value.transform(view.X[: view.n_members]).tocsc()
    counts = np.diff(found.indptr)
    small = np.flatnonzero((counts > 0) & (counts < k))
    if len(small):
        documents = len(np.unique(found[:, small].indices))
        finding = Finding(
            Kind.RARE_TERM, type(part.value).__name__, part.where, len(small), documents, len(counts)
        )
        yield finding, documents / view.n_members


def small_classes(y: ArrayLike, k: int) -> tuple[Finding, float] | None:
    """Labels that fewer than k members have."""
    labels = np.asarray(y)
    _, counts = np.unique(labels, return_counts=True)
    small = counts[counts < k]
    if not len(small):
        return None
    finding = Finding(Kind.SMALL_CLASS, "classes", "", len(small), int(small.sum()), len(counts))
    return finding, float(small.sum() / len(labels))


def answer_groups(answers: Answers, k: int) -> dict[str, int]:
    """How finely a model's answers tell records apart: k-anonymity and class disclosure of its output.

    Answers are one group if they agree in nine digits. `certain` counts records in a group smaller
    than k whose label the answer gives away. A smooth model gives everybody an answer of their own,
    members or not: only a difference between the two means anything.
    """
    rounded = np.round(answers.values, 9)
    _, group, counts = np.unique(rounded, axis=0, return_inverse=True, return_counts=True)
    small = counts[group.reshape(-1)] < k
    sure = (
        rounded.max(axis=1) >= 1 - 1e-6
        if answers.classes is not None
        else np.zeros(len(small), dtype=np.bool_)
    )
    return {
        "records": len(small),
        "groups": len(counts),
        "smallest": int(counts.min()),
        "in_small_groups": int(small.sum()),
        "certain": int((small & sure).sum()),
    }
