"""Tags and descriptions: the plugin's are its own, and those of what is in service change with a record."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from governance.domain.events import ModelAnnotated, VersionAnnotated
from governance_mlflow.gate.judging import VANISHES, Judging
from governance_mlflow.gate.registry_rows import number


class Words(Judging):
    """MLflow's store with the gate before what people write about models and versions."""

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> Any:
        """Describe a registered model; on record where a version of it holds a protected place."""
        update = super().update_registered_model
        return self._annotate(
            name, None, None, description, lambda: update(name, description, deployment_job_id)
        )

    def update_model_version(self, name: str, version: Any, description: str | None = None) -> Any:
        """Describe a version, by default with nothing; on record where it holds a protected place."""
        update, version = super().update_model_version, number(version)
        return self._annotate(name, version, None, description, lambda: update(name, version, description))

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag that is not the plugin's."""
        put = super().set_registered_model_tag
        self._refuse_tag(f"Setting tag {tag.key!r} on {name!r}", name, None, tag.key, tag.value)
        self._annotate(name, None, tag.key, tag.value, lambda: put(name, tag))

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag that is not the plugin's."""
        remove = super().delete_registered_model_tag
        self._refuse_tag(f"Deleting tag {key!r} of {name!r}", name, None, key, None)
        self._annotate(name, None, key, None, lambda: remove(name, key))

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        """Set a tag that is not the plugin's."""
        put, version = super().set_model_version_tag, number(version)
        words = f"Setting tag {tag.key!r} on models:/{name}/{version}"
        self._refuse_tag(words, name, version, tag.key, tag.value)
        self._annotate(name, version, tag.key, tag.value, lambda: put(name, version, tag))

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        """Delete a tag that is not the plugin's."""
        remove, version = super().delete_model_version_tag, number(version)
        words = f"Deleting tag {key!r} of models:/{name}/{version}"
        self._refuse_tag(words, name, version, key, None)
        self._annotate(name, version, key, None, lambda: remove(name, version, key))

    def _refuse_tag(self, words: str, name: str, version: Any, key: str, value: str | None) -> None:
        with self.governing():
            self.refuse_reserved([key], words)
            if key != IS_PROMPT_TAG_KEY or self.tag(name, version, key) == value:
                return
            if not (value == "true" and self.flagged_as_prompt(name)):
                self.refuse(words, VANISHES)

    def _annotate(
        self, name: str, version: Any, key: str | None, after: str | None, change: Callable[[], Any]
    ) -> Any:
        """Change a tag, or without a key the description, and record it of what is in service."""
        with self.governing():
            with self.looking():
                exists = version is None or self.stage(name, version) is not None
                places = self.held(name, version) if exists else ()
            if not places:
                return change()
            if version is not None:
                self.adopt(name, places)
            with self.transaction():
                before = self.description(name, version) if key is None else self.tag(name, version, key)
                done = change()
                if before != after:
                    self._record(name, version, "description" if key is None else f"tag {key}", before, after)
                return done

    def _record(self, name: str, version: Any, what: str, before: str | None, after: str | None) -> None:
        told = what, _digest(before), _digest(after)
        with self.writing() as books:
            event: ModelAnnotated | VersionAnnotated = ModelAnnotated(name, *told)
            if version is not None:
                subject = self.subject(name, version)
                event = VersionAnnotated(subject.uid, str(subject.named), *told)
            books.audit.append(self.gate.asking().at, self.gate.actor(), event)


def _digest(text: str | None) -> str:
    """What the log says of a text: its SHA-256, never the text."""
    return "nothing" if not text else sha256(text.encode()).hexdigest()
