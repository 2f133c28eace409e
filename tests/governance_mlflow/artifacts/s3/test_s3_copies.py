"""Copies made by the store: pinned to what was hashed, in nobody's place, in parts where they are large."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.manifest import Manifest
from governance.errors import Undecided
from governance_mlflow.artifacts.s3_artifacts import S3Trees
from governance_mlflow.artifacts.s3_objects import connect

pytestmark = pytest.mark.slow

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 1000}
FIVE_MEGABYTES = 5 << 20


def test_an_object_that_changes_before_it_is_read_is_noticed(bucket: Any, watched: Any) -> None:
    """It is read as it was listed, or not at all."""
    uri = bucket.model("1/model")
    watched.before("GetObject", lambda _: bucket.put("1/model/MLmodel", b"evil"))

    with pytest.raises(
        Undecided, match=r"1/model/MLmodel changed while it was being read or copied"
    ) as undecided:
        watched.trees.manifest(uri)
    assert "Promote again." == undecided.value.remedy


def test_an_object_that_vanishes_before_it_is_read_is_noticed(bucket: Any, watched: Any) -> None:
    """A file that was deleted is not left out in silence."""
    uri = bucket.model("1/model")
    watched.before(
        "GetObject", lambda _: bucket.client.delete_object(Bucket=bucket.name, Key="1/model/MLmodel") and None
    )

    with pytest.raises(Undecided, match=r"1/model/MLmodel changed"):
        watched.trees.manifest(uri)


@pytest.mark.parametrize("vouches", [True, False], ids=["the store hashes", "the store does not hash"])
def test_an_object_that_changes_before_it_is_copied_is_noticed(
    bucket: Any, watched: Any, manifest: Manifest, vouches: bool
) -> None:
    """Some stores copy what is there now, whatever was asked for: the copy must be what was hashed."""
    uri, area = bucket.model("1/model"), bucket.uri("frozen")
    watched.before("CopyObject", lambda _: bucket.put("1/model/MLmodel", b"evil"))
    if not vouches:
        watched.after("CopyObject", lambda parsed: parsed["CopyObjectResult"].pop("ChecksumSHA256") and None)

    with pytest.raises(Undecided, match=r"1/model/MLmodel changed"):
        watched.trees.freeze(uri, area)

    assert b"evil" not in bucket.frozen(manifest).values()
    assert not watched.trees.holds(f"{area}/{manifest.digest}")
    bucket.model("1/model")
    assert manifest == S3Trees(connect()).freeze(uri, area)


def test_where_there_are_versions_the_one_that_was_hashed_is_copied(
    bucket: Any, watched: Any, manifest: Manifest
) -> None:
    """Then what is written meanwhile is another version, and the freeze succeeds."""
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    uri = bucket.model("1/model")
    watched.before("CopyObject", lambda _: bucket.put("1/model/MLmodel", b"evil"))

    assert manifest == watched.trees.freeze(uri, bucket.uri("frozen"))
    assert FILES == bucket.frozen(manifest)
    assert b"evil" == bucket.contents("1/model/")["MLmodel"]


def test_a_store_that_hashes_nothing_is_read_again(bucket: Any, watched: Any, manifest: Manifest) -> None:
    """A copy that nobody vouches for is hashed like any other bytes."""
    uri, read = bucket.model("1/model"), []
    watched.after("CopyObject", lambda parsed: parsed["CopyObjectResult"].pop("ChecksumSHA256") and None)
    watched.before("GetObject", lambda params: read.append(params["url_path"].rpartition("model/")[2]))

    watched.trees.freeze(uri, bucket.uri("frozen"))

    assert FILES == bucket.frozen(manifest)
    assert 4 == len(read)


def test_a_store_that_hashes_is_believed(bucket: Any, watched: Any, manifest: Manifest) -> None:
    """Each byte crosses the network once."""
    uri, read = bucket.model("1/model"), []
    watched.before("GetObject", lambda params: read.append(params["url_path"]))

    watched.trees.freeze(uri, bucket.uri("frozen"))

    assert FILES == bucket.frozen(manifest)
    assert 2 == len(read)


def test_a_copy_takes_nothing_s_place(bucket: Any, watched: Any) -> None:
    """Every copy is asked for on two conditions: the source is as it was hashed, and nothing is there."""
    headers: list[dict[str, str]] = []
    watched.before("CopyObject", lambda params: headers.append(dict(params["headers"])) and None)
    watched.before("PutObject", lambda params: headers.append(dict(params["headers"])) and None)
    uri = bucket.model("1/model", {"MLmodel": b"flavors"})
    etag = bucket.client.head_object(Bucket=bucket.name, Key="1/model/MLmodel")["ETag"]

    watched.trees.freeze(uri, bucket.uri("frozen"))

    assert [("*", etag), ("*", None)] == [
        (sent["If-None-Match"], sent.get("x-amz-copy-source-if-match")) for sent in headers
    ]


def test_who_was_first_is_checked_like_anybody(bucket: Any, watched: Any, manifest: Manifest) -> None:
    """Another server froze the same bytes at the same moment: its copy serves as well, if it is one."""
    uri, area = bucket.model("1/model"), bucket.uri("frozen")

    def be_first(_: Any) -> Any:
        bucket.model(f"frozen/{manifest.digest}")
        return watched.refusal(412, "PreconditionFailed")

    watched.before("CopyObject", be_first)

    assert manifest == watched.trees.freeze(uri, area)


def test_a_store_that_says_that_the_source_changed(bucket: Any, watched: Any) -> None:
    """The same refusal, with nothing at the target, means that."""
    uri = bucket.model("1/model")
    watched.before("CopyObject", lambda _: watched.refusal(412, "PreconditionFailed"))

    with pytest.raises(Undecided, match="changed while it was being read or copied"):
        watched.trees.freeze(uri, bucket.uri("frozen"))


def test_a_store_without_conditional_writes(bucket: Any, watched: Any, manifest: Manifest) -> None:
    """It is asked without the condition, after having looked; the check of the copies stands."""
    uri = bucket.model("1/model")
    for operation in ("CopyObject", "PutObject"):
        watched.before(
            operation,
            lambda params: (
                watched.refusal(501, "NotImplemented") if "If-None-Match" in params["headers"] else None
            ),
        )

    assert manifest == watched.trees.freeze(uri, bucket.uri("frozen"))
    assert FILES == bucket.frozen(manifest)
    assert watched.trees.holds(bucket.uri(f"frozen/{manifest.digest}"))


@pytest.fixture
def large(bucket: Any) -> dict[str, bytes]:
    """A model with a file that is copied in three parts."""
    files = {"MLmodel": b"flavors: {}\n", "weights": bytes(range(256)) * 45_000}
    bucket.model("1/large", files)
    return files


@pytest.fixture
def in_parts(watched: Any) -> S3Trees:
    """Trees that copy whatever has more than five megabytes in parts of that size."""
    return S3Trees(watched.trees.objects, largest_copy=FIVE_MEGABYTES, part=FIVE_MEGABYTES)


def test_large_objects_are_copied_in_parts(
    bucket: Any, watched: Any, in_parts: S3Trees, large: dict[str, bytes]
) -> None:
    """Past what S3 copies at once, part by part, and with the same result."""
    ranges: list[str] = []
    watched.before(
        "UploadPartCopy", lambda params: ranges.append(params["headers"]["x-amz-copy-source-range"])
    )

    found = in_parts.freeze(bucket.uri("1/large"), bucket.uri("frozen"))

    assert ["bytes=0-5242879", "bytes=10485760-11519999", "bytes=5242880-10485759"] == sorted(ranges)
    assert large == bucket.frozen(found)
    assert [] == bucket.uploads()


def test_a_large_object_that_changes_while_it_is_copied(
    bucket: Any, watched: Any, in_parts: S3Trees, large: dict[str, bytes]
) -> None:
    """Parts of two different files are not a model, and nothing of them stays."""
    watched.before("UploadPartCopy", lambda _: bucket.put("1/large/weights", large["weights"][::-1]))

    with pytest.raises(Undecided, match=r"1/large/weights changed"):
        in_parts.freeze(bucket.uri("1/large"), bucket.uri("frozen"))

    assert not any(key.endswith("weights") for key in bucket.contents("frozen/"))
    assert [] == bucket.uploads()


@pytest.mark.usefixtures("large")
def test_a_store_that_notices_a_changed_part(bucket: Any, watched: Any, in_parts: S3Trees) -> None:
    """It refuses the part, and the upload is given up."""
    watched.before("UploadPartCopy", lambda _: watched.refusal(412, "PreconditionFailed"))

    with pytest.raises(Undecided, match=r"1/large/weights changed"):
        in_parts.freeze(bucket.uri("1/large"), bucket.uri("frozen"))
    assert [] == bucket.uploads()


@pytest.mark.usefixtures("large")
def test_a_large_copy_takes_nothing_s_place(bucket: Any, watched: Any, in_parts: S3Trees) -> None:
    """What somebody put there while the parts were copied stays, and is not served."""
    digest = in_parts.manifest(bucket.uri("1/large")).digest
    watched.before("CompleteMultipartUpload", lambda _: bucket.put(f"frozen/{digest}/weights", b"evil"))

    with pytest.raises(Undecided, match="is not what was copied there: weights: changed"):
        in_parts.freeze(bucket.uri("1/large"), bucket.uri("frozen"))

    assert b"evil" == bucket.contents(f"frozen/{digest}/")["weights"]
    assert [] == bucket.uploads()
