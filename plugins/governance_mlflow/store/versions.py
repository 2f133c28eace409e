"""Versions come and go: each gets a uid and inherits its label, and what was recorded of it outlasts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.artifact.utils.models import _parse_model_uri

from governance import registering
from governance.domain.decision import Outcome
from governance.domain.lineage import Lineage
from governance.domain.subject import Subject, VersionName
from governance.labelling import inherit
from governance.policy.document import Target
from governance.promoting import Change
from governance.storage.archive import books, take_gate
from governance_mlflow import tags as reserved_tags
from governance_mlflow.artifacts.locations import recorded
from governance_mlflow.artifacts.regions import insist_on_home
from governance_mlflow.gate.gate import Bytes, location_of
from governance_mlflow.gate.judging import LATEST, VANISHES, Judging
from governance_mlflow.gate.registry_rows import PROMPT_SOURCES, key, number


@dataclass(frozen=True, slots=True)
class _Expected:
    """A version about to be registered: all that is known before MLflow gives it a number."""

    draft: Subject
    origin: Subject | None
    """The version that it is a copy of."""
    location: str
    lineage: Lineage
    present: Bytes
    tags: dict[str, str]


class Versions(Judging):
    """MLflow's store, in which every version is known by a uid from its birth until after its end."""

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> Any:
        """Register a version: it gets a uid and inherits its label; into a protected name, on evidence."""
        rest = run_link, description, local_model_path, model_id
        create = super().create_model_version
        given = {tag.key: tag.value for tag in tags or []}
        words = f"Registering a version of {name!r}"
        with self.governing():
            with self.looking():
                self.insist_on_model(name)
                prompt = self.flagged_as_prompt(name)
                origin = None if prompt else self._copied(source)
            if prompt:
                self.refuse_reserved(given, f"{words} with tags of the plugin")
                if source not in PROMPT_SOURCES:
                    self.refuse(f"Registering {source} in the prompt {name!r}", "a prompt holds no model.")
                return create(name, source, run_id, tags, *rest)
            own = _without_copied(given, super().get_model_version(*key(origin)).tags if origin else {})
            self.refuse_reserved(own, f"{words} with tags of the plugin")
            if IS_PROMPT_TAG_KEY in own:
                self.refuse(f"{words} as a prompt", VANISHES)
            entered = self._entered(name, words)
            draft = self.gate.candidate(
                VersionName(name, 0, self._get_active_workspace()),
                str(origin.named) if origin else source,
                run_id,
                model_id,
            )
            location = self.location(origin) if origin else location_of(source)
            lineage, present = self.gate.lineage.read(draft), self.gate.inspect(location)
            expected = _Expected(draft, origin, location, lineage, present, own)
            return self._register(expected, entered, lambda tags: create(name, source, run_id, tags, *rest))

    def _entered(self, name: str, words: str) -> tuple[Target, str] | None:
        """The protected place that a new version enters by being one: its name's, or that of the latest."""
        by_name = self.policy.target_for_model(name)
        by_latest = self.policy.target_for_alias(name, LATEST)
        if by_name and by_latest and by_name != by_latest:
            both = f"{by_name.name!r} and, being the latest, {by_latest.name!r}"
            self.refuse(words, f"it would enter two protected places at once: {both}.")
        if by_name:
            return by_name, f"a version of {name}"
        return (by_latest, f"the latest version of {name}") if by_latest else None

    def _register(
        self, expected: _Expected, entered: tuple[Target, str] | None, create: Callable[[Any], Any]
    ) -> Any:
        created: list[Any] = []

        def carry_out(frozen_uri: str | None) -> None:
            # What is carried out may be undone and carried out again.
            created[:] = [self._create(expected, frozen_uri, create)]

        if entered is None:
            carry_out(None)
        else:
            judged = expected.origin or expected.draft
            self.insist(self.gate.promote(Change(judged, expected.location, *entered, "nothing"), carry_out))
        return created[-1]

    def _create(self, expected: _Expected, frozen_uri: str | None, create: Callable[[Any], Any]) -> Any:
        draft, present = expected.draft, expected.present
        with self.transaction() as session, self.governing():
            if expected.origin is not None:
                self.insist_on_same(expected.origin)
            inheritance = inherit(books(session.connection()), expected.lineage)
            words = f"Registering a version of {draft.named.name!r}"
            insist_on_home(self.policy, inheritance, words, expected.location)
            ours = reserved_tags.describing(present.manifest, inheritance)
            began = session.get_transaction()
            version = create([ModelVersionTag(key, value) for key, value in (expected.tags | ours).items()])
            if session.get_transaction() is not began:
                # MLflow rolled back and tried again, as another client made the same number; the lock
                # that this let go is taken anew before anything is recorded.
                take_gate(session.connection())
            named = replace(draft.named, version=int(version.version))
            subject = replace(draft, named=named, run_id=version.run_id or draft.run_id)
            with self.writing() as open_books:
                registering.register(
                    open_books,
                    subject,
                    expected.lineage,
                    present.manifest,
                    present.training,
                    recorded(expected.location),
                    self.gate.sign,
                    inheritance,
                )
            if frozen_uri is not None:
                self.serve_from(subject, frozen_uri)
            return version

    def copy_model_version(self, src_mv: Any, dst_name: str) -> Any:
        """Copy a version: its label travels by lineage, its approvals do not travel."""
        src_mv._tags = {k: v for k, v in src_mv.tags.items() if not reserved_tags.reserved([k])}
        try:
            return super().copy_model_version(src_mv, dst_name)
        except MlflowException as error:
            # MLflow wraps whatever went wrong as an internal error; a denial is none.
            denied = error.__cause__
            if isinstance(denied, MlflowException) and denied.error_code == "PERMISSION_DENIED":
                raise denied from None
            raise

    def delete_model_version(self, name: str, version: Any) -> None:
        """Delete one version; what was recorded of it stays, and so does that it left its places."""
        remove, version = partial(super().delete_model_version, name), number(version)
        with self.governing():
            self._refuse_older_latest(name, version)
            self.adopt(name, self.held(name, version) if isinstance(version, int) else ())
            with self.transaction():
                subjects = [subject for subject in self.subjects(name) if subject.named.version == version]
                left = self.held(name, version) if isinstance(version, int) else ()
                self.leave(name, left)
                remove(version)
                self.bury(subjects)

    def _refuse_older_latest(self, name: str, version: Any) -> None:
        """Refuse to make an older version the latest, where that is a protected place it never entered."""
        target = self.policy.target_for_alias(name, LATEST)
        newest, *older = [at for _, at, _ in reversed(self.versions(name))] if target else [None]
        if target is None or newest != version or not older or self.flagged_as_prompt(name):
            return
        subject = self.subject(name, older[0])
        with self.reading() as open_books:
            decided = open_books.decisions.of(subject.uid)
        if not any(d.target == target.name and d.outcome is Outcome.ALLOWED for d in decided):
            self.refuse(
                f"Deleting models:/{name}/{version}",
                f"{subject.named} would become the latest, which no decision allowed: delete it first.",
            )

    def _copied(self, source: str) -> Subject | None:
        if urlsplit(source).scheme != "models":
            return None
        try:
            parsed = _parse_model_uri(source)
        except MlflowException:
            return None
        return self.subject(parsed.name, parsed.version) if parsed.version else None


def _without_copied(given: dict[str, str], copied: dict[str, str]) -> dict[str, str]:
    """The caller's tags; a client that copies a version sends the plugin's tags along, unchanged."""
    return {
        key: value
        for key, value in given.items()
        if not (reserved_tags.reserved([key]) and copied.get(key) == value)
    }
