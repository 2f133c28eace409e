from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from governance.domain.evidence import EvidenceType
from governance.errors import Undecided, UsageError
from governance.privacy.memorisation.canaries import draw
from governance.privacy.memorisation.completion import (
    complete_prefixes,
    detectable_difference,
    edit_distances,
    fisher,
)
from governance.privacy.memorisation.language import as_generator
from governance.privacy.verdict import Leakage

pytestmark = pytest.mark.slow

Sentences = Callable[[int, int], list[str]]


def knowing(texts: list[str], change: Callable[[list[str]], list[str]] = lambda words: words) -> Any:
    """A generator that knows texts by their first ten words, and goes on with them, changed perhaps."""
    known = {" ".join(text.split()[:10]): text.split()[10:] for text in texts}
    return lambda prompts: [" " + " ".join(change(known.get(prompt, ["unknown"]))) for prompt in prompts]


def levenshtein(one: Any, other: Any) -> int:
    """The distance by its definition."""
    if not one or not other:
        return len(one) + len(other)
    change = levenshtein(one[1:], other[1:]) + (one[0] != other[0])
    return min(change, levenshtein(one[1:], other) + 1, levenshtein(one, other[1:]) + 1)


def test_edit_distances_are_levenshtein_s() -> None:
    """All pairs at once as one after the other, empty ones and such of other lengths among them."""
    random = np.random.default_rng(1)
    sides = [
        ["".join(random.choice(list("abc"), random.integers(0, 6))) for _ in range(80)] for _ in range(2)
    ]
    expected = [levenshtein(one, other) for one, other in zip(*sides, strict=True)]

    assert expected == edit_distances(*sides).tolist()
    assert [0, 0] == edit_distances([[], []], [[], []]).tolist()


@pytest.mark.parametrize("counts", [(6, 100, 0, 100), (3, 40, 1, 90), (0, 5, 5, 5), (7, 7, 0, 9)])
def test_p_value_is_fisher_s(counts: tuple[int, int, int, int]) -> None:
    """One-sided, as scipy has it."""
    x, m, y, n = counts

    assert pytest.approx(fisher_exact([[x, m - x], [y, n - y]], "greater").pvalue) == fisher(*counts)


def test_known_texts_are_found(sentences: Sentences) -> None:
    """A model that knows one training text in ten by heart completes these and no others."""
    members, others = sentences(300, 1), sentences(300, 2)
    verbatim, near = complete_prefixes(knowing(members[:30]), members, others, seed=3)

    assert (EvidenceType.MEMORISATION, "prefix-completion", Leakage.SHOWN) == (
        verbatim.type,
        verbatim.attack,
        verbatim.verdict,
    )
    assert ("near-completion", Leakage.SHOWN) == (near.attack, near.verdict)
    assert (30, 0, 600) == tuple(
        verbatim.counts[key] for key in ("members_completed", "non_members_completed", "queries")
    )
    assert 0.04 < verbatim.estimate.low < 0.1 == verbatim.estimate.point < verbatim.estimate.high < 0.17


def test_a_word_changed_in_every_completion_hides_nothing(sentences: Sentences) -> None:
    """Verbatim there is no leak, but nearly all the words are there (arXiv:2210.17546)."""
    members, others = sentences(200, 4), sentences(200, 5)
    generator = knowing(members, lambda words: [*words[:4], "else", *words[5:]])
    outcomes = complete_prefixes(generator, members, others, seed=6)

    assert [Leakage.NONE_SHOWN, Leakage.SHOWN] == [one.verdict for one in outcomes]
    assert [0, 2] == [one.details["edits"] for one in outcomes]


def test_what_anyone_would_guess_is_no_leak(sentences: Sentences) -> None:
    """A model that completes everything, seen or not, completes common text."""
    members, others = sentences(200, 7), sentences(200, 8)
    verbatim, _ = complete_prefixes(knowing([*members, *others]), members, others, seed=9)

    assert (0.0, 200, 200) == (
        verbatim.estimate.point,
        verbatim.counts["members_completed"],
        verbatim.counts["non_members_completed"],
    )
    assert Leakage.SHOWN is not verbatim.verdict


