"""Objects of an S3-compatible store: listed as files, read as listed, put only where nothing lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from governance.domain.manifest import File
from governance.errors import Undecided
from governance.hashing import BYSTANDERS, CHUNK, hash_of, in_parallel, refuse_lookalikes

AGAIN = "Promote again."


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and the key below which objects lie, without a slash at its end."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """What an `s3://` URI means to MLflow."""
        parts = urlsplit(uri)
        return cls(parts.netloc, parts.path.removeprefix("/").rstrip("/"))

    def __truediv__(self, name: str) -> Place:
        return Place(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last of the names that lead there."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Place:
        """The place above."""
        return Place(self.bucket, self.key.rpartition("/")[0])

    @property
    def prefix(self) -> str:
        """What the keys of all objects below begin with."""
        return f"{self.key}/" if self.key else ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it."""

    place: Place
    path: str
    etag: str


@dataclass(frozen=True, slots=True)
class Read:
    """An object as it was read: exactly these bytes were hashed."""

    place: Place
    etag: str
    version: str | None
    """Where the bucket keeps versions, the one that was read."""
    file: File


class Objects:
    """One S3-compatible store, with the credentials and settings that MLflow uses for it."""

    def __init__(self, client: Any, settings: Mapping[str, Any]) -> None:
        self.client = client
        self._settings = settings

    def below(self, place: Place) -> list[Listed]:
        """The files of the tree at a place, bystanders left out.

        Raises:
            Undecided: an object has no name that a file could have, or two have names that some file
                system takes for one.
        """
        found = []
        for path, entry in self.entries(place.bucket, place.prefix):
            if not entry["Size"] and (path == "" or path.endswith("/")):
                continue  # It stands for a folder.
            if not {"", ".", ".."}.isdisjoint(path.split("/")):
                raise Undecided(f"{place / path} cannot be a file of a model.", "Remove or rename it.")
            found.append(Listed(place / path, path, entry["ETag"]))
        refuse_lookalikes(listed.path for listed in found)
        return [listed for listed in found if listed.path not in BYSTANDERS]

    def read(self, listed: list[Listed]) -> list[Read]:
        """Hash objects as they stream, several at a time; `Undecided` if one is no longer as listed."""
        return in_parallel(self._read, listed)

    def entries(self, bucket: str, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every object whose key begins with a prefix: the rest of the key, and what the listing says."""
        for page in self._pages("list_objects_v2", bucket, prefix):
            for entry in page.get("Contents", ()):
                yield entry["Key"][len(prefix) :], entry

    def folders(self, place: Place) -> list[str]:
        """The names directly below a place that have something below them."""
        pages = self._pages("list_objects_v2", place.bucket, place.prefix, Delimiter="/")
        found = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
        return [prefix[len(place.prefix) :].rstrip("/") for prefix in found]

    def uploads(self, place: Place) -> Iterator[dict[str, Any]]:
        """Every unfinished upload in parts to a key below a place."""
        for page in self._pages("list_multipart_uploads", place.bucket, place.prefix):
            yield from page.get("Uploads", ())

    def call(self, operation: str, place: Place, **arguments: Any) -> dict[str, Any]:
        """Do something to an object as the settings ask; what is too new for this boto3 is left out."""
        known = self.client.meta.service_model.operation_model(
            self.client.meta.method_to_api_mapping[operation]
        ).input_shape.members
        wanted = {"Bucket": place.bucket, "Key": place.key, **self._settings, **arguments}
        done: dict[str, Any] = getattr(self.client, operation)(
            **{name: value for name, value in wanted.items() if name in known}
        )
        return done

    def call_unless_there(self, operation: str, place: Place, **arguments: Any) -> dict[str, Any] | None:
        """The same where it makes an object; None, and nothing was made, if there is one already."""
        from botocore.exceptions import ClientError

        try:
            return self.call(operation, place, **arguments, IfNoneMatch="*")
        except ClientError as error:
            status = status_of(error)
            if status in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
                return None
            if status != HTTPStatus.NOT_IMPLEMENTED:
                raise
        return self.call(operation, place, **arguments)

    def holds(self, place: Place) -> bool:
        """Whether there is an object of exactly that key."""
        from botocore.exceptions import ClientError

        try:
            self.call("head_object", place)
        except ClientError as error:
            if status_of(error) == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def upload(self, file: str, place: Place) -> None:
        """Store a file of this machine, a large one in parts."""
        from boto3.s3.transfer import S3Transfer, TransferConfig

        known = S3Transfer.ALLOWED_UPLOAD_ARGS
        settings = {name: value for name, value in self._settings.items() if name in known}
        # Several files are uploaded at a time already.
        serial = TransferConfig(use_threads=False)
        self.client.upload_file(file, place.bucket, place.key, ExtraArgs=settings, Config=serial)

    def _pages(self, operation: str, bucket: str, prefix: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        owner = {name: value for name, value in self._settings.items() if name == "ExpectedBucketOwner"}
        pages = self.client.get_paginator(operation)
        yield from pages.paginate(Bucket=bucket, Prefix=prefix, **owner, **arguments)

    def look(self, place: Place, path: str) -> Read:
        """Hash whatever lies at a place now."""
        return self._hashed(place, path, self.call("get_object", place))

    def _read(self, listed: Listed) -> Read:
        from botocore.exceptions import ClientError

        try:
            got = self.call("get_object", listed.place, IfMatch=listed.etag)
        except ClientError as error:
            if status_of(error) in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_FOUND):
                raise changed(listed.place) from error
            raise
        return self._hashed(listed.place, listed.path, got)

    def _hashed(self, place: Place, path: str, got: dict[str, Any]) -> Read:
        with closing(got["Body"]) as body:
            file = File(path, *hash_of(body.iter_chunks(CHUNK)))
        version = got.get("VersionId")
        return Read(place, got["ETag"], None if version == "null" else version, file)


def connect() -> Objects:
    """The store that MLflow would use, with `MLFLOW_S3_ENDPOINT_URL` and its other settings."""
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    repository = S3ArtifactRepository("s3://")
    owner = dict(repository._bucket_owner_params)
    if "ExpectedBucketOwner" in owner:
        owner["ExpectedSourceBucketOwner"] = owner["ExpectedBucketOwner"]
    try:
        client = repository._get_s3_client()
    except ImportError as error:
        raise Undecided(
            "The model bytes lie in S3, and boto3 is not installed.", "pip install 'mlflow-governance[s3]'"
        ) from error
    return Objects(client, owner | (repository.get_s3_file_upload_extra_args() or {}))


def changed(place: Place) -> Undecided:
    """Somebody wrote to an object between two looks at it."""
    return Undecided(f"{place} changed while it was being read or copied.", AGAIN)


def status_of(error: Any) -> int:
    """The HTTP status with which a store refused."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def undecided_if_refused(what: str, remedy: str) -> Iterator[None]:
    """Turn the errors of S3's library into `Undecided`."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise Undecided(f"{what}: {error}.", remedy) from error
