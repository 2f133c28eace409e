"""What freezing left in an S3-compatible store: trees that nothing refers to, and copies that were given up.

A tree that is still being copied has an object younger than the time that is named; so has one that was
just frozen, whose decision may be on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from governance.errors import Undecided
from governance.freezing import is_digest
from governance_mlflow.artifacts.frozen_paths import FROZEN, WORKSPACES
from governance_mlflow.artifacts.s3_artifacts import list_of_files
from governance_mlflow.artifacts.s3_objects import Objects, Place, undecided_if_refused

REMEDY = "Give this process the right to list and delete there, or remove them by hand."

MOST_DELETED = 1000
"""S3's own bound of one deletion."""

Upload = tuple[Place, str]


def leftovers(objects: Objects, area: Place, keep: frozenset[str], before: datetime) -> tuple[str, ...]:
    """Trees in an area and uploads on the way there, untouched since `before`; never a digest in `keep`."""
    with undecided_if_refused(f"What lies in {area} cannot be listed", REMEDY):
        return _named(_trees(objects, area, keep, before), _uploads(objects, area, before))


def sweep(objects: Objects, area: Place, keep: frozenset[str], before: datetime) -> tuple[str, ...]:
    """Remove what `leftovers` finds and return it."""
    with undecided_if_refused(f"Leftovers in {area} cannot be removed", REMEDY):
        trees, uploads = _trees(objects, area, keep, before), _uploads(objects, area, before)
        for tree in trees:
            _remove(objects, tree)
        for place, upload in uploads:
            objects.call("abort_multipart_upload", place, UploadId=upload)
        return _named(trees, uploads)


def areas_with(objects: Objects, area: Place) -> list[Place]:
    """A frozen area and those of the other workspaces of the same destination."""
    if area.name != FROZEN:
        return [area]
    root = area.parent.parent.parent if area.parent.parent.name == WORKSPACES else area.parent
    teams = objects.folders(root / WORKSPACES)
    return [root / FROZEN, *(root / WORKSPACES / team / FROZEN for team in teams)]


def _named(trees: list[Place], uploads: list[Upload]) -> tuple[str, ...]:
    return (*map(str, trees), *(f"{place}?uploadId={upload}" for place, upload in uploads))


def _trees(objects: Objects, area: Place, keep: frozenset[str], before: datetime) -> list[Place]:
    digests = [name for name in objects.folders(area) if is_digest(name) and name not in keep]
    return [area / digest for digest in digests if max(_written_at(objects, area / digest)) < before]


def _written_at(objects: Objects, tree: Place) -> Iterator[datetime]:
    # With the list of its files beside it, which is the newest of a finished tree.
    for _, entry in objects.entries(tree.bucket, tree.key):
        yield entry["LastModified"]


def _uploads(objects: Objects, area: Place, before: datetime) -> list[Upload]:
    return [
        (Place(area.bucket, entry["Key"]), entry["UploadId"])
        for entry in objects.uploads(area)
        if entry["Initiated"] < before
    ]


def _remove(objects: Objects, tree: Place) -> None:
    objects.call("delete_object", list_of_files(tree))
    keys = [{"Key": entry["Key"]} for _, entry in objects.entries(tree.bucket, tree.prefix)]
    for begin in range(0, len(keys), MOST_DELETED):
        batch = {"Objects": keys[begin : begin + MOST_DELETED], "Quiet": True}
        done = objects.call("delete_objects", tree, Delete=batch)
        for error in done.get("Errors", ()):
            raise Undecided(f"{error['Key']} cannot be removed: {error['Message']}.", REMEDY)
