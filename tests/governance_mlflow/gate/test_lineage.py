"""How a version came to be, read from a real tracking store: ids are not believed, gaps are not silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.domain.subject import Subject, VersionName
from governance_mlflow.gate.lineage import TrackedLineage, inside
from governance_mlflow.gate.origins import Origins, TrackingServer, TrackingTables

pytestmark = pytest.mark.slow

SHA256, PART_OF = "governance.sha256", "governance.part_of"


@pytest.fixture(params=["client", "tables"])
def read(request: Any, tracking: Any, make: Any) -> Callable[..., Lineage]:
    """Reads the lineage of a version with this source; `models:/known/1` is in the registry as u1.

    Once through MLflow's client, once from the tables: both must say the same.
    """

    @contextmanager
    def origins() -> Iterator[Origins]:
        server = TrackingServer(tracking.client)
        if request.param == "client":
            yield server
            return
        with Session(create_engine(tracking.uri)) as session:
            yield TrackingTables(session, lambda: server)

    def find(named: VersionName) -> Subject | None:
        return make.subject("u1", "known") if named == VersionName("known", 1) else None

    def call(source: str, run_id: str | None = None, model_id: str | None = None) -> Lineage:
        subject = make.subject("u9", "risk", source=source, run_id=run_id, model_id=model_id)
        return TrackedLineage(find, lambda _: (), origins).read(subject)

    return call


def used(lineage: Lineage) -> list[str]:
    """The names of the datasets that were read."""
    return sorted({use.name for use in lineage.uses})


def gaps(lineage: Lineage) -> list[tuple[str, str]]:
    """What is missing, and why."""
    return [(gap.what, gap.reason) for gap in lineage.gaps]


def test_a_run_and_its_inputs(tracking: Any, read: Any) -> None:
    """Every input is a use, with everything that MLflow and the plugin say of it."""
    run = tracking.run()
    tracking.log(run, "visits", "validation", **{SHA256: "a" * 64, PART_OF: "clinic", "team": "care"})
    model = tracking.model(run)

    use = DatasetUse(run, "visits", "visits", "s3://clinic/visits", "validation", "a" * 64, "clinic")
    for source in (f"models:/{model}", f"runs:/{run}/model"):
        assert Lineage(uses=(use,)) == read(source)


@pytest.mark.parametrize("below", ["", "/model", "/deep/er"])
def test_bytes_inside_the_run_they_claim(tracking: Any, read: Any, below: str) -> None:
    """A bare location counts as the run's if it lies in the run's artifacts, as a path or as a URI."""
    run = tracking.run("visits")
    location = tracking.artifacts(run) + below

    assert ["visits"] == used(read(location, run)) == used(read(f"file://{location}", run))


def test_bytes_inside_the_logged_model_they_claim(tracking: Any, read: Any) -> None:
    """The same for a logged model; the run is the model's, whatever run is claimed beside it."""
    run = tracking.run("visits")
    model = tracking.model(run)
    location = tracking.client.get_logged_model(model).artifact_location

    assert ["visits"] == used(read(location, None, model)) == used(read(location, "0" * 32, model))


FOREIGN = [
    "s3://evil/model",
    "gs://evil/model",
    "{artifacts}-evil/model",
    "{artifacts}/../../evil",
    "{artifacts}/%2e%2e/evil",
    "{artifacts}/%252e%252e/evil",
    "{artifacts}#/../evil",
    "{artifacts}?/../evil",
    "file://elsewhere{artifacts}/model",
    "s3:/{artifacts}/model",
    "/",
    "",
]


