"""One call: any kind of model, any attack class, as many looks as are needed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from governance.canonical import canonical
from governance.domain.evidence import Evidence, EvidenceType
from governance.errors import UsageError
from governance.measuring import MEMBERSHIP, Asked, Assessment, Data, assess_told
from governance.measuring import assess as assess_all
from governance.privacy.target import ShadowBudget, Workers
from governance.privacy.verdict import Leakage, Limits

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


ONLY = Asked(attacks=[MEMBERSHIP])


def test_evidence_round_trip(assess: Any, forest: Any, world: Any) -> None:
    """The evidence names the bytes, producer, time and expiry, and survives being written down."""
    members, non_members, _ = world(9, 200)
    measured = assess(forest(members), members, non_members, seed=4)

    (evidence,) = Assessment(measured, (), ()).evidence("ab" * 32, "governance assess", NOW, 180)

    assert (
        Evidence(
            type=EvidenceType.MEMBERSHIP_INFERENCE,
            subject_digest="ab" * 32,
            producer="governance assess",
            created_at=NOW,
            expires_at=NOW + timedelta(days=180),
            body=measured.body(),
        )
        == evidence
    )
    assert evidence == Evidence.from_statement(json.loads(canonical(evidence.statement())))
    assert Assessment(measured, (), ()).evidence("ab" * 32, "p", NOW, None)[0].expires_at is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"asked": Asked(fprs=())}, "at least one FPR"),
        ({"asked": Asked(fprs=(0.0,))}, "between 0 and 1"),
        ({"asked": Asked(confidence=1.0)}, "between 0 and 1"),
        ({"asked": Asked(attacks="some")}, "no attack 'some'"),
        ({"asked": Asked(attacks=["membership"])}, "no attack 'membership'"),
        ({"asked": Asked(beside=["lira"])}, "no attack 'lira'"),
        ({"asked": Asked([MEMBERSHIP], slices=["age"])}, "no column 'age'"),
        ({"shadows": 3}, "complementary pairs"),
    ],
)
def test_wrong_calls_are_refused(
    options: dict[str, Any], message: str, assess: Any, forest: Any, world: Any
) -> None:
    """Options outside their range are a usage error."""
    members, non_members, _ = world(1, 100)

    with pytest.raises(UsageError, match=message):
        assess(forest(members), members, non_members, seed=0, **options)


def test_regressors_leak_too(assess: Any) -> None:
    """A regressor that knows its records by heart is found out by its residuals."""
    random = np.random.default_rng(4)
    X = random.normal(size=(800, 5))
    y = X[:, 0] + random.normal(size=800)
    model = RandomForestRegressor(30, random_state=0).fit(X[:400], y[:400])

    found = assess(model, (X[:400], y[:400]), (X[400:], y[400:]), seed=0)

    assert (Leakage.SHOWN, "black box: the predicted value") == (found.verdict, found.threat_model.access)
    assert {"correctness", "outlier decile"} == {one.slicing for one in found.slices}


class Mute:
    """A model that tells nothing but its label."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, X: Any) -> Any:
        """(n,) labels."""
        return self.model.predict(X)


def test_a_model_that_tells_its_label_only(assess: Any, forest: Any, world: Any) -> None:
    """It is asked about disturbed copies, and so are its shadows."""
    members, non_members, _ = world(1, 400)

    found = assess(
        Mute(forest(members)),
        members,
        non_members,
        seed=0,
        trainer=lambda X, y, seed: Mute(forest(Data(X, y), seed)),
    )

    assert (Leakage.SHOWN, 50) == (found.verdict, found.threat_model.queries)
    assert "black box: the predicted label only" == found.threat_model.access


def test_whole_persons_are_attacked(assess: Any, forest: Any, world: Any) -> None:
    """With four records a person, persons are counted, halved and judged."""
    members, non_members, _ = world(1, 800)
    keys = np.arange(800) // 4

    found = assess(forest(members), members, non_members, seed=0, subjects=(keys, 1000 + keys))

    assert ("subject", 200, 200, Leakage.SHOWN) == (
        found.unit,
        found.n_members,
        found.n_non_members,
        found.verdict,
    )
    assert "subject-log-ratio-online" == found.attack


