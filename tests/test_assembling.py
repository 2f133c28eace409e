"""The dossier on which the gate decides: what counts as evidence, and what every fact is worth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from governance.domain.dossier import Protection, Unknown
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.lineage import DatasetUse, Lineage, Parent, ParentKind
from governance.domain.mechanism import SampledGaussian
from governance.memory import MemoryArchive
from governance.ports import Books
from governance.privacy.accounting import guarantee
from governance.promoting import assemble
from governance.spending import account, commit

VISITS = Lineage((DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training"),))
BYTES = "b" * 64


@pytest.fixture
def books(make: Any) -> Books:
    """The books with `visits` in the catalogue, which has a budget."""
    with MemoryArchive().reading() as books:
        books.catalogue.add(make.dataset(), make.labelling(make.dataset()))
    return books


def measured(make: Any, digest: str) -> Evidence:
    """A membership measurement of some bytes."""
    return Evidence(EvidenceType.MEMBERSHIP_INFERENCE, digest, "test", make.noon, None, {"auc": 0.5})


def trained(make: Any, body: Any) -> Evidence:
    """The facts of a DP training of the bytes judged."""
    return Evidence(EvidenceType.DP_TRAINING, BYTES, "test", make.noon, None, body)


def test_evidence_about_other_bytes_is_shown_apart(books: Books, make: Any) -> None:
    """A measurement of bytes the version was seen with before is stray; a stranger's is not shown at all."""
    before, now = make.manifest("before.bin"), make.manifest("now.bin")
    for manifest in (before, now):
        books.evidence.keep_manifest("u1", manifest)
    books.evidence.add(measured(make, before.digest))
    books.evidence.add(measured(make, "f" * 64))
    unmeasured = assemble(books, make.subject(), now.digest, VISITS)
    books.evidence.add(measured(make, now.digest))
    both = assemble(books, make.subject(), now.digest, VISITS)

    stray = (measured(make, before.digest),)
    assert ((), stray) == (unmeasured.evidence, unmeasured.stray)
    assert ((measured(make, now.digest),), stray) == (both.evidence, both.stray)


def test_the_budget_of_every_dataset_that_went_in(books: Books, make: Any) -> None:
    """Through a parent too; a dataset without a budget has no account, a stranger's is not shown."""
    for name, letter, changes in (("scans", "c", {}), ("notes", "d", {"budget": None}), ("theirs", "e", {})):
        dataset = make.dataset(name, letter * 64, **changes)
        books.catalogue.add(dataset, make.labelling(dataset))
    read = DatasetUse("r0", "x", "y", "z", "training", "c" * 64)
    books.lineages.add("base", Lineage((read, replace(read, sha256="d" * 64))))
    books.lineages.add("u1", VISITS)
    parent = Parent(ParentKind.FINE_TUNED_FROM, "models:/base/1", "base")

    found = assemble(books, make.subject(), BYTES, Lineage(parents=(parent,))).accounts

    assert (account(books, "scans"), account(books, "visits")) == found


@pytest.mark.slow
def test_a_dp_training_is_computed_anew(books: Books, make: Any) -> None:
    """ε comes from the recorded facts; facts that cannot be read or cannot be protect nothing."""
    training = replace(make.training(), phases=(SampledGaussian(2.0, 0.1, 10),))
    facts = training.to_json()
    for body in (facts, {"epsilon": 0.1}, facts | {"delta": 7.0}):
        books.evidence.add(trained(make, body))

    found = assemble(books, make.subject(), BYTES, VISITS).protections

    assert (Protection(trained(make, facts).digest, training, guarantee(training)),) == found


def test_a_training_nobody_can_account_for_is_unknown(books: Books, make: Any) -> None:
    """Facts without a finite ε are no guarantee, and say so."""
    hopeless = replace(make.training(), phases=(SampledGaussian(1e-200, 1.0, 1),))
    books.evidence.add(trained(make, hopeless.to_json()))

    (found,) = assemble(books, make.subject(), BYTES, VISITS).protections

    assert isinstance(found.guarantee, Unknown)
    assert found.guarantee.reason.startswith("dp-accounting could not compute ε")


def test_a_charge_nobody_can_account_for_overdraws(books: Books, make: Any) -> None:
    """It is more than any limit, and neither hides the account nor keeps the gate from answering."""
    hopeless = replace(make.training(), phases=(SampledGaussian(1e-200, 1.0, 1),))
    commit(books, ["visits"], hopeless, key="k", by="eve", now=make.noon)

    (found,) = assemble(books, make.subject(), BYTES, VISITS).accounts

    assert (math.inf, True) == (found.spent_epsilon, found.overdrawn)