@pytest.mark.parametrize("source", FOREIGN)
def test_the_id_of_a_well_behaved_run_proves_nothing(tracking: Any, read: Any, source: str) -> None:
    """Foreign bytes under the id of a run, or of a logged model, are of unknown origin."""
    run = tracking.run("visits")
    model = tracking.model(run)
    artifacts = tracking.artifacts(run)
    inside_model = tracking.client.get_logged_model(model).artifact_location

    reason = (
        "its location leads out of where it begins"
        if "%" in source or ".." in source
        else "its bytes do not lie in the artifacts of the run or model it claims to come from"
    )
    for found in (
        read(source.format(artifacts=artifacts), run),
        read(source.format(artifacts=inside_model), None, model),
        read(source.format(artifacts=inside_model), run, model),
    ):
        assert ([], [("its origin", reason)]) == (used(found), gaps(found))


def test_a_run_s_uri_must_not_climb_out_of_it(tracking: Any, read: Any) -> None:
    """`runs:/good/../evil` names other bytes than the good run's."""
    good, evil = tracking.run("visits"), tracking.run()

    for source in (f"runs:/{good}/../../{evil}/artifacts/model", f"runs:/{good}/%2e%2e/{evil}/model"):
        found = read(source, good)
        assert ([], [("its origin", "its location leads out of where it begins")]) == (
            used(found),
            gaps(found),
        )


def test_a_bare_location(read: Any) -> None:
    """Without a run there is no origin."""
    assert [("its origin", "it was registered from a bare location, without a run")] == gaps(read("s3://x/y"))


@pytest.mark.parametrize(
    ("source", "run_id", "model_id"),
    [
        (f"runs:/{'0' * 32}/model", None, None),
        ("runs:/", None, None),
        (f"models:/m-{'0' * 32}", None, None),
        ("models:/known/latest", None, None),
        ("models:/known@champion", None, None),
        ("s3://x/y", "0" * 32, None),
        ("s3://x/y", None, f"m-{'0' * 32}"),
    ],
)
def test_what_the_tracking_server_does_not_know(
    read: Any, source: str, run_id: str | None, model_id: str | None
) -> None:
    """A run or logged model that does not exist is a gap with the server's own words."""
    (gap,) = read(source, run_id, model_id).gaps

    assert ("its origin", True) == (gap.what, gap.reason.startswith("the tracking server says: "))


def test_a_run_without_inputs(tracking: Any, read: Any) -> None:
    """Nothing logged is a gap with the command that closes it."""
    (gap,) = read(f"models:/{tracking.model(tracking.run())}").gaps

    assert ("its training data", "no dataset was logged as an input of its run") == (gap.what, gap.reason)
    assert "governance_mlflow.log_input(...)" in gap.remedy


def test_a_logged_model_without_a_run(tracking: Any, read: Any) -> None:
    """A model that no run put out has no origin."""
    model = tracking.model(None)

    assert [(f"logged model {model}", "no run is recorded as its source")] == gaps(read(f"models:/{model}"))


def test_a_registered_source_is_a_copy(read: Any) -> None:
    """The parent carries the whole lineage; an unknown one is unknown."""
    for source, uid in (("models:/known/1", "u1"), ("models:/known/2", None), ("models:/other/1", None)):
        parent = Parent(ParentKind.COPIED_FROM, source, uid)
        assert Lineage(parents=(parent,)) == read(source, "0" * 32)


def test_nested_runs_count_in_both_directions(tracking: Any, read: Any) -> None:
    """A model inherits from the parents and the children of its run, and from theirs."""
    top = tracking.run("top")
    middle = tracking.run("middle", parent=top)
    bottom = tracking.run("bottom", parent=middle)
    tracking.run("stranger")

    for run in (top, middle, bottom):
        assert ["bottom", "middle", "top"] == used(read(f"runs:/{run}/model"))


def test_a_nested_run_in_another_experiment_counts(tracking: Any, read: Any) -> None:
    """MLflow lets a child live elsewhere; what it read went in all the same."""
    other = tracking.client.create_experiment("other")
    parent = tracking.run("visits")
    tracking.run("scans", parent=parent, experiment=other)

    assert ["scans", "visits"] == used(read(f"runs:/{parent}/model"))


