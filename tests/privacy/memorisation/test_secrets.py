from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from governance.domain.evidence import EvidenceType
from governance.errors import Undecided, UsageError
from governance.privacy.memorisation.canaries import Canaries, draw
from governance.privacy.memorisation.secrets import benjamini_hochberg, expose_canaries, holm
from governance.privacy.outcome import Outcome
from governance.privacy.verdict import Leakage

pytestmark = pytest.mark.slow


def pins(seed: int = 1, **kwargs: Any) -> Canaries:
    """Four digits of which each text is a word, for a model of words."""
    return draw("my PIN is {} {} {}", seed=seed, **{"planted": 8, "held_out": 8} | kwargs)


def scores(seed: int, known: dict[str, float] | None = None, levels: int | None = None) -> Any:
    """A scorer of chance, which likes the texts it knows so much better."""

    def score(texts: Any) -> Any:
        random = [np.random.default_rng([seed, *text.encode()]).normal() for text in texts]
        rounded = np.floor(np.array(random) * levels / 4) if levels else np.array(random)
        return rounded + [(known or {}).get(text, 0.0) for text in texts]

    return score


def test_planted_canaries_are_found(ngrams: Callable[..., Any], sentences: Callable[..., list[str]]) -> None:
    """A model of words knows every planted PIN and none that was held out."""
    canaries = pins()
    model = ngrams([*sentences(200, 2), *canaries.lines], order=6)
    outcome = expose_canaries(model.score, canaries, seed=3, commitment=canaries.commitment)

    assert (EvidenceType.MEMORISATION, "canary-exposure", Leakage.SHOWN) == (
        outcome.type,
        outcome.attack,
        outcome.verdict,
    )
    assert (8, 8, 1000) == tuple(outcome.counts[key] for key in ("planted", "found", "queries"))
    assert pytest.approx(math.log2(993)) == outcome.estimate.point == outcome.estimate.high
    assert outcome.estimate.low > outcome.null
    assert (0, True) == tuple(outcome.controls["held_out"][key] for key in ("found", "passed"))
    assert outcome.controls["commitment"] is outcome.details["enumerated"] is True


def test_canaries_that_were_not_planted_are_not_found(
    ngrams: Callable[..., Any], sentences: Callable[..., list[str]]
) -> None:
    """The same model without them in its training text shows nothing."""
    outcome = expose_canaries(ngrams(sentences(200, 2), order=6).score, pins(), seed=3)

    assert Leakage.SHOWN is not outcome.verdict
    assert (0, 0.0) == (outcome.counts["found"], outcome.estimate.point)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [None, 1, 6])
def test_a_model_that_saw_none_alarms_no_more_often_than_stated(levels: int | None) -> None:
    """Of 100 worlds in which no canary was planted, at most 2.5 % alarm within binomial error."""
    worlds, shown = 100, 0
    table = {
        text: float(value)
        for text, value in zip(
            pins().texts(range(1000)), np.random.default_rng(4).normal(size=1000), strict=True
        )
    }

    def score(texts: Any) -> Any:
        values = np.array([table[text] for text in texts])
        return np.floor(values * levels / 4) if levels else values

    for world in range(worlds):
        canaries = pins(world)
        outcome = expose_canaries(score, canaries, seed=world, candidates=[200, 2000][world % 2])
        shown += outcome.verdict is Leakage.SHOWN

    assert shown <= worlds * 0.025 + 3 * math.sqrt(worlds * 0.025 * 0.975)


def test_one_known_canary_of_many_is_a_leak() -> None:
    """Seven that were not learned do not hide the one that was."""
    canaries = pins()
    outcome = expose_canaries(scores(5, {canaries.planted[0]: 50.0}), canaries, seed=6)

    assert (Leakage.SHOWN, 1) == (outcome.verdict, outcome.counts["found"])


def test_all_a_little_is_a_leak() -> None:
    """Where no canary alone stands out, all of them together do."""
    canaries = pins(planted=40)
    outcome = expose_canaries(scores(7, dict.fromkeys(canaries.planted, 0.8)), canaries, seed=8)

    assert (Leakage.SHOWN, 0) == (outcome.verdict, outcome.counts["found"])
    assert outcome.details["p_value"] <= outcome.details["alarm_level"]


def test_held_out_canaries_that_were_planted_void_the_outcome() -> None:
    """If what was never to be planted is known as well, nothing is what it was committed to be."""
    canaries = pins()
    outcome = expose_canaries(
        scores(9, dict.fromkeys([*canaries.planted, *canaries.held_out], 9.0)), canaries, seed=10
    )

    assert (Leakage.UNDECIDED, False) == (outcome.verdict, outcome.controls["held_out"]["passed"])


