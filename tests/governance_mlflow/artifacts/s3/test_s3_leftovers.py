"""Sweeping frozen areas in a real S3 server: what nothing refers to goes, what may still be wanted stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from governance.errors import Undecided
from governance_mlflow.artifacts import s3_leftovers
from governance_mlflow.artifacts.destinations import FrozenArea
from governance_mlflow.artifacts.s3_artifacts import S3Trees
from governance_mlflow.artifacts.s3_objects import Place, connect
from governance_mlflow.artifacts.version_bytes import MlflowArtifacts

pytestmark = pytest.mark.slow

OTHER = {"MLmodel": b"flavors: {sklearn: {}}\n"}


@pytest.fixture
def artifacts(bucket: Any) -> Callable[..., MlflowArtifacts]:
    """What the gate uses, at some time after now."""

    def make(hours: float = 2, area: str = "served/frozen") -> MlflowArtifacts:
        place = bucket.uri(area)
        return MlflowArtifacts(
            FrozenArea(place, place), lambda: datetime.now(timezone.utc) + timedelta(hours=hours)
        )

    return make


def frozen(bucket: Any, key: str, files: dict[str, bytes]) -> str:
    """A frozen tree in an area; returns its URI."""
    area = bucket.uri(key)
    digest = S3Trees(connect()).freeze(bucket.model("origin", files), area).digest
    for name in files:
        bucket.client.delete_object(Bucket=bucket.name, Key=f"origin/{name}")
    return f"{area}/{digest}"


def test_sweep_removes_what_nothing_refers_to(bucket: Any, artifacts: Callable[..., MlflowArtifacts]) -> None:
    """Unreferenced trees go with the lists of their files; referenced ones and foreign objects stay."""
    kept = frozen(bucket, "served/frozen", {"MLmodel": b"1", "data/w": b"2"})
    orphan = frozen(bucket, "served/frozen", OTHER)
    bucket.put(f"served/frozen/{'a' * 64}/half", b"w")
    for foreign in ("README", "folder/file", f"{'a' * 63}/x", f"{'A' * 64}/x"):
        bucket.put(f"served/frozen/{foreign}", b"not ours")
    stays = {key for key in bucket.contents() if orphan.rpartition("/")[2] not in key and "half" not in key}
    found = artifacts().leftovers(frozenset({kept}))

    assert {orphan, bucket.uri(f"served/frozen/{'a' * 64}")} == set(found)
    assert found == artifacts().sweep(frozenset({kept}))
    assert stays == set(bucket.contents())
    assert () == artifacts().leftovers(frozenset({kept}))


def test_what_was_written_lately_may_still_be_wanted(
    bucket: Any, artifacts: Callable[..., MlflowArtifacts]
) -> None:
    """Another server may be copying, or about to record its decision."""
    orphan = frozen(bucket, "served/frozen", OTHER)
    before = bucket.contents()

    assert () == artifacts(hours=0.9).sweep(frozenset())
    assert before == bucket.contents()
    assert (orphan,) == artifacts(hours=1.1).sweep(frozenset())


def test_the_areas_of_all_workspaces_are_swept(
    bucket: Any, artifacts: Callable[..., MlflowArtifacts]
) -> None:
    """From whichever of them it is called; a digest that something refers to is kept in all."""
    areas = ["served/frozen", "served/workspaces/a/frozen", "served/workspaces/b/frozen"]
    kept = [frozen(bucket, area, {"MLmodel": b"kept"}) for area in areas]
    orphans = [frozen(bucket, area, OTHER) for area in areas]
    bucket.put("served/workspaces/b/1/model/MLmodel", b"not frozen")

    assert tuple(orphans) == artifacts(area=areas[0]).leftovers(frozenset(kept[1:2]))
    assert tuple(orphans) == artifacts(area=areas[2]).sweep(frozenset(kept[1:2]))
    assert all(S3Trees(connect()).holds(uri) for uri in kept)


def test_an_area_that_is_set_apart_is_swept_alone(
    bucket: Any, artifacts: Callable[..., MlflowArtifacts]
) -> None:
    """Beside an area of another name there are no workspaces of ours."""
    orphan = frozen(bucket, "approved", OTHER)
    frozen(bucket, "workspaces/a/frozen", OTHER)

    assert (orphan,) == artifacts(area="approved").sweep(frozenset())


def test_an_upload_that_was_given_up_is_ended(bucket: Any, watched: Any) -> None:
    """Its parts are seen by nobody and paid for by somebody; one that began lately may still go on."""
    key, begun = f"served/frozen/{'a' * 64}/weights", datetime(2026, 3, 1, tzinfo=timezone.utc)
    ours = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key="served/1/weights")
    # This server says of every upload that it began in 2010.
    watched.after(
        "ListMultipartUploads",
        lambda parsed: [upload.update(Initiated=begun) for upload in parsed.get("Uploads", ())] and None,
    )
    objects, area = watched.trees.objects, Place.of(bucket.uri("served/frozen"))

    assert () == s3_leftovers.sweep(objects, area, frozenset(), begun)
    later = s3_leftovers.sweep(objects, area, frozenset(), begun + timedelta(seconds=1))
    assert (f"{bucket.uri(key)}?uploadId={ours}",) == later
    assert ["served/1/weights"] == bucket.uploads()


def test_a_tree_of_many_files_goes_as_a_whole(
    bucket: Any, artifacts: Callable[..., MlflowArtifacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many objects the store deletes at once."""
    monkeypatch.setattr(s3_leftovers, "MOST_DELETED", 2)
    frozen(bucket, "served/frozen", {f"part-{number}": b"w" for number in range(5)})

    artifacts().sweep(frozenset())

    assert {} == bucket.contents()


def test_a_sweep_killed_half_way_leaves_nothing_that_counts(bucket: Any, watched: Any) -> None:
    """What is left of a tree is not taken for it, and can be frozen again."""
    orphan = frozen(bucket, "served/frozen", OTHER)

    def killed(_: Any) -> None:
        raise KeyboardInterrupt

    watched.before("DeleteObjects", killed)
    later = datetime.now(timezone.utc) + timedelta(hours=2)
    with pytest.raises(KeyboardInterrupt):
        s3_leftovers.sweep(watched.trees.objects, Place.of(bucket.uri("served/frozen")), frozenset(), later)

    assert not S3Trees(connect()).holds(orphan)
    assert OTHER == bucket.contents(f"served/frozen/{orphan.rpartition('/')[2]}/")
    assert orphan == frozen(bucket, "served/frozen", OTHER)
    assert S3Trees(connect()).holds(orphan)


def test_a_store_that_refuses_to_delete_is_undecided(bucket: Any, watched: Any) -> None:
    """What cannot be removed is not reported as removed."""
    frozen(bucket, "served/frozen", OTHER)
    refused = {"Errors": [{"Key": "served/frozen/x", "Code": "AccessDenied", "Message": "Access Denied"}]}
    watched.after("DeleteObjects", lambda parsed: parsed.update(refused))
    area, later = Place.of(bucket.uri("served/frozen")), datetime.now(timezone.utc) + timedelta(hours=2)

    with pytest.raises(Undecided, match=r"served/frozen/x cannot be removed: Access Denied"):
        s3_leftovers.sweep(watched.trees.objects, area, frozenset(), later)
    with pytest.raises(Undecided, match=r"What lies in s3://no-such-bucket/frozen cannot be listed"):
        s3_leftovers.leftovers(
            watched.trees.objects, Place.of("s3://no-such-bucket/frozen"), frozenset(), later
        )
