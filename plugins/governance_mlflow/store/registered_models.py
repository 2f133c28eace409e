"""Registered models: a name is no evidence, and nothing hangs on it that could be taken over with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from governance import registering
from governance_mlflow.gate.judging import Judging, Place

PROMPT_OR_NOT = "a prompt is flagged with 'true'; another spelling is a prompt here and a model there."


class RegisteredModels(Judging):
    """MLflow's store, in which uids, decisions and evidence follow a registered model and outlast it."""

    def create_registered_model(
        self,
        name: str,
        tags: Any = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> Any:
        """Create a registered model, unless its name imitates a protected one."""
        create = super().create_registered_model
        given = {tag.key: tag.value for tag in tags or []}
        flag = given.get(IS_PROMPT_TAG_KEY, "false")
        with self.governing():
            self.refuse_reserved(given, f"Creating {name!r} with tags of the plugin")
            if flag not in ("true", "false"):
                self.refuse(f"Creating {name!r} with the flag of a prompt set to {flag!r}", PROMPT_OR_NOT)
            if flag == "false":
                self.refuse_imitation(name, f"Creating a registered model {name!r}")
            return create(name, tags, description, deployment_job_id)

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename; uids, decisions and evidence follow. No version enters a protected place this way."""
        rename = super().rename_registered_model
        with self.governing():
            if self.holds_prompts_only(name):
                return rename(name, new_name)
            self._refuse_entering(name, new_name)
            self.adopt(name, self.held(name))
            with self.transaction():
                self._refuse_entering(name, new_name)
                subjects, stays = self.subjects(name), _targets(self.held(name, called=new_name))
                self.leave(name, [place for place in self.held(name) if not _targets([place]) <= stays])
                renamed = rename(name, new_name)
                now, by = self.gate.asking().at, self.gate.actor()
                with self.writing() as books:
                    for subject in subjects:
                        named = replace(subject.named, name=new_name)
                        registering.rename(books, subject, named, now, by)
                return renamed

    def _refuse_entering(self, name: str, new_name: str) -> None:
        words = f"Renaming {name!r} to {new_name!r}"
        self.refuse_imitation(new_name, words)
        if self.policy.target_for_model(new_name) is not None:
            self.refuse(words, "versions enter a protected name one by one, with copy_model_version.")
        holds = _targets(self.held(name))
        for place in self.held(name, called=new_name):
            if not _targets([place]) <= holds:
                self.refuse(
                    words,
                    f"models:/{name}/{place.version} would become {place.words} without a decision. "
                    "Take it out of there, rename, then promote it.",
                )

    def delete_registered_model(self, name: str) -> None:
        """Delete; what was recorded of its versions stays, and their uids are never used again."""
        delete = super().delete_registered_model
        with self.governing():
            self.adopt(name, self.held(name))
            with self.transaction():
                subjects = self.subjects(name)
                self.leave(name, self.held(name))
                delete(name)
                self.bury(subjects)


def _targets(places: Iterable[Place]) -> set[tuple[int, str]]:
    """Which version holds which target."""
    return {(place.version, place.target.name) for place in places}
