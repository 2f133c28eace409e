"""What an attacker infers without the model: an imputer, and a reference for what any model would say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Impute = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""(n, d) records without the attribute, the label last → (n, groups) probabilities."""


class Imputer(Protocol):
    """Learns an attribute from records of the attacker."""

    def __call__(
        self, table: NDArray[np.float32], groups: NDArray[np.intp], n_groups: int, seed: int
    ) -> Impute:
        """Fit to (n, d) records and (n,) groups of the attribute, 0 … n_groups − 1."""


def fit_imputer(table: NDArray[np.float32], groups: NDArray[np.intp], n_groups: int, seed: int) -> Impute:
    """A function (n, d) → (n, groups) of probabilities, by a forest or by boosting.

    Whichever guesses better in two-fold cross-validation on these records is taken: a weak baseline
    would make any model look leaky.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.model_selection import cross_val_score
    from threadpoolctl import threadpool_limits

    candidates = [
        RandomForestClassifier(n_estimators=50, min_samples_leaf=2, random_state=seed % 2**32),
        HistGradientBoostingClassifier(max_iter=30, early_stopping=False, random_state=seed % 2**32),
    ]
    chosen = candidates[0]
    # Boosting's threads wait for each other in loops: beside other work one is ten times faster.
    with threadpool_limits(limits=1):
        if min(np.unique(groups, return_counts=True)[1]) >= 2:
            scores = [float(cross_val_score(one, table, groups, cv=2).mean()) for one in candidates]
            chosen = candidates[int(np.argmax(scores))]
        chosen.fit(table, groups)

    def impute(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        probabilities = np.zeros((len(rows), n_groups))
        with threadpool_limits(limits=1):
            probabilities[:, chosen.classes_] = chosen.predict_proba(rows)
        return probabilities

    return impute


def reference_forest(X: Any, regression: bool, seed: int) -> Any:
    """The attacker's reference model when no trainer is given, unfitted: a forest, text as numbers."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    kind = RandomForestRegressor if regression else RandomForestClassifier
    forest = kind(n_estimators=50, min_samples_leaf=5, random_state=seed)
    if not hasattr(X, "iloc"):
        return forest
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    text = make_column_selector(dtype_exclude=["number", "bool"])
    return make_pipeline(make_column_transformer((encoder, text), remainder="passthrough"), forest)