def test_deleting_runs_hides_nothing(tracking: Any, read: Any) -> None:
    """A deleted run is still read, be it the origin, a parent or a child."""
    parent = tracking.run("parent")
    run = tracking.run("own", parent=parent)
    child = tracking.run("child", parent=run)
    for each in (parent, run, child):
        tracking.client.delete_run(each)

    assert ["child", "own", "parent"] == used(read(f"runs:/{run}/model"))


def test_a_model_that_was_read_passes_its_data_on(tracking: Any, read: Any) -> None:
    """Whether fine-tuned or merely evaluated: MLflow does not say, so it counts. Cycles end."""
    base = tracking.model(tracking.run("web"))
    tuning = tracking.run("visits")
    tuned = tracking.model(tuning)
    for model in (base, tuned):
        tracking.reads_model(tuning, model)

    assert ["visits", "web"] == used(read(f"models:/{tuned}"))


def test_a_model_evaluated_by_its_own_run_is_not_its_parent(tracking: Any, read: Any) -> None:
    """Reading back what the run itself put out adds nothing."""
    run = tracking.run("visits")
    model = tracking.model(run)
    tracking.reads_model(run, model)

    assert (["visits"], []) == (used(read(f"models:/{model}")), gaps(read(f"models:/{model}")))


def test_a_model_that_was_read_and_is_gone(tracking: Any, read: Any) -> None:
    """A base that can no longer be read leaves a gap, and what is known stays known."""
    base = tracking.model(tracking.run("web"))
    run = tracking.run("visits")
    tracking.reads_model(run, base)
    tracking.client.delete_logged_model(base)

    found = read(f"runs:/{run}/model")
    assert (["visits"], 1) == (used(found), len(found.gaps))


def test_inputs_logged_after_the_end_count(tracking: Any, read: Any) -> None:
    """Lineage is read when a version is judged, so nobody can log the delicate part afterwards."""
    run = tracking.run("visits")
    tracking.client.set_terminated(run)
    before = read(f"runs:/{run}/model")
    tracking.log(run, "scans")

    assert ["scans", "visits"] == used(before.then(read(f"runs:/{run}/model")))


def test_the_first_writer_of_a_name_wins_and_the_content_tells(tracking: Any, read: Any) -> None:
    """MLflow keeps the source that was logged first under a name and digest; our fingerprint stays apart."""
    tracking.run("visits:s3://public/iris")
    run = tracking.run()
    tracking.log(run, "visits:s3://phi/visits", **{SHA256: "d" * 64})

    (use,) = read(f"runs:/{run}/model").uses
    assert ("s3://public/iris", "d" * 64) == (use.source, use.sha256)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ('{"uri": "s3://a/b"}', "s3://a/b"),
        ('{"path": "/data/a.csv"}', "/data/a.csv"),
        ('{"url": "https://a/b"}', "https://a/b"),
        ('{"tags": {"mlflow.source.name": "train.py"}}', ""),
        ('{"uri": 7}', ""),
        ("[]", "[]"),
        ("not JSON", "not JSON"),
    ],
)
def test_where_a_dataset_was_read_from(tracking: Any, read: Any, described: str, expected: str) -> None:
    """MLflow describes sources in JSON; a dataset made in memory has no location."""
    from mlflow.entities import Dataset, DatasetInput

    run = tracking.run()
    used = DatasetInput(Dataset("visits", "0", "code", described), [])
    tracking.client.log_inputs(run, datasets=[used])

    (use,) = read(f"runs:/{run}/model").uses
    assert (expected, "") == (use.source, use.context)


TRANSFORMERS = "flavors:\n  transformers:\n    source_model_name: org/bert\n"


