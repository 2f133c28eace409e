"""`mlflow.models.evaluate(..., evaluators=["privacy"])`: what a model tells about who it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation.artifacts import ImageEvaluationArtifact, JsonEvaluationArtifact
from mlflow.models.evaluation.base import EvaluationResult, ModelEvaluator

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance_mlflow.errors import translated

if TYPE_CHECKING:
    from governance.privacy.records import Data

MEMBERSHIP = EvidenceType.MEMBERSHIP_INFERENCE.value

FOLDER = "privacy"
"""Where the plots and the measurement lie among the run's artifacts."""

OWN_OPTIONS = ("non_members", "target", "metric_prefix")
"""Options of the evaluator itself."""

DIRECT = ("seed", "trainer", "subjects", "workers", "limits")
"""Options that `governance.measuring.assess` takes by the same name."""


class PrivacyEvaluator(ModelEvaluator):  # type: ignore[misc]  # MLflow ships no types
    """Attacks the membership privacy of a model; the data evaluated on are its training records.

    Options, in `evaluator_config`:
        non_members: Records that the model never saw: a table, a file, a pair (X, y) or a dataset.
        target: The column of `non_members` to be predicted; found by itself where that is the only
            column that the members do not have.
        metric_prefix: Goes before the name of every metric.

    and those of `governance.measuring.assess`: `seed` (0 unless given), `trainer`, `subjects`, `workers` and
    `limits`; the fields of its `ShadowBudget`: `refits`, `seconds`, `shadows`; and those of its `Asked`:
    `attacks`, `fprs`, `confidence`, `slices`, `sensitive` and so on.
    """

    @classmethod
    def can_evaluate(
        cls, *, model_type: str | None, evaluator_config: Mapping[str, Any] | None, **_: Any
    ) -> bool:
        """Only where non-members are given: without them nothing about members can be measured."""
        return model_type in ("classifier", "regressor") and "non_members" in (evaluator_config or {})

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: Any,
        run_id: str,
        evaluator_config: Mapping[str, Any],
        model: Any = None,
        **_: Any,
    ) -> EvaluationResult:
        """Measure, and log metrics, plots and the measurement to the run.

        Raises:
            MlflowException: the records or the options cannot be used, or the model failed on them.
        """
        from governance.measuring import assess
        from governance_mlflow.loading import native

        with translated():
            if model is None:
                raise UsageError("Predictions alone do not tell who was trained on", "Pass model=.")
            options = _options(evaluator_config)
            members, non_members = _sides(dataset, evaluator_config)
            found = assess(native(model), members, non_members, task=model_type, **options)
        prefix = evaluator_config.get("metric_prefix", "")
        bodies = {} if found.membership is None else {MEMBERSHIP: found.membership.body()}
        bodies |= {f"{one.type.value}-{one.attack}": one.body() for one in found.outcomes}
        metrics = metrics_of(bodies[MEMBERSHIP]) if MEMBERSHIP in bodies else {}
        metrics |= {
            f"privacy_{one.type.value.replace('-', '_')}_leak_shown": float(one.verdict.value == "leak shown")
            for one in found.outcomes
        }
        return _logged(bodies, {f"{prefix}{name}": value for name, value in metrics.items()}, run_id)


def metrics_of(body: Mapping[str, Any]) -> dict[str, float]:
    """A measurement's numbers under names that MLflow accepts, the ends of intervals beside them."""
    auc, accuracy = body["auc"], body["accuracy"]
    found = {
        "privacy_auc": auc["point"],
        "privacy_auc_lower": auc["low"],
        "privacy_auc_upper": auc["high"],
    }
    for rate in body["tpr_at_fpr"]:
        name = f"privacy_tpr_at_fpr_{rate['fpr']:g}"
        found |= {name: rate["tpr"], f"{name}_lower": rate["low"], f"{name}_upper": rate["high"]}
    if None not in accuracy.values():
        found["privacy_accuracy_gap"] = accuracy["members"] - accuracy["non_members"]
    found["privacy_leak_shown"] = float(body["verdict"] == "leak shown")
    return {name: float(value) for name, value in found.items()}


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    from governance.measuring import Asked
    from governance.privacy.target import ShadowBudget

    budget, asked = ({field.name for field in fields(kind)} for kind in (ShadowBudget, Asked))
    known = {*OWN_OPTIONS, *DIRECT, *budget, *asked}
    if unknown := sorted(given.keys() - known):
        raise UsageError(
            f"the privacy evaluator has no option {', '.join(unknown)}",
            f"Options are {', '.join(sorted(known))}.",
        )
    return {
        "seed": 0,
        **{name: given[name] for name in DIRECT if name in given},
        "budget": ShadowBudget(**{name: given[name] for name in budget if name in given}),
        "asked": Asked(**{name: given[name] for name in asked if name in given}),
    }


def _sides(dataset: Any, given: Mapping[str, Any]) -> tuple[Data, Data]:
    """Members as MLflow holds them, and non-members with the same columns in the same order."""
    from governance.privacy.records import Data, as_data, table_of

    members = as_data(dataset, name="data")
    others, target = given["non_members"], given.get("target")
    columns = [str(name) for name in getattr(members.X, "columns", ())]
    if target is None and (table := table_of(others)) is not None:
        # MLflow does not tell an evaluator what the target is called.
        target = next(iter(extra), None) if len(extra := set(table.columns) - set(columns)) == 1 else None
        others = table
    non_members = as_data(others, target, name="non_members")
    found = [str(name) for name in getattr(non_members.X, "columns", ())]
    if columns and sorted(columns) == sorted(found):
        return members, Data(non_members.X[list(members.X.columns)], non_members.y)
    return members, non_members


def _logged(bodies: Mapping[str, Any], metrics: dict[str, float], run_id: str) -> EvaluationResult:
    import mlflow
    from mlflow import MlflowClient

    from governance.reports.attack_plots import write_plots

    artifacts: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        written = []
        for name, body in bodies.items():
            written.append(Path(folder, f"{name}.json"))
            written[-1].write_text(json.dumps(body, indent=2, sort_keys=True), "utf-8")
        if MEMBERSHIP in bodies:
            written += write_plots(bodies[MEMBERSHIP], Path(folder))
        for path in written:
            kind = {".json": JsonEvaluationArtifact, ".png": ImageEvaluationArtifact}.get(path.suffix)
            if kind is not None:
                name = f"privacy_{path.stem.replace('-', '_')}"
                artifacts[name] = kind(uri=f"runs:/{run_id}/{FOLDER}/{path.name}")
                artifacts[name]._load(str(path))
        MlflowClient().log_artifacts(run_id, folder, FOLDER)
    mlflow.log_metrics(metrics, run_id=run_id)
    return EvaluationResult(metrics=metrics, artifacts=artifacts, run_id=run_id)
