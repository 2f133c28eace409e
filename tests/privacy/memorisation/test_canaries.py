from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.memorisation.canaries import draw


def test_texts_by_number() -> None:
    """Numbers fill the slots from left to right, as digits do."""
    canaries = draw("PIN {}{}, {}!", seed=1, planted=2, held_out=1)

    assert ["PIN 00, 0!", "PIN 04, 2!", "PIN 99, 9!"] == canaries.texts([0, 42, 999])
    assert (3, 1000) == (canaries.slots, canaries.space)


def test_drawn_without_replacement_and_the_same_again() -> None:
    """The seed alone decides; none is drawn twice, planted or held out."""
    canaries = draw("my PIN is {}{}{}", seed=7, planted=30, held_out=30)

    assert canaries == draw("my PIN is {}{}{}", seed=7, planted=30, held_out=30)
    assert set(canaries.planted).isdisjoint(draw("my PIN is {}{}{}", seed=8, planted=3, held_out=1).planted)
    assert 60 == len({*canaries.planted, *canaries.held_out})
    assert canaries.planted * 4 == dataclasses.replace(canaries, times=4).lines


def test_every_text_is_drawn_equally_often() -> None:
    """Over 3000 seeds each first digit of the first canary comes as often as any other."""
    firsts = np.bincount(
        [int(draw("{}{}", seed=seed, planted=1, held_out=1).planted[0][0]) for seed in range(3000)]
    )

    assert np.abs(firsts - 300).max() < 4 * np.sqrt(3000 * 0.09)


def test_the_others_are_all_that_were_not_drawn() -> None:
    """Enumerated or sampled, no candidate is a canary, and none comes twice."""
    canaries = draw("{}{}{}", seed=2, planted=9, held_out=5)
    others = list(canaries.others())
    sample = canaries.sample(400, np.random.SeedSequence(3))

    assert {*others, *canaries.planted, *canaries.held_out} == set(canaries.texts(range(1000)))
    assert (986, 400, 400) == (len(others), len(sample), len(set(sample)))
    assert set(sample) <= set(others)


def test_a_format_too_large_to_enumerate() -> None:
    """Of 10^24 texts the drawing is still without bias: each digit of each slot comes equally often."""
    canaries = draw("card " + "{}" * 24, seed=5, planted=5, held_out=5)
    digits = np.array(
        [list(text[5:]) for text in canaries.sample(3000, np.random.SeedSequence(6))], dtype=int
    )
    counts = np.array([np.bincount(slot, minlength=10) for slot in digits.T])

    assert 10**24 == canaries.space
    assert np.abs(counts - 300).max() < 5 * np.sqrt(3000 * 0.09)


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"planted": 4}, {"held_out": 4}, {"times": 2}, {"fillings": "123456789"}]
)
def test_a_commitment_binds_every_choice(change: dict[str, object]) -> None:
    """Other canaries, planted more often, or drawn otherwise do not open the same commitment."""
    choice: dict[str, object] = {"seed": 1, "planted": 3, "held_out": 3}
    canaries = draw("{}{}{}", **choice)  # type: ignore[arg-type]  # keywords by name

    assert canaries.opens(canaries.commitment)
    assert not draw("{}{}{}", **choice | change).opens(canaries.commitment)  # type: ignore[arg-type]  # the same
    assert 64 == len(draw("{}{}{}", seed=1 << 127).commitment)


@pytest.mark.parametrize(
    ("template", "kwargs", "message"),
    [
        ("no slot", {}, "one or more slots"),
        ("{name}", {}, "one or more slots"),
        ("{0}", {}, "one or more slots"),
        ("{:>3}", {}, "one or more slots"),
        ("{", {}, "one or more slots"),
        ("{}{}", {}, "too small for 40"),
        ("{}" * 400, {}, "no format of secrets"),
        ("{}{}{}", {"planted": 0}, "one or more planted"),
        ("{}{}{}", {"fillings": "00123"}, "different fillings"),
        ("{}{}{}", {"fillings": ["1", "11", "2"]}, "different lengths"),
    ],
)
def test_what_cannot_be_drawn_is_refused(template: str, kwargs: dict[str, object], message: str) -> None:
    """Slots are plain, fillings tell texts apart, and there are many more texts than canaries."""
    with pytest.raises(UsageError, match=message):
        draw(template, seed=1, **kwargs)  # type: ignore[arg-type]  # keywords by name


def test_words_of_any_length_may_stand_apart() -> None:
    """Names between words cannot run into each other."""
    names = [f"name{i}" for i in range(100)]
    canaries = draw("{} loves {}", seed=1, planted=3, held_out=3, fillings=names)

    assert 10_000 == canaries.space
    assert all(text.split(" loves ")[0] in names for text in canaries.planted)
