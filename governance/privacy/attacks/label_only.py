"""Attacks on a model that tells nothing but its label: is it right, and how firmly does it stay so?

Gap attack: who is labelled rightly is a member (Yeom et al., arXiv:1709.01604, §3.3). Boundary attack: what
a model was trained on lies farther from its decision boundary; how far is measured by how much noise
leaves the label true (Choquette-Choo et al., arXiv:2007.14321, §4.3: randomised noise instead of a walk to
the boundary, which needs thousands of queries a record). That score is not free of how hard a record is;
`signal` makes a likelihood of it, so that shadow models asked the same questions can take that away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import Undecided, UsageError
from governance.privacy.attacks.interface import Scores, ThreatModel

Predict = Callable[[Any], Any]
"""(n, …) records → (n,) labels."""

WEAKEST, STRONGEST = 0.05, 0.5
"""Noise: in standard deviations of a column of numbers, and as the chance that any other is redrawn."""

SMOOTHING = 0.05
"""Keeps the likelihood off zero and one."""

KNOWLEDGE = "the records with their labels"


def gap(predict: Predict, X: Any, y: ArrayLike) -> Scores:
    """Score 1 if the label is right, 0 if not; one query a record.

    Args:
        predict: Asked once, for all records.
        X: (n, …) numpy array or pandas DataFrame.
        y: (n,) true labels.

    Raises:
        UsageError: `predict` does not return one label a record.
        Undecided: `predict` failed.
    """
    threat_model = ThreatModel("black box: the predicted label only", KNOWLEDGE, queries=1)
    return Scores(_right(predict, X, np.asarray(y)).astype(np.float64), "label-gap", threat_model)


def boundary(predict: Predict, X: Any, y: ArrayLike, *, seed: int, queries: int = 50) -> Scores:
    """Score 1 if the label is right, plus the share of disturbed copies for which it stays right.

    Copies are disturbed more and more, from `WEAKEST` to `STRONGEST`: floating-point columns by normal noise,
    all others by a value of another record, so that a copy holds nothing that no record holds.

    Args:
        predict: Asked `queries` times, each time for all records.
        X: (n, …) numpy array or pandas DataFrame.
        y: (n,) true labels.
        seed: The only source of chance.
        queries: For each record, the undisturbed one included; at least 2.

    Raises:
        UsageError: `predict` does not return one label a record.
        Undecided: `predict` failed.
    """
    if queries < 2:
        raise UsageError(f"The boundary attack needs at least 2 queries a record, not {queries}")
    labels = np.asarray(y)
    values = _right(predict, X, labels).astype(np.float64)
    sequences = np.random.SeedSequence(seed).spawn(queries - 1)
    strengths = np.geomspace(WEAKEST, STRONGEST, queries - 1)
    for strength, sequence in zip(strengths, sequences, strict=True):
        copies = disturbed(X, float(strength), np.random.default_rng(sequence))
        values += _right(predict, copies, labels) / (queries - 1)
    threat_model = ThreatModel("black box: the predicted label only", KNOWLEDGE, queries)
    return Scores(values, "label-boundary", threat_model)


def signal(predict: Predict, X: Any, y: ArrayLike, *, seed: int, queries: int = 50) -> NDArray[np.float64]:
    """(n,) logarithm of the boundary attack's score as a share of its largest, for `Observations`.

    Target and shadows asked with one seed are asked the very same questions. For arguments and errors
    see `boundary`.
    """
    values = boundary(predict, X, y, seed=seed, queries=queries).values
    return np.asarray(np.log((values + SMOOTHING) / (2 + 2 * SMOOTHING)), dtype=np.float64)


def disturbed(X: Any, strength: float, random: np.random.Generator) -> Any:
    """A copy of X (n, …), of its own kind and types, in which every column is disturbed by itself."""
    if not hasattr(X, "iloc"):
        flat = X.reshape(len(X), -1)
        return np.asarray(_disturbed(flat, strength, random), dtype=X.dtype).reshape(X.shape)
    columns = {
        i: _disturbed(_floats(X.iloc[:, i]), strength, random)[:, 0]
        if X.dtypes.iloc[i].kind == "f"
        else X.iloc[:, i].array.take(_redrawn(len(X), 1, strength, random)[:, 0])
        for i in range(X.shape[1])
    }
    copy = type(X)(columns, index=X.index).astype(dict(enumerate(X.dtypes)))
    # Last, because a table may name two columns alike.
    copy.columns = X.columns
    return copy


def _floats(column: Any) -> NDArray[np.float64]:
    """(n, 1), NaN where a nullable column has nothing."""
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))[:, None]


def _disturbed(table: NDArray[Any], strength: float, random: np.random.Generator) -> NDArray[Any]:
    """(n, d) with noise, or with values of other rows."""
    if table.dtype.kind == "f":
        spread = strength * np.nanstd(table, axis=0)
        noise = random.standard_normal(table.shape, dtype=np.float32)
        return np.asarray(table + noise * spread, dtype=table.dtype)
    rows = _redrawn(len(table), table.shape[1], strength, random)
    return np.take_along_axis(table, rows, axis=0)


def _redrawn(n: int, d: int, chance: float, random: np.random.Generator) -> NDArray[np.intp]:
    """(n, d) the row to take each value from: its own, or with this chance any."""
    own = np.broadcast_to(np.arange(n)[:, None], (n, d))
    return np.where(random.random((n, d)) < chance, random.integers(n, size=(n, d)), own)


def _right(predict: Predict, X: Any, labels: NDArray[Any]) -> NDArray[np.bool_]:
    try:
        answer = np.asarray(predict(X))
    except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
        # Its message may quote a record, so only its type goes on.
        raise Undecided(
            f"The model failed to label the records: {type(error).__name__}",
            "Call its predict on the same records to see the cause.",
        ) from None
    answer = answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer
    if answer.shape != labels.shape:
        raise UsageError(
            f"A label-only attack needs one label a record: expected {labels.shape}, got {answer.shape}",
            "Wrap the model so that `predict(X)` returns labels.",
        )
    return np.asarray(answer == labels, dtype=np.bool_)
