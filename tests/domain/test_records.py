from __future__ import annotations

from datetime import datetime, timezone

import pytest

from governance.domain.decision import Decision, Finding, Outcome, Status
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.lineage import DatasetUse, Gap, Lineage
from governance.domain.manifest import File, Manifest, differences
from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.domain.subject import VersionName

NOW = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=timezone.utc)


def finding(status: Status) -> Finding:
    """A finding that ended so."""
    return Finding("lineage-known", status, "nothing", "everything", "because", "governance label m")


def decision(*statuses: Status) -> Decision:
    """A decision with one finding a status."""
    return Decision(
        subject_uid="u1",
        named=VersionName("visits", 3),
        digest="d" * 64,
        target="production",
        change="alias @champion of visits",
        policy_name="health",
        policy_digest="p" * 64,
        findings=tuple(map(finding, statuses)),
        actor="alice",
        at=NOW,
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((Status.PASSED,), Outcome.ALLOWED),
        ((Status.PASSED, Status.WARNED, Status.NOTED), Outcome.ALLOWED),
        ((Status.PASSED, Status.FAILED), Outcome.DENIED),
        ((Status.MISSING, Status.UNDECIDED), Outcome.DENIED),
        ((Status.PASSED, Status.UNDECIDED), Outcome.UNDECIDED),
        ((), Outcome.UNDECIDED),
    ],
)
def test_outcome(statuses: tuple[Status, ...], expected: Outcome) -> None:
    """One failure denies, one doubt leaves open, and no finding at all is not an allowance."""
    assert expected == decision(*statuses).outcome


def test_a_decision_survives_its_record() -> None:
    """What is stored is the whole decision."""
    made = decision(Status.PASSED, Status.FAILED)

    assert made == Decision.from_record(made.record())


def test_the_printed_decision_has_the_documented_shape() -> None:
    """`governance/decision/v1`, key by key."""
    expected = {
        "schema": "governance/decision/v1",
        "subject": {"name": "visits", "version": 3, "digest": "d" * 64},
        "target": "production",
        "outcome": "denied",
        "findings": [
            {
                "check": "lineage-known",
                "status": "missing",
                "observed": "nothing",
                "required": "everything",
                "reason": "because",
                "remedy": "governance label m",
            }
        ],
        "policy": {"name": "health", "digest": "p" * 64},
    }

    assert expected == decision(Status.MISSING).to_json()


def test_evidence_survives_its_statement() -> None:
    """An in-toto statement read back is the evidence that was written, under the same digest."""
    evidence = Evidence(EvidenceType.DP_TRAINING, "a" * 64, "alice", NOW, None, {"n": 1}, ("b",))

    back = Evidence.from_statement(evidence.statement())

    assert (evidence, evidence.digest) == (back, back.digest)


@pytest.mark.parametrize(
    "statement",
    [{}, {"predicateType": "x"}, {"predicateType": "https://mlflow-governance.dev/dpia/v1", "subject": []}],
)
def test_a_foreign_statement_is_refused(statement: dict[str, object]) -> None:
    """What is no statement of ours is a ValueError, not a crash."""
    with pytest.raises(ValueError, match="not a statement of evidence"):
        Evidence.from_statement(statement)


def test_a_newer_version_of_evidence_is_refused_by_name() -> None:
    """A statement of a version this release cannot read is not read half."""
    statement = Evidence(EvidenceType.DPIA, "a" * 64, "alice", NOW, None, {}, version=2).statement()

    with pytest.raises(ValueError, match="evidence version 2: this release reads version 1"):
        Evidence.from_statement(statement)


def test_manifest_digest_ignores_the_order_of_files() -> None:
    """The digest stands for the tree, not for how it was walked."""
    a, b = File("a", 1, "x"), File("b", 2, "y")

    assert Manifest((a, b)).digest == Manifest((b, a)).digest


def test_every_difference_between_manifests_is_named() -> None:
    """Added, removed and changed files are told apart, sorted."""
    approved = Manifest((File("kept", 1, "k"), File("model", 2, "m"), File("gone", 3, "g")))
    present = Manifest((File("kept", 1, "k"), File("model", 2, "EVIL"), File("new", 4, "n")))

    assert ("gone: removed", "model: changed", "new: added") == differences(approved, present)


def test_lineage_only_grows() -> None:
    """Two readings united hold everything either saw, once."""
    use = DatasetUse("r1", "visits", "m1", "s", "training")
    gap = Gap("origin", "deleted", "log it")

    assert Lineage(uses=(use,), gaps=(gap,)) == Lineage(uses=(use,)) | Lineage(uses=(use,), gaps=(gap,))


TRAINING = DpTraining(
    phases=(SampledGaussian(1.1, 0.01, 1000),),
    delta=1e-5,
    max_grad_norm=1.0,
    sampling=Sampling.POISSON,
    neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
    unit="person-year",
    unit_is_data_subject=False,
    max_records_per_subject=None,
    n_units=4000,
    datasets=("visits",),
    covers="final_model",
    secure_rng=False,
    libraries=(("opacus", "1.6.0"),),
    key="k1",
    hazards=("shuffled once",),
)


def test_training_facts_survive_being_written() -> None:
    """The facts of a training are the same after a trip through JSON."""
    assert TRAINING == DpTraining.from_json(TRAINING.to_json())


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ({"delta": 0.0}, r"delta 0.0 is not in \(0, 1\)"),
        ({"delta": float("nan")}, r"delta nan is not in \(0, 1\)"),
        ({"max_grad_norm": float("inf")}, "max_grad_norm inf is not positive"),
        ({"delta": "small"}, "not the facts of a DP training"),
        ({"n_units": 0}, "n_units 0 is not a positive whole number"),
        ({"n_units": 2.5}, "n_units 2.5 is not a positive whole number"),
        ({"n_units": 2**60}, "n_units 1152921504606846976 is not a positive whole number"),
        ({"max_records_per_subject": 0}, "max_records_per_subject 0 is not a positive whole number"),
        ({"datasets": "visits"}, "'visits' is no list"),
        ({"datasets": [["visits"]]}, r"\['visits'\] is no text"),
        ({"unit": None}, "None is no text"),
        ({"key": 7}, "7 is no text"),
        ({"hazards": "none"}, "'none' is no list"),
        ({"phases": [{"noise_multiplier": None, "sample_rate": 0.1, "steps": 5}]}, "not the facts"),
        ({"phases": [{"noise_multiplier": 1.0, "sample_rate": 0.1, "steps": 2**60}]}, "steps 11529215"),
        ({"phases": []}, "a DP training has at least one phase"),
        ({"phases": [{"noise_multiplier": -1.0, "sample_rate": 0.1, "steps": 5}]}, "noise_multiplier -1.0"),
        (
            {"phases": [{"noise_multiplier": float("nan"), "sample_rate": 0.1, "steps": 5}]},
            "noise_multiplier nan",
        ),
        ({"phases": [{"noise_multiplier": 1.0, "sample_rate": 1.5, "steps": 5}]}, "sample_rate 1.5"),
        ({"phases": [{"noise_multiplier": 1.0, "sample_rate": 0.1, "steps": True}]}, "steps True"),
        ({"phases": [{"noise_multiplier": 1.0}]}, "not the facts of a DP training"),
        ({"sampling": "lottery"}, "lottery"),
        ({"surprise": 1}, "not the facts of a DP training"),
    ],
)
def test_impossible_facts_are_refused(defect: dict[str, object], message: str) -> None:
    """No training can have produced these facts, so nothing is computed from them."""
    with pytest.raises(ValueError, match=message):
        DpTraining.from_json(TRAINING.to_json() | defect)
