"""Trees in a real S3 server: hashed as they stream, frozen by the store's own copies, pinned and checked."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody

from governance.domain.manifest import Manifest
from governance.errors import Undecided
from governance.hashing import CHUNK, hash_tree
from governance_mlflow.artifacts.destinations import FrozenArea, frozen_area
from governance_mlflow.artifacts.s3_artifacts import S3Trees
from governance_mlflow.artifacts.s3_objects import connect
from governance_mlflow.artifacts.version_bytes import MlflowArtifacts

pytestmark = pytest.mark.slow

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 1000}
FIVE_MEGABYTES = 5 << 20


def test_a_tree_of_objects_has_the_manifest_of_the_same_folder(
    bucket: Any, trees: S3Trees, manifest: Manifest
) -> None:
    """Where bytes lie does not show in their digest."""
    assert manifest == trees.manifest(bucket.model("1/model")) == trees.manifest(bucket.uri("1/model/"))


def test_only_what_lies_below_the_key_is_the_model(bucket: Any, trees: S3Trees, manifest: Manifest) -> None:
    """A neighbour whose key begins alike, a folder's marker and MLflow's own note are no part of it."""
    uri = bucket.model("model")
    for key in ("model2/MLmodel", "model-x", "model/", "model/data/", "model/registered_model_meta"):
        bucket.put(key, b"" if key.endswith("/") else b"another")

    assert manifest == trees.manifest(uri)


def test_freezing_is_done_by_the_store(
    bucket: Any, trees: S3Trees, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copies lie under the digest, the list of files beside them, and this machine's disk saw nothing."""
    uri = bucket.model("1/model")
    monkeypatch.setattr(tempfile, "mkdtemp", None)
    monkeypatch.setattr(trees.objects.client, "upload_file", None)

    assert manifest == trees.freeze(uri, bucket.uri("frozen"))

    assert FILES == bucket.frozen(manifest)
    assert manifest.listing == json.loads(bucket.contents("frozen/")[f"{manifest.digest}.json"])
    assert FILES == bucket.contents("1/model/")


def test_overwriting_the_origin_leaves_the_frozen_bytes(
    bucket: Any, trees: S3Trees, manifest: Manifest
) -> None:
    """What was approved is what is served, whatever happens where it came from."""
    trees.freeze(bucket.model("1/model"), bucket.uri("frozen"))
    bucket.put("1/model/MLmodel", b"evil")

    assert FILES == bucket.frozen(manifest)
    assert manifest == trees.manifest(bucket.uri(f"frozen/{manifest.digest}"))


def test_freezing_twice_leaves_one_tree(bucket: Any, trees: S3Trees, manifest: Manifest) -> None:
    """The same bytes have one address; from there they are frozen without being moved."""
    uri, area = bucket.model("1/model"), bucket.uri("frozen")
    trees.freeze(uri, area)
    before = bucket.contents()

    assert manifest == trees.freeze(uri, area) == trees.freeze(f"{area}/{manifest.digest}", area)
    assert before == bucket.contents()


def test_a_tree_is_there_when_it_is_complete(bucket: Any, trees: S3Trees, manifest: Manifest) -> None:
    """Half a copy under the right digest does not count, and is finished by the next attempt."""
    uri, area = bucket.model("1/model"), bucket.uri("frozen")
    frozen = f"{area}/{manifest.digest}"
    bucket.put(f"frozen/{manifest.digest}/MLmodel", FILES["MLmodel"])

    before = trees.holds(frozen)
    trees.freeze(uri, area)

    assert (False, True) == (before, trees.holds(frozen))
    assert FILES == bucket.frozen(manifest)


@pytest.mark.parametrize(("name", "difference"), [("MLmodel", "MLmodel: changed"), ("extra", "extra: added")])
def test_other_bytes_in_the_place_of_a_copy_are_not_served(
    bucket: Any, trees: S3Trees, manifest: Manifest, name: str, difference: str
) -> None:
    """Nor are they overwritten: they may be evidence of who wrote there."""
    uri = bucket.model("1/model")
    bucket.put(f"frozen/{manifest.digest}/{name}", b"evil")

    with pytest.raises(Undecided, match=f"is not what was copied there: {difference}"):
        trees.freeze(uri, bucket.uri("frozen"))

    assert b"evil" == bucket.frozen(manifest)[name]
    assert not trees.holds(bucket.uri(f"frozen/{manifest.digest}"))


def test_frozen_bytes_that_were_changed_are_not_promoted(
    bucket: Any, trees: S3Trees, manifest: Manifest
) -> None:
    """A version that is served from a frozen tree is frozen again only if the name still holds."""
    area = bucket.uri("frozen")
    trees.freeze(bucket.model("1/model"), area)
    bucket.put(f"frozen/{manifest.digest}/MLmodel", b"evil")

    with pytest.raises(Undecided, match="are not the ones their name promises"):
        trees.freeze(f"{area}/{manifest.digest}", area)


@pytest.mark.parametrize(
    "keys",
    [["a//b"], ["./a"], ["a/.."], ["data/x", "Data/y"], ["a", "a/b"], ["a/"]],
    ids=["empty name", "dot", "dots", "case", "file and folder", "folder with contents"],
)
def test_keys_that_no_folder_could_hold_are_refused(bucket: Any, trees: S3Trees, keys: list[str]) -> None:
    """Downloaded, such a tree would be another one."""
    for key in keys:
        bucket.put(f"1/model/{key}", b"data")

    with pytest.raises(Undecided, match=r"cannot be a file of a model|one path where case does not count"):
        trees.manifest(bucket.uri("1/model"))


