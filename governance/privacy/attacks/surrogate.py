"""The copy that an attacker fits to a model's answers: linear or a forest, whichever predicts them better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from governance.privacy.answers import Answers
from governance.privacy.pool import take

KINDS = ("linear", "forest")


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """A fitted copy."""

    fitted: Any
    of_odds: bool
    """Whether it predicts log-odds, as the exact copy of a linear classifier does."""
    kind: str

    def answer(self, X: Any) -> NDArray[np.float64]:
        """(n, c) like the model's answers: rows of probabilities, or a regressor's numbers."""
        values = np.asarray(self.fitted.predict(X), dtype=np.float64).reshape(len(X), -1)
        if self.of_odds:
            values = expit(values)
        if self.kind == "values":
            return values
        values = np.clip(values, 0.0, None)
        sums = values.sum(axis=1, keepdims=True)
        return np.where(sums > 0, values / np.where(sums > 0, sums, 1.0), 1 / values.shape[1])


def fit_each(X: Any, answers: Answers, seed: int, kinds: Sequence[str] = KINDS) -> list[Surrogate]:
    """Every kind, fitted to all of the answers: for a baseline, which takes the better afterwards."""
    rows = np.arange(len(answers.values))
    return [_fit(X, answers, rows, kind, seed) for kind in kinds]


def fit_surrogate(X: Any, answers: Answers, seed: int, kinds: Sequence[str] = KINDS) -> Surrogate:
    """Fit each kind to four fifths, keep the one that is nearest on the last fifth, fit it to all.

    The linear one predicts log-odds: with d + 1 answers it equals a logistic regression (Tramèr et al.
    2016, §4.1).

    Args:
        X: (n, …) records asked about.
        answers: What the model said of them.
        seed: The only source of chance.
        kinds: Some of `KINDS`.
    """
    n = len(answers.values)
    order = np.random.default_rng(seed).permutation(n)
    learning, judging = order[: -max(n // 5, 1)], order[-max(n // 5, 1) :]
    errors = []
    for kind in kinds:
        made = _fit(X, answers, learning, kind, seed)
        guessed = made.answer(take(X, judging))
        errors.append(float(((guessed - answers.values[judging]) ** 2).sum()))
    return _fit(X, answers, order, kinds[int(np.argmin(errors))], seed)


def _fit(X: Any, answers: Answers, rows: NDArray[np.intp], kind: str, seed: int) -> Surrogate:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline

    of_odds = kind == "linear" and answers.kind == "probabilities"
    aim = answers.scaled[rows] if of_odds else answers.values[rows]
    if kind == "linear":
        last: Any = RidgeCV(alphas=np.logspace(-4, 4, 9))
    else:
        last = RandomForestRegressor(n_estimators=50, max_features=0.5, random_state=seed)
    fitted = make_pipeline(_numbers(X), last).fit(take(X, rows), aim if aim.shape[1] > 1 else aim[:, 0])
    return Surrogate(fitted, of_odds, answers.kind)


def _numbers(X: Any) -> Any:
    """A step that makes columns numbers: text one by one, numbers scaled, what is missing its median."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if not hasattr(X, "iloc"):
        return scaled
    text = OneHotEncoder(handle_unknown="ignore", max_categories=50, sparse_output=False)
    kinds = ["number", "bool"]
    return make_column_transformer(
        (text, make_column_selector(dtype_exclude=kinds)), (scaled, make_column_selector(dtype_include=kinds))
    )
