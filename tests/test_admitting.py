"""Access by label: who may see, load and download a version, and in which region it may be held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from governance.admitting import Refusal, admit, labels, misplaced, restricting
from governance.domain.label import BOTTOM, EVERYTHING, TOP, Confidentiality, Contribution, Inheritance, Label
from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.memory import MemoryArchive
from governance.policy.access import Access, AccessRule, Regions
from governance.policy.conditions import Range, When
from governance.policy.document import Policy, Role
from governance.storage.archive import SqlArchive

PATIENTS = AccessRule(
    "patients", ("clinician", "dpo"), When(confidentiality=Range(Confidentiality.CONFIDENTIAL))
)
VISITS = DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training")
ROLES = {
    "clinician": Role("clinician", users=("ada",), groups=("ward-7",)),
    "dpo": Role("dpo", users=("dora",)),
    "cleaner": Role("cleaner", users=("carl",)),
}


def policy(*rules: AccessRule) -> Policy:
    """A policy with these access rules and nothing else."""
    return Policy(name="clinic", targets={}, roles=ROLES, rules=(), access=rules)


@pytest.fixture
def books(make: Any) -> Any:
    """Version u1 was trained on the restricted visits, u2 on a public dataset, of u3 nothing is known."""
    with MemoryArchive().reading() as books:
        visits, maps = make.dataset("visits"), make.dataset("maps", "b" * 64, mlflow_digest="maps")
        books.catalogue.add(visits, make.labelling(visits))
        books.catalogue.add(maps, make.labelling(maps, label=BOTTOM))
        books.lineages.add("u1", Lineage(uses=(VISITS,)))
        books.lineages.add("u2", Lineage(uses=(replace(VISITS, name="maps", mlflow_digest="maps"),)))
    return books


def asked(
    books: Any,
    subject: Any,
    *rules: AccessRule,
    action: Access = Access.LOAD,
    name: str | None = "ada",
    groups: Collection[str] = (),
    purpose: str | None = None,
) -> Refusal | None:
    """The answer to somebody who asks for a version under these rules."""
    return admit(books, policy(*rules), subject, action, name, groups, purpose)


@pytest.mark.parametrize(
    ("name", "groups", "admitted"),
    [
        ("ada", (), True),
        ("dora", (), True),
        ("bob", ("ward-7",), True),
        ("bob", ("ward-8",), False),
        ("carl", (), False),
        ("Ada", (), False),
        (None, (), False),
        (None, ("ward-7",), False),
        ("", ("ward-7",), False),
    ],
)
def test_a_role_is_needed(
    books: Any, make: Any, name: str | None, groups: tuple[str, ...], admitted: bool
) -> None:
    """By name as it is spelled, or by group; whoever is not identified holds none."""
    assert admitted == (asked(books, make.subject("u1"), PATIENTS, name=name, groups=groups) is None)


@pytest.mark.parametrize(("uid", "admitted"), [("u1", False), ("u2", True), ("u3", False)])
def test_the_label_decides(books: Any, make: Any, uid: str, admitted: bool) -> None:
    """A public version is everybody's; one of which nothing is known is treated as the most sensitive."""
    assert admitted == (asked(books, make.subject(uid), PATIENTS, name=None) is None)


def test_only_the_actions_that_a_rule_names(books: Any, make: Any) -> None:
    """A rule on downloads says nothing of seeing."""
    rule = replace(PATIENTS, actions=(Access.DOWNLOAD,))
    subject = make.subject("u1")

    admitted = {
        action for action in Access if asked(books, subject, rule, action=action, name="carl") is None
    }

    assert {Access.SEE, Access.LOAD} == admitted


def test_every_rule_that_looks_at_the_label_must_be_satisfied(books: Any, make: Any) -> None:
    """Ada satisfies the first of the two, Dora both."""
    second = AccessRule("genes", ("dpo",), When(special_categories=frozenset({"genetic"})))

    refused = asked(books, make.subject("u1"), PATIENTS, second)

    assert refused is not None
    assert "'genes'" in refused.reason
    assert asked(books, make.subject("u1"), PATIENTS, second, name="dora") is None


