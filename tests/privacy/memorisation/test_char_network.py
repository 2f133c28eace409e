"""A recurrent network of characters that was trained on text with planted PINs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from governance.privacy.memorisation.canaries import Canaries, draw
from governance.privacy.memorisation.language import TorchLanguage
from governance.privacy.memorisation.secrets import expose_canaries
from governance.privacy.verdict import Leakage

WORDS = ["the", "cat", "dog", "sees", "likes", "old", "red", "house", "tree", "and", "my", "PIN", "is"]
ALPHABET = sorted({*"".join(WORDS), " ", *"0123456789"})
BEGIN, END = len(ALPHABET), len(ALPHABET) + 1


class Characters(torch.nn.Module):
    """Which character follows, from all before it."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(END + 1, 24)
        self.recurrent = torch.nn.GRU(24, hidden, batch_first=True)
        self.output = torch.nn.Linear(hidden, END + 1)

    def forward(self, x: Any) -> Any:
        return self.output(self.recurrent(self.embedding(x))[0])


def encode(text: str) -> list[int]:
    """Characters by their place in the alphabet."""
    return [ALPHABET.index(character) for character in text]


def decode(numbers: Any) -> str:
    """The inverse; nothing follows the end."""
    text = "".join([*ALPHABET, "", "\n"][number] for number in numbers)
    return text.split("\n", maxsplit=1)[0]


def language(canaries: Canaries | None, epochs: int) -> TorchLanguage:
    """Trained on sentences, with the canaries among them or not."""
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(WORDS, 5)) for _ in range(150)] + ["my PIN is red"] * 10
    rows = [encode(line) for line in [*lines, *(canaries.lines if canaries else ())]]
    longest = max(len(row) for row in rows) + 2
    data = torch.tensor([[BEGIN, *row, *[END] * (longest - 1 - len(row))] for row in rows])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Characters()
        adam = torch.optim.Adam(network.parameters(), lr=6e-3)
        for _ in range(epochs):
            for part in torch.randperm(len(data)).split(64):
                x = data[part]
                logits = network(x[:, :-1]).flatten(0, 1)
                adam.zero_grad()
                torch.nn.functional.cross_entropy(logits, x[:, 1:].flatten()).backward()
                adam.step()
    return TorchLanguage(network, encode, decode, BEGIN)


@pytest.mark.slow
def test_planted_pins_are_found_in_a_network() -> None:
    """Ten planted PINs stand high among all ten thousand, ten that were held out do not."""
    canaries = draw("my PIN is {}{}{}{}", seed=3, planted=10, held_out=10, times=8)
    outcome = expose_canaries(language(canaries, 30).score, canaries, seed=1, commitment=canaries.commitment)

    assert (Leakage.SHOWN, 0) == (outcome.verdict, outcome.controls["held_out"]["found"])
    assert outcome.counts["found"] >= 8
    assert outcome.estimate.point > 10 > 3 > outcome.controls["held_out"]["mean"]


@pytest.mark.slow
def test_pins_that_were_not_planted_are_not_found() -> None:
    """The same network without them gives none away."""
    canaries = draw("my PIN is {}{}{}{}", seed=3, planted=10, held_out=10)
    outcome = expose_canaries(language(None, 3).score, canaries, seed=1, candidates=1000)

    assert (0, False) == (outcome.counts["found"], outcome.verdict is Leakage.SHOWN)


def test_scores_are_sums_of_log_probabilities() -> None:
    """By hand, text by text, whatever their lengths and batches; the mode of training stays."""
    network = Characters(8).train()
    asked = TorchLanguage(network, encode, decode, BEGIN, batch=2)
    texts = ["the", "cat", "red house", "dog", "my PIN"]
    expected = []
    for text in texts:
        ids = torch.tensor([[BEGIN, *encode(text)]])
        log = torch.log_softmax(network(ids)[0].double(), dim=1)
        expected.append(sum(float(log[i, token].detach()) for i, token in enumerate(ids[0, 1:].tolist())))

    np.testing.assert_allclose(expected, asked.score(texts), rtol=1e-6)
    assert network.training


@pytest.mark.parametrize(
    "wrap", [lambda logits: (logits, None), lambda logits: SimpleNamespace(logits=logits)]
)
def test_the_likeliest_goes_on(wrap: Any) -> None:
    """Greedy, as many tokens as asked for, from networks that wrap their logits too."""

    class Alphabet(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return wrap(torch.nn.functional.one_hot((x + 1) % (END + 1), END + 1).float())

    asked = TorchLanguage(Alphabet(), encode, decode, BEGIN)

    assert ["123", "456"] == asked.generate(["0", "the 3"], 3)
    assert math.isclose(asked.score(["0"])[0], -math.log(END + math.e))
