"""Whether training texts and other texts are told apart without the model, by their words alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from governance.privacy.scoring import auc, mean_bounds

FEATURES = 1 << 14

FEWEST = 20
"""Texts on either side below which no half can be learned from."""


def blind_text_baseline(sides: list[list[str]], seed: int, confidence: float) -> dict[str, Any]:
    """Cross-fit a ridge regression on words and pairs of words in two halves; AUC with valid bounds.

    It passes when no difference is found. With one, members are completed more often perhaps because of
    what they say, not because the model saw them.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    m, n = len(sides[0]), len(sides[1])
    if min(m, n) < FEWEST:
        return {"ran": False, "passed": True}
    words = HashingVectorizer(n_features=FEATURES, ngram_range=(1, 2)).transform(sides[0] + sides[1])
    is_member = np.arange(m + n) < m
    random = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    half = np.zeros(m + n, dtype=np.bool_)
    for rows in (np.arange(m), np.arange(m, m + n)):
        half[random.permutation(rows)[: len(rows) // 2]] = True
    points = []
    for fitted in (half, ~half):
        # In its dual form: there are fewer texts than words.
        inner = (words[fitted] @ words[fitted].T).toarray() + np.eye(int(fitted.sum()))
        sides_of = np.where(is_member[fitted], 1.0, -1.0)
        weights = np.linalg.solve(inner, sides_of - sides_of.mean())
        score = words[~fitted] @ (words[fitted].T @ weights)
        points.append(auc(score[is_member[~fitted]], score[~is_member[~fitted]]).point)
    point = float(np.mean(points))
    # As in `controls.blind_baseline`, both halves share a bound for half of the smaller side.
    low, high = mean_bounds(point, min(m, n) // 2, confidence)
    return {"ran": True, "auc": point, "low": low, "high": high, "passed": low <= 0.5}
