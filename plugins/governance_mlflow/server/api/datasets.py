"""The catalogue: what data there is and how sensitive. No records come here, only what describes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from governance.canonical import timestamp
from governance.documents import described_from
from governance.domain.label import Label, at_most, from_json
from governance.errors import Forbidden
from governance.policy.label_file import label_from_yaml
from governance_mlflow.server.api.desks import Body, ServedDesk, insist_on_role
from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["datasets"])

Count = Annotated[int, Field(ge=1, le=2**53)]


class BudgetGranted(Body):
    """A privacy budget."""

    epsilon: float = Field(gt=0, allow_inf_nan=False)
    delta: float = Field(gt=0, lt=1, allow_inf_nan=False)
    unit: str = Field(min_length=1, max_length=200, description="The unit of privacy in words.")
    unit_is_data_subject: bool


class Described(Body):
    """A dataset as the machine that holds its records describes it."""

    name: str = Field(min_length=1, max_length=500)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Over the whole content.")
    n_records: Count
    columns: list[Annotated[str, Field(max_length=1000)]] = Field(min_length=1, max_length=100_000)
    source: str = Field(max_length=2000)
    mlflow_digest: str | None = Field(default=None, max_length=36)
    n_subjects: Count | None = None
    max_records_per_subject: Count | None = None
    budget: BudgetGranted | None = None


class NewDataset(Body):
    """A dataset for the catalogue, with its first label."""

    dataset: Described
    label: dict[str, Any] = Field(description="A label as `governance/label/v1` writes it.")
    reason: str = Field(min_length=1, max_length=2000)


class NewLabel(Body):
    """Another label for a dataset."""

    dataset: str = Field(min_length=1, max_length=600, description="Its name, or `name@sha256`.")
    label: dict[str, Any] = Field(description="A label as `governance/label/v1` writes it.")
    reason: str = Field(min_length=1, max_length=2000)


@router.get("/datasets")
def datasets(
    desk: ServedDesk,
    identity: Known,  # noqa: ARG001 - it has to be somebody
    name: Annotated[str | None, Query(max_length=500)] = None,
) -> dict[str, Any]:
    """`governance/datasets/v1`: every catalogued dataset, or those of one name."""
    return {"schema": "governance/datasets/v1", "datasets": desk.datasets(name)}


@router.post("/datasets", status_code=201)
def add(desk: ServedDesk, identity: Known, asked: NewDataset) -> dict[str, Any]:
    """Catalogue a dataset; what it is was computed where its records are."""
    insist_on_role(desk, identity, "Cataloguing")
    at = timestamp(desk.asking().at)
    dataset = described_from(asked.dataset.model_dump(), at, identity.name)
    found = desk.catalogue(dataset, _label(asked.label), asked.reason)
    return {"schema": "governance/dataset/v1"} | found


@router.post("/labels", status_code=201)
def relabel(desk: ServedDesk, identity: Known, asked: NewLabel) -> dict[str, Any]:
    """Give a dataset another label; one that lowers it is for the role `dpo` alone."""
    roles = insist_on_role(desk, identity, "Labelling")
    label = _label(asked.label)
    name = asked.dataset.partition("@")[0]
    before = [from_json(entry["label"]) for entry in desk.datasets(name)]
    if "dpo" not in roles and not all(_raises(one, label) for one in before):
        raise Forbidden(
            f"This label is lower than the one that {name!r} bears, and {identity.name!r} is no dpo.",
            "Let somebody with the role dpo give it.",
        )
    desk.relabel(asked.dataset, label, asked.reason)
    return {"schema": "governance/relabelled/v1", "dataset": asked.dataset}


def _label(data: dict[str, Any]) -> Label:
    # JSON is YAML, and a label is held to the same rules whoever writes it.
    told = {key: "everything" if value == ["*"] else value for key, value in data.items()}
    return label_from_yaml(json.dumps(told, ensure_ascii=False), "the label")


def _raises(before: Label, after: Label) -> bool:
    # Where it comes from is the catalogue's to say.
    return at_most(replace(before, provenance=frozenset()), replace(after, provenance=frozenset()))