@pytest.mark.parametrize(
    ("purpose", "admitted"),
    [("care", True), ("research", False), ("marketing", False), ("Care", False), (None, False), ("", False)],
)
def test_a_purpose_must_be_stated(books: Any, make: Any, purpose: str | None, admitted: bool) -> None:
    """One that the rule lists and the label permits: the data permit research, the rule does not."""
    rule = replace(PATIENTS, purposes=("care", "marketing"))

    assert admitted == (asked(books, make.subject("u1"), rule, purpose=purpose) is None)


def test_unknown_data_permit_no_purpose(books: Any, make: Any) -> None:
    """Nobody can say what data that nobody knows may be used for."""
    refused = asked(books, make.subject("u3"), replace(PATIENTS, purposes=("care",)), purpose="care")

    assert refused is not None
    assert "permit none of these" in refused.reason


def test_a_refusal_says_what_would_change_it(books: Any, make: Any) -> None:
    """The rule, the roles and the purposes by name, and where to go."""
    subject, rule = make.subject("u1"), replace(PATIENTS, purposes=("care", "research"))

    assert Refusal(
        "to load a version with this label, access rule 'patients' asks for somebody who is clinician or "
        "dpo, and carl is not.",
        "Ask for such a role: roles are given in the policy.",
    ) == asked(books, subject, rule, name="carl")
    assert Refusal(
        "to load a version with this label, access rule 'patients' asks for somebody who is clinician or "
        "dpo, and nobody was identified.",
        "Sign in as somebody who holds such a role: roles are given in the policy.",
    ) == asked(books, subject, rule, name=None)
    assert Refusal(
        "to load a version with this label, access rule 'patients' asks for a purpose among care, research, "
        "and 'fun' was stated.",
        "State it: X-Governance-Purpose: care, or GOVERNANCE_PURPOSE=care",
    ) == asked(books, subject, rule, purpose="fun")


def test_a_rule_without_roles_lets_nobody(books: Any, make: Any) -> None:
    """Whatever role somebody holds."""
    closed = replace(PATIENTS, roles=())

    assert Refusal("access rule 'patients' lets nobody load a version with this label.", "") == asked(
        books, make.subject("u1"), closed, name="dora"
    )


def test_without_access_rules_nothing_is_looked_up(database: SqlArchive, make: Any) -> None:
    """A policy that restricts nothing, or not this action, costs not one statement."""
    statements: list[str] = []
    elsewhere = replace(PATIENTS, actions=(Access.SEE,))
    with database.reading() as books:
        event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        assert asked(books, make.subject("u1"), name=None) is None
        assert asked(books, make.subject("u1"), elsewhere, name=None) is None
        assert [] == statements
        assert asked(books, make.subject("u1"), PATIENTS, name=None) is not None
        assert 3 == len(statements)


def test_labels_of_many_versions_come_in_few_statements(database: SqlArchive, make: Any) -> None:
    """As many as generations of parents, however many versions; each label as if asked for alone."""
    statements: list[str] = []
    with database.writing() as books:
        visits = make.dataset("visits")
        books.catalogue.add(visits, make.labelling(visits))
        books.lineages.add("u0", Lineage(uses=(VISITS,)))
        for child in range(1, 51):
            parent = Parent(ParentKind.FINE_TUNED_FROM, "models:/visits/1", f"u{(child - 1) % 10}")
            books.lineages.add(f"u{child}", Lineage(parents=(parent,)))
    uids = [f"u{n}" for n in range(51)]

    with database.reading() as books:
        alone = {uid: labels(books, [uid])[uid] for uid in uids}
    with database.reading() as books:
        event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        together = labels(books, uids)

    assert dict.fromkeys(uids, make.label()) == together
    assert alone == together
    assert 3 == len(statements)


