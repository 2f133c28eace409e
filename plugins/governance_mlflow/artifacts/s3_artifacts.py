"""Frozen trees in S3-compatible stores, copied there by the store itself, never through this machine's disk.

Rules, besides those of freezing:
1. what is hashed is pinned by its ETag, and its version where there are versions: an object that changes
   between listing, hashing and copying is noticed;
2. a copy takes nothing's place, and is held against the hash of what was judged: by the SHA-256 that the
   store computed while it copied, else by reading the copy;
3. a tree counts as frozen while the list of its files lies beside it, as `<digest>.json`: this is written
   last and removed first.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from math import ceil
from pathlib import Path
from typing import Any

from governance.canonical import canonical
from governance.domain.manifest import Manifest, differences
from governance.errors import Undecided
from governance.hashing import in_parallel
from governance_mlflow.artifacts.destinations import READABLE
from governance_mlflow.artifacts.s3_objects import (
    Objects,
    Place,
    Read,
    changed,
    status_of,
    undecided_if_refused,
)

WRITABLE = "Give the server write access there, or set GOVERNANCE_FROZEN_ROOT, then promote again."
LIST_OF_FILES = ".json"

GIGABYTE = 1 << 30
MOST_PARTS = 10_000
"""S3's own bound of one upload."""


@dataclass(frozen=True, slots=True)
class S3Trees:
    """Hashes and freezes trees of objects."""

    objects: Objects
    largest_copy: int = 5 * GIGABYTE
    """Larger objects are copied in parts; S3 asks for it from here on."""
    part: int = GIGABYTE

    def manifest(self, uri: str) -> Manifest:
        """List and hash the tree at a URI; `Undecided` if there is none or it cannot be read."""
        return _manifest(self._hashed(Place.of(uri)))

    def freeze(self, uri: str, area: str) -> Manifest:
        """Let the store copy a tree to its content address in an area of the same store.

        Raises:
            Undecided: the tree cannot be read, changed meanwhile, or cannot be written; or there is another
                tree in its place.
        """
        source = Place.of(uri)
        read = self._hashed(source)
        manifest = _manifest(read)
        target = Place.of(area) / manifest.digest
        if source != target and source.parent == Place.of(area):
            raise _broken_promise(source)
        with undecided_if_refused(f"The bytes could not be frozen at {target}", WRITABLE):
            there = {listed.path for listed in self.objects.below(target)}
            copied = in_parallel(
                partial(self._copy, target), [one for one in read if one.file.path not in there]
            )
            certain = read if source == target else [one for one in copied if one is not None]
            self._conclude(target, manifest, certain)
        return manifest

    def freeze_folder(self, folder: Path, manifest: Manifest, area: str) -> None:
        """Store a folder of this machine, with what its manifest names, under its digest in an area."""
        target = Place.of(area) / manifest.digest
        with undecided_if_refused(f"The bytes could not be frozen at {target}", WRITABLE):
            there = {listed.path for listed in self.objects.below(target)}
            missing = [file.path for file in manifest.files if file.path not in there]
            in_parallel(lambda path: self.objects.upload(str(folder / path), target / path), missing)
            self._conclude(target, manifest, [])

    def holds(self, uri: str) -> bool:
        """Whether a tree was frozen at a URI and is still there."""
        with undecided_if_refused(f"The store of {uri} does not answer", READABLE):
            return self.objects.holds(list_of_files(Place.of(uri)))

    def _hashed(self, place: Place) -> list[Read]:
        with undecided_if_refused(f"The model bytes at {place} cannot be read", READABLE):
            listed = self.objects.below(place)
            if not listed:
                raise Undecided(f"There are no model bytes at {place}.", READABLE)
            return self.objects.read(listed)

    def _copy(self, target: Place, read: Read) -> Read | None:
        """The copy, which has the bytes that were read; None if something lies there already."""
        place = target / read.file.path
        if read.file.size > self.largest_copy:
            made = self._copy_in_parts(place, read)
        else:
            made = self.objects.call_unless_there(
                "copy_object", place, **_pinned(read), ChecksumAlgorithm="SHA256"
            )
        if made is None:
            # One status says both that the source changed and that somebody was here first.
            if not self.objects.holds(place):
                raise changed(read.place)
            return None
        result = made.get("CopyObjectResult", {})
        if result.get("ChecksumSHA256") == b64encode(bytes.fromhex(read.file.sha256)).decode():
            return Read(place, result["ETag"], None, read.file)
        copy = self.objects.look(place, read.file.path)
        if copy.file != read.file:
            # Left there, it would keep the right bytes out.
            self.objects.call("delete_object", place)
            raise changed(read.place)
        return copy

    def _copy_in_parts(self, place: Place, read: Read) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        size = read.file.size
        step = max(self.part, ceil(size / MOST_PARTS))
        begun = self.objects.call("create_multipart_upload", place)["UploadId"]
        made = None
        try:
            copy = partial(self._copy_part, place, read, begun, step)
            parts = {"Parts": in_parallel(copy, range(ceil(size / step)))}
            upload = {"UploadId": begun, "MultipartUpload": parts}
            made = self.objects.call_unless_there("complete_multipart_upload", place, **upload)
        finally:
            if made is None:
                with suppress(ClientError):
                    self.objects.call("abort_multipart_upload", place, UploadId=begun)
        return made

    def _copy_part(self, place: Place, read: Read, upload: str, step: int, index: int) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        first, number = index * step, index + 1
        bytes_ = f"bytes={first}-{min(first + step, read.file.size) - 1}"
        which = {"UploadId": upload, "PartNumber": number, "CopySourceRange": bytes_}
        try:
            copied = self.objects.call("upload_part_copy", place, **which, **_pinned(read))
        except ClientError as error:
            if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                raise changed(read.place) from error
            raise
        return {"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]}

    def _conclude(self, target: Place, manifest: Manifest, certain: list[Read]) -> None:
        """Hold what lies at the target against the manifest, and let it count as frozen."""
        known = {(read.place, read.etag): read for read in certain}
        present = self.objects.below(target)
        doubtful = self.objects.read([one for one in present if (one.place, one.etag) not in known])
        there = [known[one.place, one.etag] for one in present if (one.place, one.etag) in known]
        if found := differences(manifest, _manifest([*there, *doubtful])):
            raise Undecided(
                f"What lies at {target} is not what was copied there: {'; '.join(found)}.",
                "Move it away and promote again.",
            )
        listing = canonical(manifest.listing)
        self.objects.call_unless_there("put_object", list_of_files(target), Body=listing)


def _manifest(read: list[Read]) -> Manifest:
    return Manifest(tuple(one.file for one in read))


def _pinned(read: Read) -> dict[str, Any]:
    version = {} if read.version is None else {"VersionId": read.version}
    return {
        "CopySource": {"Bucket": read.place.bucket, "Key": read.place.key} | version,
        "CopySourceIfMatch": read.etag,
    }


def list_of_files(tree: Place) -> Place:
    """The object whose presence says that a frozen tree is complete."""
    return Place(tree.bucket, tree.key + LIST_OF_FILES)


def _broken_promise(tree: Place) -> Undecided:
    return Undecided(
        f"The frozen bytes at {tree} are not the ones their name promises.",
        "Run `governance doctor`; restore them from a backup, or register the model again.",
    )
