"""The reserved tags: written by the plugin alone, so that a label on a version can be believed."""

from __future__ import annotations

from collections.abc import Iterable

from governance.domain.label import Inheritance
from governance.domain.manifest import Manifest
from governance.policy.names import skeleton

PREFIX = "governance."
"""No caller may set, change or delete a registry tag that begins like this."""

DIGEST = PREFIX + "digest"
LABEL = PREFIX + "label"
UNKNOWN = PREFIX + "unknown"

INPUT_SHA256 = PREFIX + "sha256"
"""On a run's dataset input: the fingerprint that `log_input` computed."""
INPUT_PART_OF = PREFIX + "part_of"
"""On a run's dataset input: the catalogued dataset its records were taken from."""

TAG_LENGTH = 5000
"""MLflow's limit on the value of a model version's tag."""


def reserved(keys: Iterable[str]) -> tuple[str, ...]:
    """The keys that no caller may touch: those that begin, to a hurried reader's eye, like ours."""
    return tuple(sorted(key for key in keys if skeleton(key).startswith(skeleton(PREFIX))))


def describing(manifest: Manifest | None, inheritance: Inheritance) -> dict[str, str]:
    """The tags that show a version's label in MLflow's own pages; few, as every search reads them all."""
    label = inheritance.effective
    words = [label.confidentiality.word, label.identifiability.word, *sorted(label.special_categories)]
    tags = {LABEL: " · ".join("every special category" if word == "*" else word for word in words)}
    if inheritance.unknown:
        tags[UNKNOWN] = "; ".join(f"{c.source}: {c.reason}" for c in inheritance.unknown)
    if manifest is not None:
        tags[DIGEST] = manifest.digest
    return {key: value[:TAG_LENGTH] for key, value in tags.items()}