def test_a_pre_trained_base_is_an_unknown_parent(tracking: Any, store: Any) -> None:
    """The transformers flavour names its base; what that was trained on nobody here knows."""
    model = tracking.model(tracking.run("visits"), {"MLmodel": TRANSFORMERS})
    store.create_registered_model("risk")
    store.create_model_version("risk", f"models:/{model}")

    with store.reading() as books:
        found = books.lineages.of(store.subject("risk", 1).uid)
    assert (["visits"], (Parent(ParentKind.BASE_MODEL, "hf:org/bert"),)) == (used(found), found.parents)


def test_a_base_without_data_is_a_gap(tracking: Any, store: Any) -> None:
    """That a base is named does not say what the model was tuned on."""
    model = tracking.model(tracking.run(), {"MLmodel": TRANSFORMERS})
    store.create_registered_model("risk")
    store.create_model_version("risk", f"models:/{model}")

    with store.reading() as books:
        found = books.lineages.of(store.subject("risk", 1).uid)
    assert [("its training data", "no dataset was logged as an input of its run")] == gaps(found)


def test_a_logged_model_that_was_deleted_since(tracking: Any, store: Any) -> None:
    """The version stays governed: what was read stays, what cannot be read any more is a gap."""
    model = tracking.model(tracking.run("visits"))
    store.create_registered_model("risk")
    store.create_model_version("risk", f"models:/{model}")
    subject = store.subject("risk", 1)
    tracking.client.delete_logged_model(model)

    with store.reading() as books:
        found = books.lineages.of(subject.uid).then(store.gate.lineage.read(subject))
    assert (["visits"], ["its origin"]) == (used(found), [gap.what for gap in found.gaps])


def test_gaps_bring_the_command_that_closes_them(read: Any) -> None:
    """Nobody is left with a reason alone."""
    remedy = (
        "Log what it was trained on with governance_mlflow.log_input(...), and register it from that run."
    )
    (gap,) = read("s3://x/y").gaps

    assert Gap("its origin", "it was registered from a bare location, without a run", remedy) == gap


@pytest.mark.parametrize(
    ("uri", "root", "expected"),
    [
        ("/a/b/c", "/a/b", True),
        ("/a/b", "/a/b", True),
        ("/a/b/", "/a/b", True),
        ("/a//b", "/a/b", True),
        ("/a/bc", "/a/b", False),
        ("/a", "/a/b", False),
        ("/a/b/../c", "/a/b", False),
        ("/a/b/%2e%2e/c", "/a/b", False),
        ("/a/b/%252E%252e/c", "/a/b", False),
        ("/a/b\\..\\c", "/a/b", False),
        ("/a/./b/c", "/a/b", False),
        ("/a/b c/d", "/a/b%20c", True),
        ("/a/B/c", "/a/b", False),
        ("file:///a/b/c", "/a/b", True),
        ("/a/b/c", "file:///a/b", True),
        ("file:/a/b/c", "/a/b", True),
        ("file://host/a/b/c", "/a/b", False),
        ("s3://bucket/a/b", "s3://bucket/a", True),
        ("s3://other/a/b", "s3://bucket/a", False),
        ("gs://bucket/a/b", "s3://bucket/a", False),
        ("s3://bucket/a?x=/b", "s3://bucket/a", False),
        ("s3://bucket/a#/b", "s3://bucket/a", False),
        ("/c#/b/x", "/c#/a", False),
        ("/c?/b/x", "/c?/a", False),
        ("/c#/a/x", "/c#/a", True),
        ("mlflow-artifacts:/1/r/artifacts/m", "mlflow-artifacts:/1/r/artifacts", True),
        ("mlflow-artifacts://evil/1/r/artifacts/m", "mlflow-artifacts:/1/r/artifacts", False),
        ("/anything", "/", False),
        ("/anything", "", False),
        ("s3://bucket/a", "s3://bucket", False),
    ],
)
def test_inside(uri: str, root: str, expected: bool) -> None:
    """By scheme, host and decoded segments; a whole disk or bucket is nobody's folder."""
    assert expected is inside(uri, root)
