"""The registry's entries and the bytes behind them, for those whom the policy lets have them.

Only what a server reads for somebody is judged here. What the plugin reads to judge, freeze or repair is
not; nor what a client reads that was given the database, who needs no server for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
)
from mlflow.utils.search_utils import SearchUtils

from governance.admitting import deciding, labels
from governance.domain.label import TOP
from governance.domain.subject import Subject, VersionName
from governance.policy.access import Access
from governance.policy.document import Policy
from governance_mlflow.access.doorkeeper import Doorkeeper, Wanted
from governance_mlflow.artifacts.frozen_paths import Trail
from governance_mlflow.artifacts.locations import containing, in_frozen_tree, places_of, recorded
from governance_mlflow.callers.served import own_reads, reading_bytes_for_others, reading_entries_for_others
from governance_mlflow.errors import translated
from governance_mlflow.gate.judging import Judging
from governance_mlflow.gate.registry_rows import PROMPT_SOURCES, number

UNKNOWN = "unknown"
"""The uid, in the log, of a version that governance never saw."""

FROZEN_FOR_NOBODY = Wanted(UNKNOWN, "a tree that was frozen for no known version", TOP)

AT_LEAST = 100
"""Versions looked at at once when a search leaves some out."""


class AccessGuarded(Judging):
    """MLflow's store, in which a version is there for those only who may see it, and its bytes likewise."""

    @cached_property
    def door(self) -> Doorkeeper:
        """Who decides, and keeps the record."""
        return Doorkeeper(self.gate)

    def get_model_version(self, name: str, version: Any) -> Any:
        """A version's entry, for those who may see it."""
        found = super().get_model_version(name, version)
        self._insist_on_seeing(found)
        return found

    def get_model_version_by_alias(self, name: str, alias: str) -> Any:
        """The entry of the version that an alias names, for those who may see it."""
        # Else the latest that somebody may see would pass for the latest.
        with own_reads():
            found = super().get_model_version_by_alias(name, alias)
        self._insist_on_seeing(found)
        return found

    def get_latest_versions(self, name: str, stages: Any = None) -> Any:
        """The newest version of each stage, without those that the caller may not see."""
        return self._seen(super().get_latest_versions(name, stages))

    def get_registered_model(self, name: str) -> Any:
        """A registered model, without the versions that the caller may not see."""
        return self._trimmed([super().get_registered_model(name)])[0]

    def search_registered_models(
        self,
        filter_string: Any = None,
        max_results: Any = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
        order_by: Any = None,
        page_token: Any = None,
    ) -> Any:
        """Registered models, without the versions that the caller may not see."""
        return self._trimmed(
            super().search_registered_models(filter_string, max_results, order_by, page_token)
        )

    def search_model_versions(
        self,
        filter_string: Any = None,
        max_results: Any = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
        order_by: Any = None,
        page_token: Any = None,
    ) -> Any:
        """Versions that the caller may see; a page is full while there are more of them."""
        search = super().search_model_versions
        page = search(filter_string, max_results, order_by, page_token)
        if self._judged(Access.SEE) is None:
            return page
        at, kept = SearchUtils.parse_start_offset_from_page_token(page_token), list[Any]()
        while True:
            seen = {id(found) for found in self._seen(page)}
            for place, found in enumerate(page, start=1):
                kept += [found] if id(found) in seen else []
                if len(kept) == max_results:
                    more = page.token or place < len(page)
                    return PagedList(kept, SearchUtils.create_page_token(at + place) if more else None)
            if not page.token:
                return PagedList(kept, None)
            at += len(page)
            page = search(filter_string, max(max_results, AT_LEAST), order_by, page.token)

    def get_model_version_download_uri(self, name: str, version: Any) -> Any:
        """Where a version's bytes lie, for those who may load it and whatever else has its bytes there."""
        uri = super().get_model_version_download_uri(name, version)
        policy = self._judged(Access.LOAD)
        if policy is not None and uri not in PROMPT_SOURCES:
            named = VersionName(name, number(version), self._get_active_workspace())
            with translated():
                self._insist_on_loading(policy, named, uri)
        return uri

    def admit_reading(self, places: Iterable[Trail]) -> None:
        """Let whoever is being served read bytes, if they may read those of every version that has them.

        Raises:
            MlflowException: PERMISSION_DENIED, with the reason.
        """
        with translated():
            policy = self.door.policy(Access.DOWNLOAD) if reading_bytes_for_others() else None
            if policy is None:
                return
            places = tuple(places)
            there = self._at(places, living=True)
            if not there and in_frozen_tree(places):
                # Frozen bytes outlast the versions that they were frozen for, and so does their label.
                there = self._at(places, living=False) or [FROZEN_FOR_NOBODY]
            self.door.insist(policy, Access.DOWNLOAD, there)

    def create_model_version(self, name: str, source: str, *rest: Any, **named: Any) -> Any:
        """Register a version; a copy, for those who may load what they copy."""
        origin = _registered(source)
        if origin is not None and self._judged(Access.LOAD) is not None:
            self.get_model_version_download_uri(*origin)
        return super().create_model_version(name, source, *rest, **named)

    def update_model_version(self, name: str, version: Any, description: str | None = None) -> Any:
        """Describe a version that the caller may see."""
        self.insist_on_seeing(name, version)
        return super().update_model_version(name, version, description)

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version that the caller may see to a stage."""
        self.insist_on_seeing(name, version)
        return super().transition_model_version_stage(name, version, stage, archive_existing_versions)

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> Any:
        """Describe a registered model; it comes back without the versions that the caller may not see."""
        return self._trimmed([super().update_registered_model(name, description, deployment_job_id)])[0]

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename a registered model; it comes back without the versions that the caller may not see."""
        return self._trimmed([super().rename_registered_model(name, new_name)])[0]

    def serve_from(self, subject: Subject, frozen_uri: str) -> None:
        """Let the registry serve a version from its frozen bytes, and remember that they are there."""
        super().serve_from(subject, frozen_uri)
        with self.writing() as books:
            for location in recorded(frozen_uri):
                books.subjects.locate(subject.uid, location)

    def insist_on_seeing(self, name: str, version: Any) -> None:
        """Raise PERMISSION_DENIED if whoever is being served may not see a version."""
        if self._judged(Access.SEE) is not None:
            self._insist_on_seeing(super().get_model_version(name, version))

    def _insist_on_seeing(self, found: Any) -> None:
        policy = self._judged(Access.SEE)
        if policy is not None and found.source not in PROMPT_SOURCES:
            with translated():
                self.door.insist(policy, Access.SEE, self._wanted([found]).values())

    def _insist_on_loading(self, policy: Policy, named: VersionName, uri: str) -> None:
        with self.reading() as books:
            own = books.subjects.find(named)
            label = labels(books, [own.uid])[own.uid] if own else TOP
        wanted = Wanted(own.uid if own else UNKNOWN, str(named), label)
        there = self._at(places_of(uri), living=True)
        self.door.insist(
            policy, Access.LOAD, [wanted, *(other for other in there if other.uid != wanted.uid)]
        )

    def _judged(self, action: Access) -> Policy | None:
        """The policy, if an entry that is read now is read for somebody whom it may not let have it."""
        if self.in_transaction or not reading_entries_for_others():
            return None
        with translated():
            return self.door.policy(action)

    def _seen(self, versions: Iterable[Any]) -> list[Any]:
        """Those of some versions that the caller may see, in their order."""
        versions = list(versions)
        policy = self._judged(Access.SEE)
        if policy is None or not versions:
            return versions
        with translated():
            found = self._wanted([version for version in versions if version.source not in PROMPT_SOURCES])
            visible = {
                label: self.door.sees(policy, label) for label in {one.label for one in found.values()}
            }
        return [v for v in versions if v.source in PROMPT_SOURCES or visible[found[_named(v)].label]]

    def _trimmed(self, models: Any) -> Any:
        """Registered models, in place, without the versions that the caller may not see."""
        if self._judged(Access.SEE) is not None:
            newest = [version for model in models for version in model.latest_versions or []]
            seen = {id(version) for version in self._seen(newest)}
            for model in models:
                model.latest_versions = [v for v in model.latest_versions or [] if id(v) in seen]
        return models

    def _wanted(self, versions: Collection[Any]) -> dict[VersionName, Wanted]:
        """Each version with its label; what governance never saw has the label of the unknown."""
        names = [_named(version) for version in versions]
        with self.reading() as books:
            subjects = books.subjects.find_each(names)
            found = labels(books, [subject.uid for subject in subjects.values()])
        uids = {named: subjects[named].uid if named in subjects else UNKNOWN for named in names}
        return {named: Wanted(uid, str(named), found.get(uid, TOP)) for named, uid in uids.items()}

    def _at(self, places: Collection[Trail], living: bool) -> list[Wanted]:
        """The versions whose bytes are, or are around, what lies at these places: those that have a say."""
        with self.reading() as books:
            there = {subject.uid: subject for subject in books.subjects.located(containing(places), living)}
            found = deciding(labels(books, there)) if there else {}
        return [Wanted(uid, str(there[uid].named), label) for uid, label in found.items()]


def _named(version: Any) -> VersionName:
    return VersionName(version.name, int(version.version), version.workspace or "default")


def _registered(source: str) -> tuple[str, str] | None:
    """The version that a source names, if it names one."""
    if not source.startswith("models:"):
        return None
    try:
        parsed = _parse_model_uri(source)
    except MlflowException:
        return None
    return (parsed.name, parsed.version) if parsed.version else None
