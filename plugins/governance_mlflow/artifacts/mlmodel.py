"""What a model's own `MLmodel` file says of it; being part of the bytes, it is bound to their digest."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from governance.domain.lineage import Parent, ParentKind
from governance.domain.mechanism import DpTraining
from governance.errors import UsageError

LARGEST = 1 << 20
"""Bytes of an MLmodel file that are read; a larger one is not MLflow's."""


def read(folder: Path) -> dict[str, Any]:
    """The contents of `MLmodel`, empty when there is none or it is not a mapping."""
    path = folder / "MLmodel"
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return {}
        contents = _parsed(path.read_text(encoding="utf-8"))
    # A date that does not exist is a ValueError, brackets without end are a RecursionError.
    except (yaml.YAMLError, ValueError, RecursionError, OSError):
        return {}
    return deepcopy(contents) if isinstance(contents, dict) else {}


# A registration looks at it several times. By its text, not by path: bytes may change in between.
@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


def dp_training(contents: dict[str, Any]) -> DpTraining | None:
    """The facts of a DP training that `private_training` put into the model's metadata.

    Raises:
        UsageError: the model says it was trained privately and the facts cannot be read.
    """
    metadata = contents.get("metadata")
    ours = metadata.get("governance") if isinstance(metadata, dict) else None
    facts = ours.get("dp_training") if isinstance(ours, dict) else None
    if facts is None:
        return None
    try:
        return DpTraining.from_json(facts)
    except (ValueError, AttributeError) as error:
        raise UsageError(
            f"The model's metadata has no usable DP training: {error}.",
            "Log it with metadata=training.metadata(model) from governance_mlflow.private_training.",
        ) from error


def base_models(contents: dict[str, Any]) -> tuple[Parent, ...]:
    """Pre-trained models that the transformers flavour was built on; the registry knows none of them."""
    flavors = contents.get("flavors")
    flavor = flavors.get("transformers") if isinstance(flavors, dict) else None
    name = flavor.get("source_model_name") if isinstance(flavor, dict) else None
    return (Parent(ParentKind.BASE_MODEL, f"hf:{name}"),) if name else ()
