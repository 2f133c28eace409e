"""What a differentially private training with Opacus did, recorded from the objects that did it.

Nobody types ε here. Noise, sampling rate and steps come from the accountant's history, the sampling
from the loader, the clipping norm from the optimizer; ε is computed from these facts elsewhere.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, Protocol

from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian
from governance.errors import UsageError
from governance_mlflow.ledger import registry_ledger
from governance_mlflow.training.opacus_objects import (
    Writes,
    clean,
    hazards,
    sampling,
    tensors,
    unprotected,
    written,
)

ARTIFACT = "governance/dp_training.json"
"""Where the facts lie among a run's artifacts."""


class Ledger(Protocol):
    """The privacy budget as a training sees it: set aside before, charged after, given back on failure."""

    def reserve(self, training: DpTraining) -> Sequence[object]:
        """Set budget aside for the facts as planned; the refusals, none if it was granted."""

    def commit(self, training: DpTraining) -> None:
        """Charge the facts as they turned out."""

    def release(self, key: str) -> None:
        """Give a reservation back."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """What only a person can say of a training."""

    datasets: tuple[str, ...]
    unit: str
    unit_is_data_subject: bool
    delta: float
    max_records_per_subject: int | None
    n_units: int | None
    covers: str
    uncovered: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What one call of `private` handed out, and the tensors it left without noise."""

    wrapped: Any
    optimizer: Any
    loader: Any
    others: Writes


class PrivateTraining:
    """One training under a `PrivacyEngine`; made by `private_training`."""

    def __init__(self, engine: Any, statement: _Statement, ledger: Ledger | None) -> None:
        self._engine = engine
        self._statement = statement
        self._ledger = ledger
        self._prepared: list[_Prepared] = []
        self._reserved = False
        self._left: Writes = {}

    @property
    def key(self) -> str:
        """The training's own identity in the budget's books."""
        return self._statement.key

    @property
    def module(self) -> Any:
        """The plain module that is trained, without Opacus around it: the one to log."""
        if not self._prepared:
            raise UsageError(
                "nothing was made private", "Call training.private(model, optimizer, loader, …)."
            )
        return self._prepared[0].wrapped._module

    def private(
        self,
        model: Any,
        optimizer: Any,
        data_loader: Any,
        *,
        max_grad_norm: float | list[float],
        noise_multiplier: float | None = None,
        target_epsilon: float | None = None,
        epochs: int | None = None,
        **options: Any,
    ) -> Any:
        """Call `make_private`, or `make_private_with_epsilon`, and remember what it returned.

        Args:
            target_epsilon: Let Opacus choose the noise for so many `epochs`; a wish, never recorded.
            epochs: Also how much budget to reserve, where there is a ledger.
            options: Handed on to Opacus as they are.

        Returns:
            What Opacus returned: (model, optimizer, loader), with ghost clipping also the criterion.

        Raises:
            UsageError: the noise is not said in exactly one way, another module is being trained
                already, or a dataset's budget would not bear it; then the module is as it was.
        """
        if (noise_multiplier is None) == (target_epsilon is None):
            raise UsageError(
                "the noise is not said in exactly one way", "Pass noise_multiplier or target_epsilon."
            )
        if target_epsilon is not None and epochs is None:
            raise UsageError("target_epsilon needs epochs", "Pass the number of epochs as well.")
        module = getattr(model, "_module", model)
        if self._prepared and module is not self.module:
            raise UsageError(
                "this training is of another module", "Open one private_training for each model."
            )
        others = unprotected(module, optimizer)
        common = {"module": model, "optimizer": optimizer, "data_loader": data_loader}
        common |= {"max_grad_norm": max_grad_norm} | options
        if target_epsilon is None:
            made = self._engine.make_private(noise_multiplier=noise_multiplier, **common)
        else:
            made = self._engine.make_private_with_epsilon(
                target_epsilon=target_epsilon, target_delta=self._statement.delta, epochs=epochs, **common
            )
        self._prepared.append(_Prepared(made[0], made[1], made[-1], others))
        if self._ledger is not None:
            self._reserve(self._ledger, epochs)
        return made

    def _reserve(self, ledger: Ledger, epochs: int | None) -> None:
        if epochs is None:
            raise UsageError("budget cannot be reserved for an unknown time", "Pass the number of epochs.")
        latest = self._prepared[-1]
        rate = 1 / len(latest.loader)
        planned = SampledGaussian(float(latest.optimizer.noise_multiplier), rate, epochs * len(latest.loader))
        if self._reserved:
            ledger.release(self.key)
        self._reserved = False
        if refusals := ledger.reserve(self._facts((*self._phases(), planned))):
            refused = self._prepared.pop()
            if not self._prepared:
                # So that the same module can be made private again, with more noise.
                clean(refused.wrapped)
            raise UsageError("\n".join(map(str, refusals)), "Train less or with more noise, as said above.")
        self._reserved = True

    def mechanism(self) -> DpTraining:
        """The facts as they stand now.

        Raises:
            UsageError: nothing was made private, or no step was taken.
        """
        phases = self._phases()
        if not phases or not self._prepared:
            raise UsageError(
                "no private step was taken", "Train with the objects that training.private returned."
            )
        training = self._facts(phases)
        try:
            training.check()
        except ValueError as error:
            raise UsageError(f"no privacy was bought: {error}", "Train with noise, and clip.") from error
        return training

    def metadata(self, model: Any) -> dict[str, Any]:
        """What `log_model(…, metadata=…)` writes into the model's own files, and so under its digest.

        Raises:
            UsageError: `model` is not the plain module that was trained, or it still bears what Opacus
                left on it: per-sample gradients are personal data and must not be saved with a model.
        """
        training = self.mechanism()
        if model is not self.module:
            raise UsageError("this is not the module that was trained", "Log training.module itself.")
        if any(hasattr(parameter, "grad_sample") for parameter in model.parameters()):
            raise UsageError(
                "the module still bears per-sample gradients",
                "Log it after the `with private_training` block.",
            )
        return {"governance": {"dp_training": training.to_json()}}

    def _phases(self) -> tuple[SampledGaussian, ...]:
        history = self._engine.accountant.history
        return tuple(SampledGaussian(float(s), float(q), int(n)) for s, q, n in history if n > 0)

    def _facts(self, phases: tuple[SampledGaussian, ...]) -> DpTraining:
        said, prepared = self._statement, self._prepared
        noticed = [h for p in prepared for h in hazards(self.module, p.optimizer, p.others)]
        if changed := written(self._left):
            noticed.append(f"{len(changed)} tensors were written to after the private training")
        return DpTraining(
            phases=phases,
            delta=said.delta,
            max_grad_norm=max(float(p.optimizer.max_grad_norm) for p in prepared),
            sampling=sampling([p.loader for p in prepared]),
            neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
            unit=said.unit,
            unit_is_data_subject=said.unit_is_data_subject,
            max_records_per_subject=said.max_records_per_subject,
            n_units=max(len(p.loader.dataset) for p in prepared) if said.n_units is None else said.n_units,
            datasets=said.datasets,
            covers=said.covers,
            secure_rng=bool(self._engine.secure_mode),
            libraries=tuple((name, version(name)) for name in ("opacus", "torch")),
            key=said.key,
            hazards=tuple(dict.fromkeys((*noticed, *said.uncovered))),
        )

    def _finish(self, failed: bool) -> None:
        for prepared in self._prepared:
            clean(prepared.wrapped)
        trained = bool(self._prepared and self._phases()) and not failed
        if trained:
            self._left = tensors(self.module)
            training = self.mechanism()
            _log(training)
            if self._ledger is not None:
                self._ledger.commit(training)
        elif self._ledger is not None and self._reserved:
            self._ledger.release(self.key)