@pytest.mark.slow
def test_looks_go_on_while_the_verdict_is_open(world: Any) -> None:
    """Where nothing leaks and the limit is not kept yet, more shadows are trained, none of them twice."""
    members, non_members, strangers = world(3, 300)
    told: list[int] = []

    found = assess_all(
        LogisticRegression().fit(strangers.X, strangers.y),
        members,
        non_members,
        seed=5,
        budget=ShadowBudget(refits=8),
        limits=Limits(auc=0.51),
        workers=Workers(n_jobs=1),
        asked=ONLY,
        stages=lambda _: lambda done, _total: told.append(done),
    ).membership

    assert found is not None
    assert ([2, 8], "last look that the refit budget pays for") == (
        [one["shadows"] for one in found.looks["looks"]],
        found.looks["stopped"],
    )
    assert "blend-online" == found.attack
    assert [1, 2, 2, 3, 4, 5, 6, 7, 8] == told


@pytest.mark.slow
def test_every_class_in_one_call(forest: Any, world: Any) -> None:
    """Each attack class gives its outcome or says why it did not run, and each outcome is evidence."""
    members, non_members, _ = world(2, 400)

    def named(data: Data) -> Data:
        return Data(pd.DataFrame(data.X, columns=list("abcdef")).round(1), data.y)

    inside, outside = named(members), named(non_members)
    found = assess_all(
        forest(inside),
        inside,
        outside,
        seed=0,
        budget=ShadowBudget(shadows=2),
        workers=Workers(n_jobs=1),
        asked=Asked("all", sensitive=["b"], slices=["a"], worst=5),
    )

    assert {"attribute-inference", "reconstruction", "model-inversion", "extraction"} == {
        one.type.value for one in found.outcomes
    }
    assert {
        "property-inference": "no group was named whose share could be told",
        "memorisation": "the model was not assessed as one that writes or scores text",
    } == {one.what: one.reason for one in found.not_run}
    for evidence in found.evidence("ab" * 32, "p", NOW, None):
        assert evidence == Evidence.from_statement(json.loads(canonical(evidence.statement())))
    assert found.worst is not None
    assert (5, True) == (len(found.worst.rows), max(found.worst.rows) < 400)
    assert "a" in {one.slicing for one in found.membership.slices}  # type: ignore[union-attr]  # it ran


def test_bare_arrays() -> None:
    """Losses of both sides, and no model: a leak is shown, and every control that lacks is named."""
    random = np.random.default_rng(0)
    members, non_members = random.exponential(0.2, 500), random.exponential(1.0, 500)

    (found, quiet) = (
        assess_told("losses", side, non_members).membership
        for side in (members, random.exponential(1.0, 500))
    )

    assert found is not None
    assert quiet is not None
    assert (Leakage.SHOWN, Leakage.UNDECIDED) == (found.verdict, quiet.verdict)
    assert "black box: the loss of each record" == found.threat_model.access
    lacking = ["blind_baseline", "negative_control", "positive_control", "own_kind", "shadow_accuracy"]
    assert lacking == [one["control"] for one in found.body()["controls"]["lacking"]]


@pytest.mark.slow
def test_a_network_is_inverted_by_its_gradients_too() -> None:
    """Black box, by gradient and, as the records are images, with a generative prior: three outcomes."""
    import torch
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    images = (X.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    inside, outside = Data(images[:400], y[:400]), Data(images[400:800], y[400:800])
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(torch.tensor(inside.X)), torch.tensor(inside.y))
        loss.backward()
        optimiser.step()

    found = assess_all(network, inside, outside, seed=0, asked=Asked(["model-inversion"]))

    assert ["class-search", "class-gradient", "generative-prior"] == [one.attack for one in found.outcomes]
    assert [pytest.approx(1 - 0.05 / 3)] * 3 == [one.confidence for one in found.outcomes]
