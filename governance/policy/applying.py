"""Which rules look at a label on its way to a target, and which of their conditions do not hold."""

from __future__ import annotations

from dataclasses import dataclass

from governance.domain.label import EVERYTHING, Label, Ordered
from governance.policy.document import CHAINS, SETS, CheckUse, Policy, Range, Rule, Target, When


def explain(policy: Policy, target: Target, label: Label) -> tuple[tuple[Rule, tuple[CheckUse, ...]], ...]:
    """The rules that look at a label on its way to a target, in the policy's order, with their checks."""
    return tuple((r.rule, r.rule.checks) for r in readings(policy, target, label) if r.applies)


@dataclass(frozen=True, slots=True)
class RuleReading:
    """Whether a rule looks at a label, and if not, every condition that does not hold."""

    rule: Rule
    unmet: tuple[str, ...]

    @property
    def applies(self) -> bool:
        """Whether the rule's checks would run."""
        return not self.unmet


def readings(policy: Policy, target: Target, label: Label) -> tuple[RuleReading, ...]:
    """For every rule of the policy, whether it looks at this label on its way to this target."""
    return tuple(
        RuleReading(
            rule,
            unmet(rule.when, label)
            if rule.concerns(target.name)
            else (f"it is not for target {target.name}",),
        )
        for rule in policy.rules
    )


def unmet(when: When, label: Label) -> tuple[str, ...]:
    """The conditions that a label does not meet, in words."""
    missed = []
    for dimension in CHAINS:
        wanted: Range | None = getattr(when, dimension)
        value: Ordered = getattr(label, dimension)
        if wanted is not None and value not in wanted:
            missed.append(f"{dimension} is {value.word}, not {_range(wanted)}")
    for dimension in SETS:
        words: frozenset[str] | None = getattr(when, dimension)
        present: frozenset[str] = getattr(label, dimension)
        if words is not None and not _overlap(words, present):
            wanted_words = "any" if words == EVERYTHING else f"any of {', '.join(sorted(words))}"
            missed.append(f"{dimension} are {', '.join(sorted(present)) or 'none'}, not {wanted_words}")
    for flag, holds in (("vulnerable", label.vulnerable), ("unknown", label.provenance >= EVERYTHING)):
        if getattr(when, flag) not in (None, holds):
            missed.append(f"{flag} is {str(holds).lower()}")
    return tuple(missed)


def _overlap(wanted: frozenset[str], present: frozenset[str]) -> bool:
    """Whether two sets meet, where `EVERYTHING` meets all but the empty set."""
    if EVERYTHING in (wanted, present):
        return bool(wanted and present)
    return bool(wanted & present)


def _range(wanted: Range) -> str:
    return " and ".join(f"{key.replace('_', ' ')} {word}" for key, word in wanted.to_json().items())