@contextmanager
def private_training(
    engine: Any,
    *,
    datasets: Sequence[str],
    unit: str,
    delta: float,
    unit_is_data_subject: bool = False,
    max_records_per_subject: int | None = None,
    n_units: int | None = None,
    covers: str = "final_model",
    uncovered: Sequence[str] = (),
    key: str | None = None,
    ledger: Ledger | Literal["registry"] | None = "registry",
) -> Iterator[PrivateTraining]:
    """Record a training under an Opacus `PrivacyEngine`.

    Inside an MLflow run the facts become its artifact `governance/dp_training.json` when the block ends::

        with mlflow.start_run():
            engine = PrivacyEngine()
            with private_training(engine, datasets=["visits"], unit="patient", delta=1e-5) as training:
                model, optimizer, loader = training.private(
                    module, optimizer, loader, noise_multiplier=1.1, max_grad_norm=1.0
                )
                …  # the usual loop
            mlflow.pytorch.log_model(module, name="model", metadata=training.metadata(module), …)

    Args:
        datasets: Catalogued names whose records the training reads; the guarantee covers no others.
        unit: What one record of the loader's dataset is, in words: `record`, `patient`, `household`.
        delta: The δ at which ε will be computed, in (0, 1).
        max_records_per_subject: The most records of the loader's dataset that one person has.
        n_units: How many units there are, if not one for each record of the loader's dataset.
        covers: `final_model`, or `all_checkpoints` if those are kept as well.
        uncovered: Every other look at the data: a fitted scaler, a search for parameters, early stopping.
        key: The training's identity in the budget's books; a new one unless a broken training is resumed.
        ledger: Where budget is reserved, charged and given back. By default the books of the registry
            that MLflow is set to, if it is reached directly; behind a server the training is charged
            when its model is registered.

    Raises:
        UsageError: a statement above cannot be true.
    """
    statement = _Statement(
        datasets=(datasets,) if isinstance(datasets, str) else tuple(datasets),
        unit=unit,
        unit_is_data_subject=unit_is_data_subject,
        delta=delta,
        max_records_per_subject=max_records_per_subject,
        n_units=n_units,
        covers=covers,
        uncovered=tuple(uncovered),
        key=key or uuid.uuid4().hex,
    )
    _check(statement)
    training = PrivateTraining(engine, statement, registry_ledger() if ledger == "registry" else ledger)
    try:
        yield training
    except BaseException:
        # An interrupted training must not keep budget that nobody will charge.
        training._finish(failed=True)
        raise
    training._finish(failed=False)


def _check(said: _Statement) -> None:
    if not said.datasets or not all(name.strip() for name in said.datasets):
        raise UsageError("no dataset is named", "Name the catalogued datasets that the training reads.")
    if not said.unit.strip():
        raise UsageError("the unit of privacy is not named", "Say what one record is: record, patient, …")
    if not 0 < said.delta < 1 or math.isnan(said.delta):
        raise UsageError(f"delta {said.delta} is not in (0, 1)", "Choose one below 1 / number of records.")
    if said.covers not in ("final_model", "all_checkpoints"):
        raise UsageError(f"covers {said.covers!r}", "Say final_model or all_checkpoints.")
    if said.unit_is_data_subject and said.max_records_per_subject not in (None, 1):
        raise UsageError(
            f"one unit cannot be one person who has {said.max_records_per_subject} records",
            "DP-SGD protects one record of the loader's dataset: make that a person, or say unit='record'.",
        )


def _log(training: DpTraining) -> None:
    import mlflow

    run = mlflow.active_run()
    if run is not None:
        mlflow.MlflowClient().log_dict(run.info.run_id, training.to_json(), ARTIFACT)
