"""Model versions, their lineage and their evidence, in memory."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import reduce

from governance.canonical import canonical
from governance.domain.evidence import Evidence
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.subject import Subject, VersionName
from governance.errors import Conflict, NotFound
from governance.memory.state import State


class Subjects:
    """Model versions by uid; see `ports.Subjects`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, subject: Subject) -> None:
        """Record a version; `Conflict` if a living version has that name."""
        known = self._state.subjects.get(subject.uid)
        if known is not None:
            if known != subject:
                raise Conflict(f"The uid {subject.uid} belongs to {known.named} already.")
            return
        self._free(subject.named)
        self._state.subjects[subject.uid] = subject

    def get(self, uid: str) -> Subject:
        """The version with that uid, living or buried, under its newest name; else `NotFound`."""
        if uid not in self._state.subjects:
            raise NotFound(f"No model version has the uid {uid}.")
        return self._state.subjects[uid]

    def get_each(self, uids: Collection[str]) -> dict[str, Subject]:
        """The versions with these uids, living or buried; those that are none are left out."""
        return {uid: self._state.subjects[uid] for uid in uids if uid in self._state.subjects}

    def find(self, named: VersionName) -> Subject | None:
        """The living version of that name."""
        for uid, subject in self._state.subjects.items():
            if subject.named == named and uid not in self._state.buried:
                return subject
        return None

    def find_each(self, names: Collection[VersionName]) -> dict[VersionName, Subject]:
        """The living versions of these names; those that are none are left out."""
        found = {named: self.find(named) for named in names}
        return {named: subject for named, subject in found.items() if subject is not None}

    def living(self, name: str, workspace: str) -> tuple[Subject, ...]:
        """All living versions of a registered model, by version."""
        found = (
            subject
            for uid, subject in self._state.subjects.items()
            if (subject.named.name, subject.named.workspace) == (name, workspace)
            and uid not in self._state.buried
        )
        return tuple(sorted(found, key=lambda subject: subject.named.version))

    def rename(self, uid: str, named: VersionName) -> None:
        """Give a living version another name."""
        subject = self.get(uid)
        if uid in self._state.buried:
            raise Conflict(f"{subject.named} ({uid}) was deleted and cannot be renamed.")
        if subject.named == named:
            return
        self._free(named)
        self._state.subjects[uid] = replace(subject, named=named)

    def bury(self, uid: str, at: datetime) -> None:
        """Mark a version as deleted: its name is free, its record stays."""
        self.get(uid)
        self._state.buried.setdefault(uid, at)

    def locate(self, uid: str, location: str) -> None:
        """Remember that bytes of a version lie, or lay, at a canonical location."""
        if (uid, location) not in self._state.locations:
            self._state.locations.append((uid, location))

    def located(self, places: Collection[str], living: bool = False) -> tuple[Subject, ...]:
        """Every version, or with `living` every living one, with bytes at one of these, oldest first."""
        there = {uid for uid, location in self._state.locations if location in places}
        there -= self._state.buried.keys() if living else set()
        return tuple(subject for uid, subject in self._state.subjects.items() if uid in there)

    def unlocated(self) -> tuple[Subject, ...]:
        """Every living version of which no location was ever recorded, oldest first."""
        known = {uid for uid, _ in self._state.locations} | self._state.buried.keys()
        return tuple(subject for uid, subject in self._state.subjects.items() if uid not in known)

    def _free(self, named: VersionName) -> None:
        holder = self.find(named)
        if holder is not None:
            raise Conflict(f"{named} is a living version already, with the uid {holder.uid}.")


class Lineages:
    """Readings of a version's lineage; see `ports.Lineages`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, uid: str, lineage: Lineage) -> None:
        """Record one reading."""
        # Only the newest is compared: a gap that closed and opened again is open.
        if [lineage] != [reading for owner, reading in self._state.readings if owner == uid][-1:]:
            self._state.readings.append((uid, lineage))

    def of(self, uid: str) -> Lineage:
        """All readings, each `then` the next; the empty lineage if there was none."""
        return reduce(
            Lineage.then, (reading for owner, reading in self._state.readings if owner == uid), Lineage()
        )

    def of_each(self, uids: Collection[str]) -> dict[str, Lineage]:
        """The same for many versions at once; those without any reading are left out."""
        return {owner: self.of(owner) for owner, _ in self._state.readings if owner in uids}


class EvidenceStore:
    """Evidence by digest, and the manifests that the digests stand for; see `ports.EvidenceStore`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, evidence: Evidence) -> None:
        """Record evidence."""
        # Written down and read back, so that nobody can change the body afterwards.
        statement = json.loads(canonical(evidence.statement()))
        self._state.evidence.setdefault(evidence.digest, Evidence.from_statement(statement))

    def about(self, subject_digest: str) -> tuple[Evidence, ...]:
        """All evidence about those bytes, oldest first."""
        return tuple(e for e in self._state.evidence.values() if e.subject_digest == subject_digest)

    def about_each(self, subject_digests: Collection[str]) -> dict[str, tuple[Evidence, ...]]:
        """The same for many at once; bytes without any evidence are left out."""
        return {digest: found for digest in subject_digests if (found := self.about(digest))}

    def keep_manifest(self, uid: str, manifest: Manifest) -> None:
        """Remember that a version was seen with this manifest."""
        self._state.manifests[manifest.digest] = manifest
        if (uid, manifest.digest) not in self._state.sightings:
            self._state.sightings.append((uid, manifest.digest))

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with that digest."""
        return self._state.manifests.get(digest)

    def seen(self, uid: str) -> tuple[str, ...]:
        """Digests of all manifests a version was seen with, oldest first."""
        return tuple(digest for owner, digest in self._state.sightings if owner == uid)

    def seen_each(self, uids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The same for many versions at once; those never seen are left out."""
        return {uid: found for uid in uids if (found := self.seen(uid))}