@pytest.mark.parametrize("place", ["1/nothing", "1/mode"])
def test_no_objects_are_no_model(bucket: Any, trees: S3Trees, place: str) -> None:
    """Bytes that are not there are not an empty model."""
    bucket.model("1/model")

    with pytest.raises(Undecided, match="There are no model bytes at"):
        trees.manifest(bucket.uri(place))


def test_a_store_that_refuses_is_undecided(trees: S3Trees, bucket: Any) -> None:
    """Whatever kind of exception the library raises, nothing is promoted."""
    uri = bucket.model("1/model")

    with pytest.raises(Undecided, match="The model bytes at s3://no-such-bucket/model cannot be read"):
        trees.manifest("s3://no-such-bucket/model")
    with pytest.raises(Undecided, match="could not be frozen at s3://no-such-bucket/frozen"):
        trees.freeze(uri, "s3://no-such-bucket/frozen")
    assert not trees.holds("s3://no-such-bucket/frozen/x")


def test_a_store_that_does_not_answer_holds_nothing_that_is_known(bucket: Any, watched: Any) -> None:
    """Refused is not the same as absent."""
    watched.before("HeadObject", lambda _: watched.refusal(403, "AccessDenied"))

    with pytest.raises(Undecided, match="does not answer"):
        watched.trees.holds(bucket.uri("frozen/x"))


def test_objects_are_read_piece_by_piece(
    bucket: Any, trees: S3Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No object is ever in memory as a whole."""
    uri = bucket.model("1/model", {"weights": b"w" * 3 * CHUNK})
    asked, read = [], StreamingBody.read
    monkeypatch.setattr(StreamingBody, "read", lambda self, amt=None: asked.append(amt) or read(self, amt))

    trees.manifest(uri)

    assert {CHUNK} == set(asked)


def test_several_objects_are_read_at_a_time(bucket: Any, watched: Any, manifest: Manifest) -> None:
    """Each of two waits for the other: one after the other they would wait for ever."""
    uri, both = bucket.model("1/model"), threading.Barrier(2, timeout=20)
    watched.before("GetObject", lambda _: [both.wait(), None][1])

    assert manifest == watched.trees.manifest(uri)


def test_copies_are_made_as_mlflow_s_settings_ask(
    bucket: Any, settings: str, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    """A bucket that takes only what is encrypted in one way takes frozen bytes too."""
    del settings
    uri, area = bucket.model("1/model"), bucket.uri("frozen")
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", '{"ServerSideEncryption": "aws:kms"}')

    S3Trees(connect()).freeze(uri, area)

    key = f"frozen/{manifest.digest}/MLmodel"
    assert "aws:kms" == bucket.client.head_object(Bucket=bucket.name, Key=key)["ServerSideEncryption"]


@pytest.fixture
def artifacts(bucket: Any) -> MlflowArtifacts:
    """What the gate uses, freezing into that bucket."""
    return MlflowArtifacts(FrozenArea(bucket.uri("frozen"), bucket.uri("frozen")))


def test_the_gate_s_view(bucket: Any, artifacts: MlflowArtifacts, manifest: Manifest) -> None:
    """Hashed, read, frozen and found again through the port."""
    uri = bucket.model("1/model")
    frozen = bucket.uri(f"frozen/{manifest.digest}")

    assert (manifest, False) == (artifacts.manifest(uri), artifacts.holds(frozen))
    assert {"flavors": {}} == artifacts.mlmodel(uri)
    assert (manifest, frozen) == artifacts.freeze(uri)
    assert (True, manifest) == (artifacts.holds(frozen), artifacts.manifest(frozen))


def test_from_this_machine_into_the_store(
    bucket: Any, artifacts: MlflowArtifacts, model: Path, manifest: Manifest
) -> None:
    """A model that lies in a folder of the server is frozen where the others are."""
    frozen = bucket.uri(f"frozen/{manifest.digest}")

    assert (manifest, frozen) == artifacts.freeze(str(model)) == artifacts.freeze(str(model))
    assert FILES == bucket.frozen(manifest)
    assert artifacts.holds(frozen)


def test_from_the_store_to_this_machine(bucket: Any, tmp_path: Path, manifest: Manifest) -> None:
    """Where the frozen area is a folder, objects are frozen as files."""
    area = tmp_path / "frozen"
    artifacts = MlflowArtifacts(FrozenArea(str(area), str(area)))

    assert (manifest, str(area / manifest.digest)) == artifacts.freeze(bucket.model("1/model"))
    assert manifest == hash_tree(area / manifest.digest)


def test_behind_a_server(bucket: Any, monkeypatch: pytest.MonkeyPatch, manifest: Manifest) -> None:
    """What a server proxies from S3 it freezes there, and names as its clients know it."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", f"governed+{bucket.uri('served')}")
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    bucket.model("served/1/model")
    artifacts = MlflowArtifacts(frozen_area(None, "postgresql://db/x"))

    found, public = artifacts.freeze("mlflow-artifacts:/1/model")

    assert (manifest, f"mlflow-artifacts:/frozen/{manifest.digest}") == (found, public)
    assert (True, manifest) == (artifacts.holds(public), artifacts.manifest(public))
    assert FILES == bucket.contents(f"served/frozen/{manifest.digest}/")
