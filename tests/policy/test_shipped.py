"""Laws of the shipped policies over generated labels, evidence and verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.domain.approval import Approval, Verdict
from governance.domain.decision import Decision, Outcome
from governance.domain.dossier import Asking, Dossier
from governance.domain.evidence import EvidenceType
from governance.domain.label import (
    EVERYTHING,
    TOP,
    Confidentiality,
    Consent,
    Contribution,
    Identifiability,
    Label,
    LegalBasis,
    at_most,
)
from governance.domain.lineage import Gap, Lineage
from governance.policy.document import Policy
from governance.policy.evaluate import evaluate
from governance.policy.parse import load

pytestmark = pytest.mark.slow

SHIPPED = ("baseline", "gdpr", "health")

names = st.sampled_from(["visits", "beds", "weather"])


def sets(*words: str) -> st.SearchStrategy[frozenset[str]]:
    """Some of these words, none, or everything."""
    return st.one_of(st.frozensets(st.sampled_from(words)), st.just(EVERYTHING))


labels = st.builds(
    Label,
    confidentiality=st.sampled_from(Confidentiality),
    identifiability=st.sampled_from(Identifiability),
    special_categories=sets("health", "financial"),
    subject_categories=sets("customer", "child"),
    purposes=sets("care", "sales"),
    regions=sets("eu", "us"),
    retention=st.sampled_from([date.min, date(2026, 2, 1), date(2030, 1, 1), date.max]),
    consent=st.sampled_from(Consent),
    legal_basis=st.sampled_from(LegalBasis),
    provenance=st.just(frozenset()),
)
lenient = st.builds(
    Label,
    confidentiality=st.sampled_from(Confidentiality),
    identifiability=st.sampled_from(Identifiability),
    special_categories=sets("health"),
    subject_categories=sets("customer", "child"),
    purposes=st.just(EVERYTHING),
    regions=st.just(EVERYTHING),
    retention=st.just(date.max),
    consent=st.just(Consent.VALID),
    legal_basis=st.just(LegalBasis.DOCUMENTED),
    provenance=st.just(frozenset()),
)
"""Labels under which a promotion can succeed, so that the laws are not about denials only."""


def contributions(of: st.SearchStrategy[Label]) -> st.SearchStrategy[Contribution]:
    """A labelled dataset, its provenance itself."""
    return st.builds(
        lambda name, label: Contribution(
            f"{name}@{'a' * 64}", replace(label, provenance=frozenset({f"{name}@{'a' * 64}"})), "run r1"
        ),
        names,
        of,
    )


known = contributions(st.one_of(labels, lenient))
harmless = contributions(lenient)
unknown = st.builds(Contribution, st.just("dataset 'lost'"), st.just(TOP), st.just("not catalogued"))

json = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(-2, 2) | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=8,
)


@st.composite
def evidences(draw: Any, cases: Any) -> dict[str, Any]:
    """Good, bad, doubtful and malformed evidence, as the builder of dossiers takes it."""
    measured = [
        cases.measured(
            draw(st.sampled_from([0.011, 0.018, 0.04, 0.3])),
            auc=draw(st.sampled_from([0.54, 0.59, 0.8])),
            n=draw(st.sampled_from([500, 4_000])),
            verdict=draw(st.sampled_from(["leak shown", "none shown", "undecided"])),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    malformed = [
        cases.evidence(body)
        for body in draw(st.lists(st.dictionaries(st.text(max_size=5), json), max_size=1))
    ]
    protected = [
        cases.protected(
            draw(st.sampled_from([0.5, 2.9, 8.0, float("inf"), float("nan")])),
            unknown=draw(st.sampled_from(["", "", "no accountant"])),
            datasets=tuple(draw(st.lists(names, unique=True))),
            key=draw(st.sampled_from(["k1", "k2"])),
            n_units=draw(st.sampled_from([100, 8_000, 10**6])),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    accounts = [
        cases.account(draw(st.sampled_from([1.0, 5.0])), draw(names)) for _ in range(draw(st.integers(0, 1)))
    ]
    return {"evidence": [*measured, *malformed], "protected": protected, "accounts": accounts}


verdicts = st.lists(
    st.tuples(
        st.sampled_from(["pia", "paul", "dora", "eve", "rob", "ada"]),
        st.sampled_from(["privacy_reviewer", "dpo", "nobody"]),
        st.sampled_from([Verdict.APPROVED, Verdict.APPROVED, Verdict.REJECTED]),
    ),
    max_size=5,
)
everybody = [("pia", "privacy_reviewer", Verdict.APPROVED), ("dora", "dpo", Verdict.APPROVED)]


def with_verdicts(cases: Any, policy: Policy, dossier: Dossier, said: Any) -> Dossier:
    """The dossier with these verdicts, each on the present ground."""
    ground = dossier.ground("production", policy.digest)
    given_ = [Approval(ground, role, by, cases.now, verdict, "said so") for by, role, verdict in said]
    return replace(dossier, approvals=tuple(given_))


def judged(cases: Any, policy: Policy, dossier: Dossier, actor: str | None = "ada") -> Decision:
    """The decision on the way to `production`."""
    return evaluate(policy, policy.target("production"), dossier, Asking(actor, cases.now), "alias @champion")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_have_no_mistakes(name: str) -> None:
    """They parse; that nobody holds a role is the only warning."""
    policy = load(name)

    assert name == policy.name
    assert [] == [str(w) for w in policy.warnings if "and nobody does" not in w.message]


@pytest.mark.parametrize("name", SHIPPED)
def test_staffed_policies_have_no_warnings(cases: Any, name: str) -> None:
    """Naming people is all that a shipped policy lacks."""
    assert () == cases.staffed(name).warnings


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_evaluate_is_total(cases: Any, data: Any) -> None:
    """Whatever is known, there is a decision with a finding, and the same one again."""
    policy = cases.staffed(data.draw(st.sampled_from(SHIPPED)))
    dossier = cases.dossier(*data.draw(st.lists(known | unknown, max_size=3)), **data.draw(evidences(cases)))
    dossier = with_verdicts(cases, policy, dossier, data.draw(verdicts))
    actor = data.draw(st.sampled_from([None, "", "ada", "pia"]))

    decision = judged(cases, policy, dossier, actor)

    assert decision.findings
    assert decision == judged(cases, policy, dossier, actor)
    assert decision == Decision.from_record(decision.record())


@settings(deadline=None)
@given(data=st.data())
def test_unknown_lineage_is_never_allowed(cases: Any, data: Any) -> None:
    """A gap, an unknown contribution, or nothing known at all denies, whatever else is there."""
    policy = cases.staffed(data.draw(st.sampled_from(SHIPPED)))
    gap = data.draw(st.sampled_from(["gap", "contribution", "nothing"]))
    parts = [] if gap == "nothing" else data.draw(st.lists(known, max_size=2))
    parts += [data.draw(unknown)] if gap == "contribution" else []
    lineage = Lineage(gaps=(Gap("its origin", "unread", "Read it."),)) if gap == "gap" else None
    dossier = cases.dossier(*parts, lineage=lineage, **data.draw(evidences(cases)))
    dossier = with_verdicts(cases, policy, dossier, everybody)

    assert Outcome.DENIED is judged(cases, policy, dossier).outcome


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_more_sensitive_data_never_open_a_door(cases: Any, data: Any) -> None:
    """Adding data raises the label, and what was not allowed stays so, for the same evidence and verdicts.

    The verdicts are renewed on each ground: an approval holds for one label only, see below.
    """
    policy = cases.staffed(data.draw(st.sampled_from(SHIPPED)))
    some_data = st.one_of(harmless, harmless, known, unknown)
    parts = data.draw(st.lists(some_data, min_size=1, max_size=2))
    more = data.draw(st.lists(some_data, max_size=2))
    facts, said = data.draw(evidences(cases)), data.draw(st.one_of(verdicts, st.just(everybody)))
    low, high = (
        with_verdicts(cases, policy, cases.dossier(*some, **facts), said) for some in (parts, parts + more)
    )

    assert at_most(low.inheritance.effective, high.inheritance.effective)
    before, after = judged(cases, policy, low).outcome, judged(cases, policy, high).outcome
    assert not (before is not Outcome.ALLOWED and after is Outcome.ALLOWED)


@settings(deadline=None)
@given(data=st.data())
def test_approvals_of_the_lower_label_do_not_open_the_higher(cases: Any, data: Any) -> None:
    """With no verdict renewed, what is allowed for the higher label was allowed for the lower."""
    policy = cases.staffed(data.draw(st.sampled_from(SHIPPED)))
    part = data.draw(harmless)
    more = data.draw(harmless)
    facts = data.draw(evidences(cases))
    low = with_verdicts(cases, policy, cases.dossier(part, **facts), everybody)
    high = replace(low, inheritance=cases.dossier(part, more).inheritance)

    if Outcome.ALLOWED is judged(cases, policy, high).outcome:
        assert Outcome.ALLOWED is judged(cases, policy, low).outcome


def test_an_approval_of_the_higher_label_is_not_one_of_the_lower(cases: Any) -> None:
    """The one way in which a higher label passes and a lower does not: the verdict was on the higher one.

    So the law above cannot hold for approvals that stay on their ground; that is what a ground is for.
    """
    policy = cases.staffed("baseline")
    low = cases.dossier(cases.contribution(), evidence=[cases.measured()])
    high = cases.dossier(
        cases.contribution(confidentiality=Confidentiality.RESTRICTED), evidence=[cases.measured()]
    )
    high = cases.approved(policy, high, privacy_reviewer="pia")
    low = replace(low, approvals=high.approvals)

    expected = (Outcome.DENIED, Outcome.ALLOWED)
    assert expected == (judged(cases, policy, low).outcome, judged(cases, policy, high).outcome)


@settings(deadline=None)
@given(data=st.data())
def test_more_evidence_of_leaks_never_opens_a_door(cases: Any, data: Any) -> None:
    """What one measurement has shown, another does not take back."""
    policy = cases.staffed(data.draw(st.sampled_from(SHIPPED)))
    leak = cases.measured(0.3, auc=0.9, verdict="leak shown")
    part = data.draw(harmless.filter(lambda c: c.label.identifiability >= Identifiability.PSEUDONYMISED))
    facts = data.draw(evidences(cases))
    facts["evidence"] = [leak, *facts["evidence"]]
    dossier = with_verdicts(cases, policy, cases.dossier(part, **facts), everybody)

    assert Outcome.DENIED is judged(cases, policy, dossier).outcome


def test_the_laws_are_not_about_denials_only(cases: Any) -> None:
    """The generated cases reach an allowance under every shipped policy."""
    outcomes = []
    for name in SHIPPED:
        policy = cases.staffed(name)
        dossier = cases.dossier(
            cases.contribution(special_categories=frozenset({"health"})),
            evidence=[cases.measured(0.011)],
            protected=[cases.protected(0.5)],
        )
        outcomes.append(judged(cases, policy, with_verdicts(cases, policy, dossier, everybody)).outcome)

    assert [Outcome.ALLOWED] * 3 == outcomes


def test_evidence_of_another_kind_is_no_measurement(cases: Any) -> None:
    """Membership numbers under another type's name do not count."""
    policy = cases.staffed("baseline")
    other = replace(cases.measured(), type=EvidenceType.ATTRIBUTE_INFERENCE)
    dossier = with_verdicts(cases, policy, cases.dossier(cases.contribution(), evidence=[other]), everybody)

    assert Outcome.DENIED is judged(cases, policy, dossier).outcome