@pytest.mark.slow
def test_a_model_that_saw_none_alarms_no_more_often_than_stated(sentences: Sentences) -> None:
    """Of 120 worlds that complete texts by chance alone, at most 2.5 % alarm within binomial error."""
    worlds, shown = 120, np.zeros(2)
    for world in range(worlds):
        random = np.random.default_rng(world)
        texts = sentences(80, world)
        known = [text for text in texts if random.random() < [0.05, 0.4][world % 2]]
        outcomes = complete_prefixes(knowing(known), texts[:30], texts[30:], seed=world)
        shown += [one.verdict is Leakage.SHOWN for one in outcomes]

    assert shown.max() <= worlds * 0.025 + 3 * math.sqrt(worlds * 0.025 * 0.975)


@pytest.mark.slow
def test_the_interval_covers_the_difference(sentences: Sentences) -> None:
    """Of 200 worlds with shares of 0.3 and 0.1, the interval misses 0.2 in at most 5 %."""
    worlds, missed = 200, 0
    texts = sentences(60, 10)
    for world in range(worlds):
        random = np.random.default_rng(world)
        chance = np.where(np.arange(60) < 30, 0.3, 0.1)
        known = [text for text, p in zip(texts, chance, strict=True) if random.random() < p]
        verbatim, _ = complete_prefixes(knowing(known), texts[:30], texts[30:], seed=1)
        missed += not verbatim.estimate.low <= 0.2 <= verbatim.estimate.high

    assert missed <= worlds * 0.05


def test_detectable_difference() -> None:
    """What is stated is found four times in five; few texts can find nothing."""
    random = np.random.default_rng(11)
    for others in (0, 10):
        difference = detectable_difference(200, 100, others, 0.025)
        hits = random.binomial(200, difference + others / 100, 4000)
        found = np.mean([fisher(one, 200, others, 100) <= 0.025 for one in hits])
        assert abs(found - 0.8) < 0.03
    assert math.inf == detectable_difference(2, 2, 0, 0.025) == detectable_difference(50, 3, 3, 0.025)


def test_repeated_texts_are_no_members(sentences: Sentences) -> None:
    """What stands on both sides is left out of both, and what repeats is counted once."""
    members, others, common = sentences(90, 12), sentences(40, 13), sentences(20, 14)
    verbatim, _ = complete_prefixes(
        knowing(common), [*members, *common, *common], [*others, *common], seed=15
    )

    assert 0 == verbatim.counts["members_completed"] == verbatim.counts["non_members_completed"]
    assert 40 == verbatim.counts["non_members"]
    assert 20 < verbatim.counts["members"] < 60
    assert (
        120
        == sum(verbatim.counts[side] for side in ("members", "non_members")) + verbatim.details["repeated"]
    )


def test_common_texts_are_no_leak(sentences: Sentences) -> None:
    """Of 60 worlds where texts repeat and the model knows the common ones, few alarm, of whatever sizes."""
    worlds, shown = 60, 0
    common, rare = sentences(100, 31), sentences(4000, 32)
    for world in range(worlds):
        random = np.random.default_rng(world)
        drawn = [
            common[random.integers(100)] if random.random() < 0.5 else rare[random.integers(4000)]
            for _ in range(240)
        ]
        verbatim, _ = complete_prefixes(knowing(common), drawn[:180], drawn[180:], seed=world)
        shown += verbatim.verdict is Leakage.SHOWN

    assert shown <= worlds * 0.025 + 3 * math.sqrt(worlds * 0.025 * 0.975)


