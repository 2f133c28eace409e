"""MLflow's model registry with the gate inside it: `governed+<MLflow's own database URI>`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NoReturn

from mlflow.entities.model_registry import ModelVersionTag
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from governance import registering
from governance.domain.decision import Decision, Outcome
from governance.domain.events import ChangeRefused
from governance.domain.lineage import Lineage
from governance.domain.subject import Subject, VersionName
from governance.labelling import inherit
from governance.promoting import Change
from governance.storage.archive import books, take_gate
from governance_mlflow import tags as reserved_tags
from governance_mlflow.artifacts import unguarded_destination
from governance_mlflow.errors import refusal, refused, translated
from governance_mlflow.gate import Bytes, Gate, location_of
from governance_mlflow.registry_rows import RegistryRows, key

_logger = logging.getLogger(__name__)

PREFIX = "governed+"

PROMPT_SOURCES = ("dummy-source", "prompt-template")
"""What MLflow writes as the source of a prompt; anything else in a prompt is a model in disguise."""

VANISHES = "a model that is flagged as a prompt vanishes from every search, and passes for one."


def open_store(store_uri: str, tracking_uri: str | None = None) -> GovernedStore:
    """The governed store for a `governed+…` URI, workspace-aware where MLflow is."""
    del tracking_uri  # MLflow hands it to whoever takes it; lineage follows MLflow's own choice.
    kind = GovernedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GovernedStore
    return kind(store_uri.removeprefix(PREFIX))


class GovernedStore(RegistryRows):
    """MLflow's store with everything governance adds; what is not named here, MLflow does alone."""

    def __init__(self, db_uri: str, read_db_uri: str | None = None) -> None:
        super().__init__(db_uri, read_db_uri)
        self.gate = Gate(db_uri, self.reading, self.writing)
        if (destination := unguarded_destination()) is not None:
            _logger.warning(
                "Whoever may upload artifacts can overwrite approved bytes under %s: start the server with "
                "--artifacts-destination governed+file:///absolute/path",
                destination,
            )
        apart = self.gate.settings.store_uri
        if apart is not None and apart.removeprefix(PREFIX) != db_uri:
            # In two databases, a decision and its change could not be one transaction.
            raise MlflowException.invalid_parameter_value(
                "GOVERNANCE_STORE_URI names another database than the registry's own; unset it."
            )

    def promote_alias(self, name: str, alias: str, version: Any) -> Decision | None:
        """Move an alias and return what was decided; None where the policy does not protect it."""
        move = super().set_registered_model_alias
        with translated():
            self._refuse_imitation(alias, f"Setting alias {alias!r} on {name!r}")
            target = self.gate.policy.target_for_alias(name, alias)
            if target is None or self.is_prompt(name, version):
                move(name, alias, version)
                return None
            subject = self.subject(name, version)
            words, before = f"alias @{alias} of {name}", self.holder(name, alias)
            change = Change(subject, self.location(subject), target, words, before)

            def carry_out(frozen_uri: str) -> None:
                self.serve_from(subject, frozen_uri)
                move(name, alias, version)

            return self.gate.promote(change, carry_out)

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        """Move an alias; a protected one moves only on evidence."""
        _insist(self.promote_alias(name, alias, version))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias; leaving a protected place is allowed and recorded."""
        with translated(), self.transaction():
            target = None if self._is_prompt(name) else self.gate.policy.target_for_alias(name, alias)
            holder = self.alias_version(name, alias) if target else None
            super().delete_registered_model_alias(name, alias)
            if target and holder is not None:
                self.gate.withdraw(self.subject(name, holder).uid, target, f"alias @{alias} of {name}")

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version to a stage; a protected one is entered only on evidence."""
        move = super().transition_model_version_stage
        with translated():
            before = self.get_model_version(name, version).current_stage
            entered = self.gate.policy.target_for_stage(name, stage)
            left = self.gate.policy.target_for_stage(name, before)
            if entered is not None:
                subject = self.subject(name, version)
                words = f"stage {stage} of {name}"

                def carry_out(frozen_uri: str) -> None:
                    self.serve_from(subject, frozen_uri)
                    others = self.in_stage(name, stage) if archive_existing_versions else set()
                    move(name, version, stage, archive_existing_versions)
                    for other in sorted(others - {subject.named.version}):
                        self.gate.withdraw(self.subject(name, other).uid, entered, words)
                    if left is not None and left != entered:
                        self.gate.withdraw(subject.uid, left, f"stage {before} of {name}")

                change = Change(subject, self.location(subject), entered, words, before)
                _insist(self.gate.promote(change, carry_out))
                return self.get_model_version(name, version)
            with self.transaction():
                moved = move(name, version, stage, archive_existing_versions)
                if left is not None:
                    self.gate.withdraw(self.subject(name, version).uid, left, f"stage {before} of {name}")
                return moved

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
        create = super().create_model_version
        given = {tag.key: tag.value for tag in tags or []}
        rest = (run_link, description, local_model_path, model_id)
        with translated():
            words = f"Registering a version of {name!r}"
            if self._is_prompt(name):
                self._refuse_reserved(given, f"{words} with tags of the plugin")
                if source not in PROMPT_SOURCES:
                    self._refuse(f"Registering {source} in the prompt {name!r}", "a prompt holds no model.")
                return create(name, source, run_id, tags, *rest)
            origin = self._copied(source)
            own = _without_copied(given, self.get_model_version(*key(origin)).tags if origin else {})
            self._refuse_reserved(own, f"{words} with tags of the plugin")
            if IS_PROMPT_TAG_KEY in own:
                self._refuse(f"{words} as a prompt", VANISHES)
            location = self.location(origin) if origin else location_of(source)
            # The version number is MLflow's to give, inside the transaction; all else is known before.
            draft = self.gate.candidate(
                VersionName(name, 0, self._get_active_workspace()), source, run_id, model_id
            )
            lineage, present = self.gate.lineage.read(draft), self.gate.inspect(location)
            created: list[Any] = []

            def carry_out(frozen_uri: str | None) -> None:
                created.clear()
                created.append(self._create(create, draft, lineage, present, own, frozen_uri, rest))

            target = self.gate.policy.target_for_model(name)
            if target is None:
                carry_out(None)
            else:
                change = Change(origin or draft, location, target, f"a version of {name}", "nothing")
                _insist(self.gate.promote(change, carry_out))
            return created[-1]

    def _create(
        self,
        create: Any,
        draft: Subject,
        lineage: Lineage,
        present: Bytes,
        own: dict[str, str],
        frozen_uri: str | None,
        rest: tuple[Any, ...],
    ) -> Any:
        with self.transaction() as session, translated():
            digest = present.manifest.digest if present.manifest else None
            inheritance = inherit(books(session.connection()), lineage)
            ours = reserved_tags.describing(draft.uid, digest, inheritance)
            merged = [ModelVersionTag(key, value) for key, value in (own | ours).items()]
            version = create(draft.named.name, draft.source, draft.run_id, merged, *rest)
            # MLflow rolls back and tries again when two clients create at once; the lock that such a
            # rollback let go is taken anew before anything is recorded.
            take_gate(session.connection())
            subject = replace(
                draft,
                named=replace(draft.named, version=int(version.version)),
                run_id=version.run_id or draft.run_id,
            )
            with self.writing() as open_books:
                registering.register(open_books, subject, lineage, present.manifest, present.training)
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

    def create_registered_model(
        self,
        name: str,
        tags: Any = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> Any:
        """Create a registered model, unless its name imitates a protected one."""
        with translated():
            self._refuse_reserved(
                [tag.key for tag in tags or []], f"Creating {name!r} with tags of the plugin"
            )
            self._refuse_imitation(name, f"Creating a registered model {name!r}")
            return super().create_registered_model(name, tags, description, deployment_job_id)

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename; uids, decisions and evidence follow. No version enters a protected name this way."""
        with translated():
            words = f"Renaming {name!r} to {new_name!r}"
            self._refuse_imitation(new_name, words)
            if self.gate.policy.target_for_model(new_name) is not None:
                self._refuse(words, "versions enter a protected name one by one, with copy_model_version.")
            with self.transaction():
                subjects = self._subjects(name)
                renamed = super().rename_registered_model(name, new_name)
                now, by = self.gate.asking().at, self.gate.actor()
                for subject in subjects:
                    with self.writing() as open_books:
                        registering.rename(
                            open_books, subject, replace(subject.named, name=new_name), now, by
                        )
                return renamed

    def delete_registered_model(self, name: str) -> None:
        """Delete; what was recorded of its versions stays, and their uids are never used again."""
        with translated(), self.transaction():
            subjects = self._subjects(name)
            super().delete_registered_model(name)
            self._bury(subjects)

    def delete_model_version(self, name: str, version: Any) -> None:
        """Delete one version; what was recorded of it stays."""
        with translated(), self.transaction():
            subjects = self._subjects(name)
            super().delete_model_version(name, version)
            # MLflow takes "01" for 1.
            self._bury(subject for subject in subjects if subject.named.version == int(version))

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag that is not the plugin's."""
        self._refuse_tag(name, tag.key, f"Setting tag {tag.key!r} on {name!r}", tag.value)
        super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag that is not the plugin's."""
        self._refuse_tag(name, key, f"Deleting tag {key!r} of {name!r}")
        super().delete_registered_model_tag(name, key)

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        """Set a tag that is not the plugin's."""
        self._refuse_tag(name, tag.key, f"Setting tag {tag.key!r} on models:/{name}/{version}", tag.value)
        super().set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        """Delete a tag that is not the plugin's."""
        self._refuse_tag(name, key, f"Deleting tag {key!r} of models:/{name}/{version}")
        super().delete_model_version_tag(name, version, key)

    def subject(self, name: str, version: Any) -> Subject:
        """The subject behind a version; one older than governance is adopted."""
        found = self.get_model_version(name, version)
        return self.gate.subject(found, self.get_model_version_download_uri(name, version))

    def is_prompt(self, name: str, version: Any) -> bool:
        """Whether a version is a prompt's: by its name, and by having no bytes."""
        return self.get_model_version(name, version).source in PROMPT_SOURCES and self._is_prompt(name)

    def _copied(self, source: str) -> Subject | None:
        name, _, version = source.removeprefix("models:/").rpartition("/")
        copied = source.startswith("models:/") and name and version.isdecimal()
        return self.subject(name, version) if copied else None

    def _subjects(self, name: str) -> list[Subject]:
        workspace = self._get_active_workspace()
        with self.reading() as open_books:
            return list(open_books.subjects.living(name, workspace))

    def _bury(self, subjects: Iterable[Subject]) -> None:
        now, by = self.gate.asking().at, self.gate.actor()
        for subject in subjects:
            with self.writing() as open_books:
                registering.bury(open_books, subject, now, by)

    def _is_prompt(self, name: str) -> bool:
        return bool(self.get_registered_model(name)._is_prompt())

    def _refuse_tag(self, name: str, key: str, words: str, value: str = "") -> None:
        with translated():
            self._refuse_reserved([key], words)
            if key == IS_PROMPT_TAG_KEY and not (self._is_prompt(name) and value.lower() == "true"):
                self._refuse(words, VANISHES)

    def _refuse_reserved(self, keys: Iterable[str], words: str) -> None:
        taken = reserved_tags.reserved(keys)
        if taken:
            self._refuse(
                words, f"tags that begin with {reserved_tags.PREFIX!r} are the plugin's ({', '.join(taken)})."
            )

    def _refuse_imitation(self, name: str, words: str) -> None:
        imitated = self.gate.policy.lookalike(name)
        if imitated is not None:
            self._refuse(words, f"it looks like the protected {imitated!r} and is not it.")

    def _refuse(self, words: str, reason: str) -> NoReturn:
        with self.writing() as open_books:
            open_books.audit.append(self.gate.asking().at, self.gate.actor(), ChangeRefused(words, reason))
        raise refused(words, reason)


class GovernedWorkspaceStore(GovernedStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]  # MLflow ships no types
    """The same with MLflow's workspaces switched on."""


def _without_copied(given: dict[str, str], copied: dict[str, str]) -> dict[str, str]:
    """The caller's tags; a client that copies a version sends the plugin's tags along, unchanged."""
    return {
        key: value
        for key, value in given.items()
        if not (reserved_tags.reserved([key]) and copied.get(key) == value)
    }


def _insist(decision: Decision | None) -> None:
    if decision is not None and decision.outcome is not Outcome.ALLOWED:
        raise refusal(decision)
