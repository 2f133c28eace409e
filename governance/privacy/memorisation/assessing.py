"""Every attack on memorised text that a model and the texts at hand allow, and why the others did not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from governance.privacy.measurement import NotRun
from governance.privacy.memorisation.canaries import Canaries
from governance.privacy.memorisation.completion import complete_prefixes
from governance.privacy.memorisation.language import Generator, Scorer
from governance.privacy.memorisation.secrets import expose_canaries
from governance.privacy.outcome import Outcome


def assess_text(
    *,
    scorer: Scorer | None = None,
    generator: Generator | None = None,
    canaries: Canaries | None = None,
    members: Sequence[str] | None = None,
    non_members: Sequence[str] | None = None,
    seed: int,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    commitment: str | None = None,
    **completion: Any,
) -> tuple[tuple[Outcome, ...], tuple[NotRun, ...]]:
    """Run what can be run; `completion` goes to `completion.complete_prefixes`.

    Args:
        scorer: Texts to log-likelihoods, if the model tells them.
        generator: Prompts to completions, if the model writes text.
        canaries: As drawn before training, if any were planted.
        members: Training texts.
        non_members: Texts of the same kind that the model never saw.
        seed: Same arguments, same outcomes.
        confidence: Of each interval.
        progress: Is told finished and all of the attack that runs.
        commitment: To the canaries, as published before training.
    """
    outcomes: list[Outcome] = []
    not_run: list[NotRun] = []
    if canaries is not None and scorer is not None:
        outcomes.append(
            expose_canaries(
                scorer,
                canaries,
                seed=seed,
                confidence=confidence,
                progress=progress,
                commitment=commitment,
            )
        )
    else:
        lacking = "no canaries were planted" if canaries is None else "the model tells no likelihoods"
        not_run.append(NotRun("canary-exposure", lacking))
    if generator is not None and members and non_members:
        outcomes += complete_prefixes(
            generator,
            members,
            non_members,
            seed=seed,
            confidence=confidence,
            progress=progress,
            **completion,
        )
    else:
        lacking = "the model writes no text" if generator is None else "members or non-members were not given"
        not_run += [NotRun(attack, lacking) for attack in ("prefix-completion", "near-completion")]
    return tuple(outcomes), tuple(not_run)
