from __future__ import annotations

import math
from collections.abc import Callable

from governance.privacy.memorisation.blind import blind_text_baseline

Sentences = Callable[[int, int], list[str]]


def test_texts_of_one_kind_are_not_told_apart(sentences: Sentences) -> None:
    """Of 40 worlds with texts drawn alike, at most 2.5 % fail within binomial error."""
    worlds = 40
    failed = sum(
        not blind_text_baseline([sentences(60, seed), sentences(60, 1000 + seed)], seed, 0.95)["passed"]
        for seed in range(worlds)
    )

    assert failed <= worlds * 0.025 + 3 * math.sqrt(worlds * 0.025 * 0.975)


def test_texts_of_another_kind_are_told_apart(sentences: Sentences) -> None:
    """A word that only one side has gives it away."""
    found = blind_text_baseline([sentences(100, 1), [f"{text} today" for text in sentences(100, 2)]], 3, 0.95)

    assert (True, False) == (found["ran"], found["passed"])
    assert found["low"] > 0.5


def test_too_few_texts_say_nothing(sentences: Sentences) -> None:
    """It is said that the control did not run."""
    assert {"ran": False, "passed": True} == blind_text_baseline(
        [sentences(19, 1), sentences(50, 2)], 1, 0.95
    )