def test_labels_follow_parents_that_were_not_asked_for(books: Any) -> None:
    """The label of a fine-tuned copy of a copy, and of a child of two models that descend from each other."""
    tuned = ParentKind.FINE_TUNED_FROM
    books.lineages.add("u4", Lineage(parents=(Parent(tuned, "models:/a/1", "u5"),)))
    books.lineages.add("u5", Lineage(parents=(Parent(tuned, "models:/b/1", "u6"),)))
    books.lineages.add("u6", Lineage(uses=(VISITS,), parents=(Parent(tuned, "models:/a/2", "u5"),)))
    books.lineages.add(
        "u7", Lineage(parents=(Parent(tuned, "models:/a/1", "u1"),), gaps=(Gap("x", "y", "z"),))
    )

    found = labels(books, ["u4", "u7"])

    assert labels(books, ["u1"])["u1"] == found["u4"]
    assert TOP == found["u7"]
    assert {"u9": TOP} == labels(books, ["u9"])


def test_a_relabelled_dataset_counts_at_once(books: Any, make: Any) -> None:
    """The label is computed when it is asked for."""
    before = asked(books, make.subject("u1"), PATIENTS, name="carl")
    books.catalogue.relabel(make.labelling(make.dataset("visits"), 1, label=BOTTOM))

    assert (True, None) == (before is not None, asked(books, make.subject("u1"), PATIENTS, name="carl"))


def test_rules_without_a_condition_restrict_every_label(make: Any) -> None:
    """`restricting` names the rules that look at a label, in the policy's order."""
    everything, unknown = AccessRule("all", ("dpo",)), AccessRule("unknown", ("dpo",), When(unknown=True))
    rules = policy(PATIENTS, everything, unknown)

    def named(label: Label) -> list[str]:
        return [rule.name for rule in restricting(rules, label, Access.SEE)]

    assert ["all"] == named(BOTTOM)
    assert ["patients", "all"] == named(make.label())
    assert ["patients", "all", "unknown"] == named(TOP)


EU = Inheritance((Contribution("visits@1", replace(BOTTOM, regions=frozenset({"eu", "eea"})), "logged"),))


@pytest.mark.parametrize("region", ["eu", "eea"])
def test_a_permitted_region(region: str) -> None:
    """Every place must be in one of the regions that the data permit."""
    assert misplaced(EU, {"the registry": region, "the frozen area": "eu"}) is None


def test_a_forbidden_region() -> None:
    """The place, its region and the permitted ones are named."""
    assert Refusal(
        "its data may be held in eea or eu only, and the frozen area is in us.", "Use one in eea or eu."
    ) == misplaced(EU, {"the registry": "eu", "the frozen area": "us"})


def test_an_unknown_region() -> None:
    """A place that nobody described is nowhere that is permitted."""
    assert Refusal(
        "its data may be held in eea or eu only, and nobody said in which region s3://b/m is.",
        "Use one in eea or eu. Or say under regions in the policy where s3://b/m is.",
    ) == misplaced(EU, {"s3://b/m": None})


def test_data_that_may_be_anywhere() -> None:
    """A label that restricts no region asks of none."""
    free = Inheritance((Contribution("maps@1", replace(BOTTOM, regions=EVERYTHING), "logged"),))

    assert misplaced(free, {"s3://b/m": None, "the registry": "us"}) is None


def test_data_that_may_be_nowhere() -> None:
    """Unknown data, and data that permit no region in common."""
    us = Contribution("trips@1", replace(BOTTOM, regions=frozenset({"us"})), "logged")
    gap = Contribution("x", TOP, "unread")
    unknown = "what went into it is not known, so there is no region in which it may be held; m is in eu."
    contrary = unknown.replace("is not known", "permits no region in common")

    found = [misplaced(Inheritance(parts), {"m": "eu"}) for parts in ((), (gap,), (*EU.contributions, us))]

    assert [unknown, unknown, contrary] == [refusal.reason if refusal else None for refusal in found]


def test_the_first_pattern_that_matches_says_the_region() -> None:
    """By any spelling of the place, without regard to case."""
    regions = Regions(artifacts=(("s3://eu-bucket/*", "eu"), ("mlflow-artifacts:/*", "us"), ("s3://*", "us")))

    assert "eu" == regions.of(["s3://eu-bucket/1/model"])
    assert "eu" == regions.of(["mlflow-artifacts:/1/model", "S3://EU-bucket/1/model"])
    assert "us" == regions.of(["s3://eu-bucket-2/1/model"])
    assert regions.of(["file:///srv/model"]) is None
    assert regions.of([]) is None