def test_silence_counts_when_enough_were_planted() -> None:
    """Forty PINs suffice to say that none is shown, six do not."""
    seen: list[Outcome] = [
        expose_canaries(scores(11), draw("{}{}{}{}", seed=12, planted=n, held_out=5), seed=13)
        for n in (60, 6)
    ]

    assert [Leakage.NONE_SHOWN, Leakage.UNDECIDED] == [one.verdict for one in seen]
    assert seen[0].detectable <= seen[0].details["bits"] / 2 < seen[1].detectable


@pytest.mark.slow
def test_power_is_at_least_what_is_stated() -> None:
    """Canaries of the detectable mean exposure, all of which sits in a few, are found four times in five."""
    canaries, found, worlds = pins(planted=12), 0, 40
    texts = canaries.texts(range(1000))
    chance = dict(zip(texts, scores(0)(texts).tolist(), strict=True))
    share = expose_canaries(scores(0), canaries, seed=1).detectable / math.log2(989)
    for world in range(worlds):
        known = np.array(canaries.planted)[np.random.default_rng(world).random(12) < share].tolist()
        table = chance | dict.fromkeys(known, 99.0)
        outcome = expose_canaries(
            lambda asked, table=table: [table[text] for text in asked], canaries, seed=1
        )
        found += outcome.verdict is Leakage.SHOWN

    assert found >= worlds * 0.8 - 3 * math.sqrt(worlds * 0.16)


def test_a_large_format_is_sampled_and_extrapolated() -> None:
    """Of 10^16 card numbers 500 are asked about; the whole format is spoken of in intervals and by a fit."""
    canaries = draw("card " + "{}" * 16, seed=14, planted=5, held_out=5)
    outcome = expose_canaries(scores(15, {canaries.planted[0]: 30.0}), canaries, seed=16, candidates=500)
    whole, fitted = outcome.details["whole_format"], outcome.details["skew_normal"]

    assert (False, pytest.approx(16 * math.log2(10)), 505, pytest.approx(math.log2(506))) == (
        outcome.details["enumerated"],
        outcome.details["format_bits"],
        outcome.counts["candidates"],
        outcome.details["bits"],
    )
    assert pytest.approx(math.log2(10.0**16)) == whole[0]["high"] == fitted["exposures"][0]
    assert whole[0]["low"] < 9 < whole[0]["point"]
    assert fitted["distance"] < 0.06


def test_no_canary_is_in_the_outcome() -> None:
    """Evidence is JSON of numbers; the same arguments give the same."""
    canaries = pins()
    heard: list[tuple[int, int]] = []
    outcomes = [
        expose_canaries(scores(17), canaries, seed=18, progress=lambda *told: heard.append(told))
        for _ in range(2)
    ]
    text = json.dumps(
        [dict(part) for part in (outcomes[0].counts, outcomes[0].controls, outcomes[0].details)]
    )

    assert outcomes[0] == outcomes[1]
    assert (1000, 1000) == heard[-1]
    assert not any(secret in text for secret in (*canaries.planted, *canaries.held_out))


def test_other_canaries_than_committed_to_are_refused() -> None:
    """What is measured is what was drawn before training."""
    with pytest.raises(UsageError, match="not the ones that were committed to"):
        expose_canaries(scores(1), pins(2), seed=1, commitment=pins(1).commitment)


def test_answers_that_are_no_likelihoods_are_undecided() -> None:
    """NaN, another number of answers, and an exception end without quoting a text."""

    def failing(texts: Any) -> Any:
        raise ValueError(texts[0])

    for scorer in (lambda texts: [math.nan] * len(texts), lambda texts: [0.0] * (len(texts) - 1), failing):
        with pytest.raises(Undecided) as error:
            expose_canaries(scorer, pins(), seed=1)
        assert "PIN" not in str(error.value)


def test_multiplicity() -> None:
    """Holm stops at the first that fails, Benjamini and Hochberg count back from the last that holds."""
    p = np.array([0.2, 0.001, 0.03, 0.02, 0.9])

    assert [1, 0, 5] == [holm(p, 0.05), holm(p, 0.001), holm(np.zeros(5), 0.05)]
    assert [3, 0, 5] == [benjamini_hochberg(p, share) for share in (0.05, 0.001, 0.9)]


def test_a_scorer_that_ranks_nothing_earns_no_silence() -> None:
    """One likelihood for every text is no sign that nothing was learned by heart: undecided."""
    found = expose_canaries(lambda texts: [0.0] * len(texts), draw("my PIN is {}{}{}{}", seed=7), seed=0)

    assert Leakage.UNDECIDED is found.verdict
    assert found.detectable >= found.null
