"""The bytes of model versions, wherever MLflow put them: hashed, read, frozen, found again, swept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from governance import freezing
from governance.domain.manifest import Manifest, differences
from governance.errors import Undecided
from governance.hashing import hash_tree
from governance.ports import Clock
from governance_mlflow.artifacts import mlmodel, s3_leftovers
from governance_mlflow.artifacts.destinations import (
    READABLE,
    FrozenArea,
    in_s3,
    local_folder,
    reached,
)
from governance_mlflow.artifacts.frozen_paths import FROZEN, WORKSPACES
from governance_mlflow.artifacts.s3_artifacts import S3Trees
from governance_mlflow.artifacts.s3_objects import Place, connect
from governance_mlflow.callers.identity import in_server
from governance_mlflow.callers.served import own_reads

UNFINISHED_FOR = timedelta(hours=1)
"""How long nobody must have written to an unfinished freeze before it passes for abandoned."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


class MlflowArtifacts:
    """Hashes and freezes through the file system or S3 where it can, else through MLflow's repositories."""

    def __init__(self, area: FrozenArea, clock: Clock = _now) -> None:
        self._area = area
        self._clock = clock

    def manifest(self, uri: str) -> Manifest:
        """List and hash the tree at a URI."""
        if (objects := in_s3(uri)) is not None:
            return S3Trees(connect()).manifest(objects)
        with self._folder(uri) as folder:
            return hash_tree(folder)

    def freeze(self, uri: str) -> tuple[Manifest, str]:
        """Copy the tree to its content address; a tree that is frozen already is checked, not copied."""
        proxied = urlsplit(uri).scheme == "mlflow-artifacts"
        if proxied and not in_server() and urlsplit(self._area.public).scheme != "mlflow-artifacts":
            # A path of this machine would be served to clients that cannot reach it.
            raise Undecided(
                "These bytes are served by an MLflow server, so that server must freeze them.",
                "Promote through it: MlflowClient(SERVER).set_registered_model_alias(NAME, ALIAS, VERSION).",
            )
        source, area = in_s3(uri), in_s3(self._area.place)
        if source is not None and area is not None:
            manifest = S3Trees(connect()).freeze(source, area)
        else:
            with self._folder(uri) as folder:
                manifest = self._freeze_folder(folder, uri)
        return manifest, f"{self._area.public.rstrip('/')}/{manifest.digest}"

    def mlmodel(self, uri: str) -> dict[str, Any]:
        """The contents of the `MLmodel` file at a URI, empty when there is none."""
        local = local_folder(uri)
        if local is not None:
            return mlmodel.read(local)
        with tempfile.TemporaryDirectory() as folder:
            try:
                with own_reads():
                    _repository(uri).download_artifacts("MLmodel", folder)
            except Exception:  # noqa: BLE001 - each storage library has its own exceptions
                return {}
            return mlmodel.read(Path(folder))

    def holds(self, frozen_uri: str) -> bool:
        """Whether a frozen tree is still there."""
        local, objects = local_folder(frozen_uri), in_s3(frozen_uri)
        if local is not None:
            return local.is_dir()
        if objects is not None:
            return S3Trees(connect()).holds(objects)
        return bool(_repository(frozen_uri).list_artifacts())

    def leftovers(self, keep: frozenset[str]) -> tuple[str, ...]:
        """What `sweep` would remove."""
        return self._leftovers(keep, remove=False)

    def sweep(self, keep: frozenset[str]) -> tuple[str, ...]:
        """Remove abandoned freezes and unreferenced trees, of all workspaces, on this machine or in S3.

        What was written to within the last hour may be another process's freeze, and stays.
        """
        return self._leftovers(keep, remove=True)

    def _leftovers(self, keep: frozenset[str], remove: bool) -> tuple[str, ...]:
        # Whichever workspace's area it lies in, a digest that something refers to is kept in all.
        digests = frozenset(uri.rsplit("/", 1)[-1] for uri in keep)
        before = self._clock() - UNFINISHED_FOR
        local, objects = local_folder(self._area.place), in_s3(self._area.place)
        found: list[str] = []
        if local is not None:
            of_folder = freezing.sweep if remove else freezing.leftovers
            for folder in _areas_with(local):
                found += map(str, of_folder(folder, digests, before))
        elif objects is not None:
            store = connect()
            of_place = s3_leftovers.sweep if remove else s3_leftovers.leftovers
            for place in s3_leftovers.areas_with(store, Place.of(objects)):
                found += of_place(store, place, digests, before)
        return tuple(found)

    def _freeze_folder(self, folder: Path, uri: str) -> Manifest:
        place, area = local_folder(self._area.place), in_s3(self._area.place)
        if place is not None and folder.resolve().parent == place.resolve():
            # Frozen already: nothing to copy, but its name must still be true.
            manifest = hash_tree(folder)
            if manifest.digest != folder.name:
                raise Undecided(
                    f"The frozen bytes at {uri} are not the ones their name promises.",
                    "Run `governance doctor`; restore them from a backup, or register the model again.",
                )
            return manifest
        if place is not None:
            return freezing.freeze_tree(folder, place)[0]
        manifest = hash_tree(folder)
        if area is not None:
            S3Trees(connect()).freeze_folder(folder, manifest, area)
        else:
            self._upload(folder, manifest)
        return manifest

    @contextmanager
    def _folder(self, uri: str) -> Iterator[Path]:
        local = local_folder(uri)
        if local is not None:
            yield local
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                with own_reads():
                    _repository(uri).download_artifacts("", folder)
            except Exception as error:
                raise Undecided(f"The model bytes at {uri} cannot be read: {error}.", READABLE) from error
            yield Path(folder)

    def _upload(self, folder: Path, manifest: Manifest) -> None:
        target = f"{self._area.place.rstrip('/')}/{manifest.digest}"
        try:
            repository = _repository(target)
            there = self.manifest(target) if repository.list_artifacts() else Manifest(())
            # What an interrupted upload left is part of the tree and is completed; anything else is not ours.
            if set(there.files) < set(manifest.files):
                repository.log_artifacts(str(folder))
                there = self.manifest(target)
        except Undecided:
            raise
        except Exception as error:
            raise Undecided(
                f"The bytes could not be frozen at {target}: {error}. Nothing was promoted.",
                "Give the server write access there, or set GOVERNANCE_FROZEN_ROOT.",
            ) from error
        if changed := differences(manifest, there):
            raise Undecided(
                f"What lies at {target} is not what was copied there: {'; '.join(changed)}.",
                "Move it away and promote again.",
            )


def _areas_with(area: Path) -> list[Path]:
    """A frozen area and those of the other workspaces of the same destination."""
    if area.name != FROZEN:
        return [area]
    root = area.parent.parent.parent if area.parent.parent.name == WORKSPACES else area.parent
    return [root / FROZEN, *sorted(root.glob(f"{WORKSPACES}/*/{FROZEN}"))]


def _repository(uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(reached(uri))
