from __future__ import annotations

from collections.abc import Callable
from typing import Any

from governance.privacy.measurement import NotRun
from governance.privacy.memorisation.assessing import assess_text
from governance.privacy.memorisation.canaries import draw
from governance.privacy.memorisation.language import as_generator

COMPLETIONS = ("prefix-completion", "near-completion")


def test_everything_that_can_run_runs(
    ngrams: Callable[..., Any], sentences: Callable[[int, int], list[str]]
) -> None:
    """A model that scores and writes meets all attacks; each says what the other lacks."""
    members, others = sentences(40, 1), sentences(40, 2)
    canaries = draw("my PIN is {} {} {}", seed=3, planted=5, held_out=5)
    model = ngrams([*members, *canaries.lines], order=4)
    texts = {"members": members, "non_members": others}
    generator = as_generator(model)

    for given, expected, lacking in (
        ({"scorer": model.score, "generator": generator, "canaries": canaries} | texts, 3, set()),
        ({"generator": generator, "canaries": canaries} | texts, 2, {"the model tells no likelihoods"}),
        ({"generator": generator} | texts, 2, {"no canaries were planted"}),
        ({"scorer": model.score, "canaries": canaries} | texts, 1, {"the model writes no text"}),
        (
            {"generator": generator},
            0,
            {"no canaries were planted", "members or non-members were not given"},
        ),
    ):
        outcomes, not_run = assess_text(seed=4, **given)
        assert expected == len(outcomes)
        assert lacking == {one.reason for one in not_run}
        assert {"canary-exposure", *COMPLETIONS} == {one.attack for one in outcomes} | {
            one.what for one in not_run
        }


def test_arguments_reach_the_attacks(
    ngrams: Callable[..., Any], sentences: Callable[[int, int], list[str]]
) -> None:
    """Confidence, seed and the lengths of a completion are those asked for."""
    members, others = sentences(30, 5), sentences(30, 6)
    outcomes, not_run = assess_text(
        generator=as_generator(ngrams(members)),
        members=members,
        non_members=others,
        seed=7,
        confidence=0.9,
        prefix=4,
        suffix=3,
    )

    assert [(7, 0.9, 4, 3)] * 2 == [
        (one.seed, one.confidence, one.details["prefix"], one.details["suffix"]) for one in outcomes
    ]
    assert (NotRun("canary-exposure", "no canaries were planted"),) == not_run