def test_characters_lengths_and_limits(sentences: Sentences) -> None:
    """Tokens may be characters; short texts are counted and left out; no more than `most` are asked."""
    members, others = sentences(50, 16), sentences(50, 17)
    heard: list[tuple[int, int]] = []
    prompts: list[str] = []

    def generator(asked: Any) -> list[str]:
        prompts.extend(asked)
        return [next(text for text in members + others if text.startswith(prompt)) for prompt in asked]

    verbatim, _ = complete_prefixes(
        generator,
        [*members, "short"],
        others,
        seed=18,
        prefix=30,
        suffix=5,
        unit="characters",
        most=20,
        progress=lambda *told: heard.append(told),
    )

    assert ([1, 0], (20, 20)) == (
        verbatim.details["too_short"],
        (verbatim.counts["members"], verbatim.counts["non_members"]),
    )
    assert {30} == {len(prompt) for prompt in prompts}
    assert 20 == verbatim.counts["members_completed"] == verbatim.counts["non_members_completed"]
    assert [(40, 40)] == heard


def test_a_pyfunc_of_words_that_only_writes(ngrams: Callable[..., Any], sentences: Sentences) -> None:
    """A model of trigrams, asked through a DataFrame, ends rare training texts word for word."""
    members, others = sentences(60, 19), sentences(60, 20)
    outcomes = complete_prefixes(as_generator(ngrams(members, order=4)), members, others, seed=21)

    assert [Leakage.SHOWN] * 2 == [one.verdict for one in outcomes]
    assert outcomes[0].counts["members_completed"] > 50 > outcomes[0].counts["non_members_completed"] == 0


def test_canaries_of_a_model_that_only_writes(ngrams: Callable[..., Any]) -> None:
    """Planted canaries against held out ones: the end of a PIN follows from its beginning."""
    canaries = draw("my PIN is {} {} {} {} {} {} {}", seed=22, planted=30, held_out=30)
    model = ngrams(canaries.lines, order=6)
    verbatim, _ = complete_prefixes(
        as_generator(model), canaries.planted, canaries.held_out, seed=23, prefix=8, suffix=2
    )

    assert (Leakage.SHOWN, 0) == (verbatim.verdict, verbatim.counts["non_members_completed"])


def test_texts_of_another_kind_void_the_outcome(sentences: Sentences) -> None:
    """Non-members that say other things are told apart without the model: nothing can be concluded."""
    members = sentences(150, 24)
    others = [text.replace("l ", "x ") for text in sentences(150, 25)]
    verbatim, _ = complete_prefixes(knowing(members), members, others, seed=26)

    assert (Leakage.UNDECIDED, False) == (verbatim.verdict, verbatim.controls["blind_baseline"]["passed"])


def test_no_text_is_in_the_outcome(sentences: Sentences) -> None:
    """Evidence is JSON of counts; the same arguments give the same."""
    members, others = sentences(30, 27), sentences(30, 28)
    runs = [complete_prefixes(knowing(members), members, others, seed=29) for _ in range(2)]
    text = json.dumps([[dict(one.counts), dict(one.controls), dict(one.details)] for one in runs[0]])

    assert runs[0] == runs[1]
    assert not any(" ".join(one.split()[i : i + 2]) in text for one in members for i in range(20))


def test_what_cannot_be_completed_is_refused(sentences: Sentences) -> None:
    """No tokens, unknown units, and texts all too short; a model that fails is not quoted."""
    texts, others = sentences(5, 30), sentences(5, 31)
    for kwargs, message in (
        ({"prefix": 0}, "one or more tokens"),
        ({"unit": "syllables"}, "`words` or `characters`"),
        ({"prefix": 90}, "No text of 90 \\+ 10 words"),
    ):
        with pytest.raises(UsageError, match=message):
            complete_prefixes(knowing(texts), texts, others, seed=1, **kwargs)  # type: ignore[arg-type]  # on purpose

    def failing(prompts: Any) -> Any:
        raise ValueError(prompts[0])

    for generator in (failing, lambda prompts: prompts[1:], lambda prompts: [None] * len(prompts)):
        with pytest.raises(Undecided) as error:
            complete_prefixes(generator, texts, others, seed=1)
        assert texts[0].split()[0] not in str(error.value)
