from __future__ import annotations

from datetime import date
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.label import (
    BOTTOM,
    EVERYTHING,
    HIGHLY_PERSONAL,
    SPECIAL_CATEGORIES,
    TOP,
    Confidentiality,
    Consent,
    Contribution,
    Identifiability,
    Inheritance,
    Label,
    LegalBasis,
    at_most,
    describe,
    from_json,
    join,
    join_all,
    to_json,
)


def sets(words: list[str]) -> st.SearchStrategy[frozenset[str]]:
    """Sets of these words, and the set of everything."""
    return st.one_of(st.just(EVERYTHING), st.frozensets(st.sampled_from(words)))


labels = st.builds(
    Label,
    confidentiality=st.sampled_from(Confidentiality),
    identifiability=st.sampled_from(Identifiability),
    special_categories=sets(sorted(SPECIAL_CATEGORIES | HIGHLY_PERSONAL)),
    subject_categories=sets(["patient", "customer", "child"]),
    purposes=sets(["research", "care", "marketing"]),
    regions=sets(["eu", "us"]),
    retention=st.dates(),
    consent=st.sampled_from(Consent),
    legal_basis=st.sampled_from(LegalBasis),
    provenance=sets(["a@1", "b@2"]),
)

HEALTH = Label(
    confidentiality=Confidentiality.CONFIDENTIAL,
    identifiability=Identifiability.PERSONAL,
    special_categories=frozenset({"health"}),
    subject_categories=frozenset({"patient"}),
    purposes=frozenset({"care", "research"}),
    regions=frozenset({"eu"}),
    retention=date(2030, 1, 1),
    consent=Consent.VALID,
    legal_basis=LegalBasis.DOCUMENTED,
    provenance=frozenset({"visits@1"}),
)
SHOP = Label(
    confidentiality=Confidentiality.INTERNAL,
    identifiability=Identifiability.PERSONAL,
    special_categories=frozenset({"financial"}),
    subject_categories=frozenset({"customer"}),
    purposes=frozenset({"marketing"}),
    regions=EVERYTHING,
    retention=date(2028, 1, 1),
    consent=Consent.NOT_RELIED_ON,
    legal_basis=LegalBasis.UNDER_REVIEW,
    provenance=frozenset({"orders@2"}),
)


@given(labels)
def test_join_is_idempotent(a: Label) -> None:
    """Joining a label with itself changes nothing."""
    assert a == join(a, a)


@given(labels, labels)
def test_join_is_commutative(a: Label, b: Label) -> None:
    """The order in which two datasets were read does not matter."""
    assert join(a, b) == join(b, a)


@given(labels, labels, labels)
def test_join_is_associative(a: Label, b: Label, c: Label) -> None:
    """The grouping in which datasets were read does not matter."""
    assert join(a, join(b, c)) == join(join(a, b), c)


@given(labels)
def test_bottom_is_neutral_and_top_absorbs(a: Label) -> None:
    """Nothing adds nothing; the unknown makes everything unknown."""
    assert (a, TOP) == (join(a, BOTTOM), join(a, TOP))


@given(labels, labels)
def test_join_never_lowers(a: Label, b: Label) -> None:
    """What goes into a model can only raise its label."""
    assert at_most(a, join(a, b))
    assert at_most(b, join(a, b))


@given(labels, labels, labels)
def test_join_is_monotone(a: Label, b: Label, c: Label) -> None:
    """A raised input never lowers the result."""
    raised = join(a, b)

    assert at_most(join(a, c), join(raised, c))


@given(st.lists(labels))
def test_join_all_is_the_least_upper_bound(many: list[Label]) -> None:
    """The join of many is above each, and below every label that is above each."""
    together = join_all(many)

    assert all(at_most(one, together) for one in many)
    assert together == reduce(join, many, BOTTOM)


@given(labels)
def test_json_round_trip(a: Label) -> None:
    """A label survives being written down."""
    assert a == from_json(to_json(a))


@given(labels)
def test_everything_is_described(a: Label) -> None:
    """Each dimension has words, whatever its value."""
    assert all(describe(a).values())


def test_join_of_two_real_labels() -> None:
    """Each dimension follows its own rule: max, union, intersection, earliest."""
    expected = Label(
        confidentiality=Confidentiality.CONFIDENTIAL,
        identifiability=Identifiability.PERSONAL,
        special_categories=frozenset({"health", "financial"}),
        subject_categories=frozenset({"patient", "customer"}),
        purposes=frozenset(),
        regions=frozenset({"eu"}),
        retention=date(2028, 1, 1),
        consent=Consent.VALID,
        legal_basis=LegalBasis.UNDER_REVIEW,
        provenance=frozenset({"visits@1", "orders@2"}),
    )

    assert expected == join(HEALTH, SHOP)


def test_nothing_inherited_is_the_unknown() -> None:
    """A version of which nothing is known has the highest label, not the lowest."""
    assert Inheritance(()).effective == TOP


def test_because_names_the_source_of_each_value() -> None:
    """Every value of the effective label is traced to the datasets that brought it in."""
    inheritance = Inheritance(
        (Contribution("visits", HEALTH, "run 1"), Contribution("orders", SHOP, "run 1"))
    )

    assert [
        ("confidentiality", "confidential", ("visits",)),
        ("identifiability", "personal", ("orders", "visits")),
        ("special_categories", "financial", ("orders",)),
        ("special_categories", "health", ("visits",)),
        ("subject_categories", "customer", ("orders",)),
        ("subject_categories", "patient", ("visits",)),
        ("purposes", "none", ("orders", "visits")),
        ("regions", "eu", ("visits",)),
        ("retention", "2028-01-01", ("orders",)),
        ("consent", "valid", ("visits",)),
        ("legal_basis", "under_review", ("orders",)),
        ("provenance", "orders@2", ("orders",)),
        ("provenance", "visits@1", ("visits",)),
    ] == [(c.dimension, c.value, c.sources) for c in inheritance.because()]


@given(st.lists(labels, min_size=1, max_size=4))
def test_every_value_has_a_cause_unless_nothing_brings_it(many: list[Label]) -> None:
    """No value of an effective label is without a source, except the empty set of categories."""
    inheritance = Inheritance(tuple(Contribution(str(n), one, "") for n, one in enumerate(many)))

    orphans = {c.dimension for c in inheritance.because() if not c.sources}

    assert orphans <= {"special_categories", "subject_categories", "provenance", "purposes", "regions"}
    assert all(
        not getattr(inheritance.effective, d) for d in orphans & {"special_categories", "subject_categories"}
    )


def test_a_wrong_word_names_those_that_exist() -> None:
    """A label file with a word that does not exist is answered with the words that do."""
    with pytest.raises(ValueError, match="'secret' is none of public, internal, confidential, restricted"):
        from_json(to_json(HEALTH) | {"confidentiality": "secret"})
