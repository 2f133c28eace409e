"""Aliases and stages: a protected one is entered on evidence about the very bytes, and left with a record."""

from __future__ import annotations

from typing import Any

from mlflow.entities.model_registry.model_version_stages import STAGE_ARCHIVED

from governance.domain.decision import Decision
from governance.policy.document import Target
from governance.promoting import Change
from governance_mlflow.gate.judging import Judging, Place, reads_like
from governance_mlflow.gate.registry_rows import number


class Places(Judging):
    """MLflow's store with the gate before each alias and stage."""

    def promote_alias(self, name: str, alias: str, version: Any) -> Decision | None:
        """Move an alias and return what was decided; None where the policy does not protect it."""
        move = super().set_registered_model_alias
        version = number(version)
        with self.governing():
            policy = self.policy
            target, imitated = policy.target_for_alias(name, alias), policy.lookalike(alias)
            if target is None and imitated is None:
                move(name, alias, version)
                return None
            with self.looking():
                found, before = self.entry(name, version), self.holder(name, alias)
                known, prompt = self.known(found), self.is_prompt(name, version)
                strangers = self.strangers(name, self._at_alias(name, alias))
                lineage = self.gate.lineage.read(known) if known and target and not prompt else None
            if prompt:
                move(name, alias, version)
                return None
            if target is None:
                self.refuse(f"Setting alias {alias!r} on {name!r}", reads_like(str(imitated)))
            subject, words = known or self.gate.subject(found, found.location), f"alias @{alias} of {name}"
            change = Change(subject, found.location, target, words, before)
            for stranger in strangers:
                self.subject(name, stranger)

            def carry_out(frozen_uri: str) -> None:
                self.insist_on_same(subject)
                left = [place for place in self._at_alias(name, alias) if place.version != version]
                self.serve_from(subject, frozen_uri)
                move(name, alias, version)
                self.leave(name, left)

            return self.gate.promote(change, carry_out, lineage)

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        """Move an alias; a protected one moves only on evidence."""
        self.insist(self.promote_alias(name, alias, version))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias; leaving a protected place is allowed and recorded."""
        remove = super().delete_registered_model_alias
        with self.governing():
            if self.policy.target_for_alias(name, alias) is None:
                remove(name, alias)
                return
            self.adopt(name, self._at_alias(name, alias))
            with self.transaction():
                left = self._at_alias(name, alias)
                remove(name, alias)
                self.leave(name, left)

    def _at_alias(self, name: str, alias: str) -> list[Place]:
        target, holder = self.policy.target_for_alias(name, alias), self.alias_version(name, alias)
        if target is None or holder is None or self.is_prompt(name, holder):
            return []
        return [Place(holder, target, f"alias @{alias} of {name}")]

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version to a stage; a protected one is entered only on evidence."""
        move = super().transition_model_version_stage
        version = number(version)
        with self.governing():
            with self.looking():
                ungoverned = self.stage(name, version) is None or self.is_prompt(name, version)
            if ungoverned:
                return move(name, version, stage, archive_existing_versions)
            policy = self.policy
            if archive_existing_versions and policy.target_for_stage(name, STAGE_ARCHIVED):
                words = f"Archiving the versions of {name!r} in stage {stage}"
                self.refuse(words, "the policy protects that stage: move them there one by one.")
            target = policy.target_for_stage(name, stage)
            if target is not None:
                self._enter_stage(name, version, stage, archive_existing_versions, target)
                return super().get_model_version(name, version)
            self.adopt(name, self._at_stage(name, {version}))
            with self.transaction():
                left = self._at_stage(name, {version})
                moved = move(name, version, stage, archive_existing_versions)
                self.leave(name, left)
                return moved

    def _enter_stage(self, name: str, version: int, stage: str, archive: bool, target: Target) -> None:
        move = super().transition_model_version_stage
        subject, before = self.subject(name, version), self.stage(name, version)
        leaving = {version} | (self.in_stage(name, stage) if archive else set())
        self.adopt(name, self._at_stage(name, leaving))

        def carry_out(frozen_uri: str) -> None:
            self.insist_on_same(subject)
            self.serve_from(subject, frozen_uri)
            leaving = {version} | (self.in_stage(name, stage) if archive else set())
            left = self._at_stage(name, leaving)
            move(name, version, stage, archive)
            self.leave(name, [place for place in left if place != Place(version, target, place.words)])

        words = f"stage {stage} of {name}"
        change = Change(subject, self.location(subject), target, words, str(before))
        self.insist(self.gate.promote(change, carry_out))

    def _at_stage(self, name: str, versions: set[int]) -> list[Place]:
        policy = self.policy
        return [
            Place(at, target, f"stage {stage} of {name}")
            for _, at, stage in self.versions(name)
            if at in versions and (target := policy.target_for_stage(name, stage))
        ]
