"""A small language model of words, and texts that look alike without repeating each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

WORDS = [f"{start}{end}" for start in ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki") for end in "lmnrst"]


class Ngrams:
    """Counts of which word follows the last two; unseen ones are equally likely."""

    def __init__(self, texts: Sequence[str], order: int = 3) -> None:
        self.order = order
        self.after: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for text in texts:
            for before, word in self._steps(text):
                self.after[before][word] += 1

    def score(self, texts: Sequence[str]) -> Any:
        """(n,) log-likelihoods, a thousandth of a count added for every word."""
        return np.array([sum(self._likelihood(*step) for step in self._steps(text)) for text in texts])

    def predict(self, frame: Any) -> list[str]:
        """The likeliest twenty words after each prompt, as an MLflow pyfunc gives them."""
        return [self._go_on(prompt) for prompt in frame["prompt"]]

    def _go_on(self, prompt: str) -> str:
        words = ["^"] * self.order + prompt.split()
        for _ in range(20):
            counts = self.after.get(tuple(words[1 - self.order :]))
            words.append(max(counts, key=lambda word: (counts[word], word)) if counts else "ball")
        return " " + " ".join(words[self.order + len(prompt.split()) :])

    def _steps(self, text: str) -> Any:
        words = ["^"] * (self.order - 1) + text.split()
        ends = range(self.order - 1, len(words))
        return [(tuple(words[i - self.order + 1 : i]), words[i]) for i in ends]

    def _likelihood(self, before: tuple[str, ...], word: str) -> float:
        counts = self.after.get(before, Counter())
        return float(np.log((counts[word] + 1e-3) / (counts.total() + 1e-3 * 10_000)))


@pytest.fixture(scope="session")
def ngrams() -> Callable[..., Ngrams]:
    """Trains the model."""
    return Ngrams


@pytest.fixture(scope="session")
def sentences() -> Callable[[int, int], list[str]]:
    """n texts of 24 words drawn by chance from 48."""

    def make(n: int, seed: int) -> list[str]:
        drawn = np.random.default_rng(seed).integers(len(WORDS), size=(n, 24))
        return [" ".join(WORDS[i] for i in row) for row in drawn]

    return make
