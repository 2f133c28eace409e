"""The facts of a DP training are those of the objects that trained, and no one types ε."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.errors import UsageError
from governance_mlflow import private_training
from governance_mlflow.training.opacus import ARTIFACT

RECORDS, BATCH = 60, 20
NORMALISED = (
    "gradients are divided by 20, the rounded expected batch size: it follows the exact number of records, "
    "and Opacus does not account for that (its issue 819)"
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Secure RNG|Full backward hook|Optimal order|Noise schedule")
        yield


def loader(records: int = RECORDS) -> DataLoader[Any]:
    """Records of four numbers in two classes."""
    random = torch.Generator().manual_seed(0)
    data = TensorDataset(torch.randn(records, 4, generator=random), torch.arange(records) % 2)
    return DataLoader(data, batch_size=BATCH, generator=random)


def parts(module: nn.Module | None = None) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader[Any]]:
    """What a data scientist has before Opacus."""
    module = module or nn.Linear(4, 2)
    return module, torch.optim.SGD(module.parameters(), lr=0.1), loader()


def fit(model: Any, optimizer: Any, batches: Any, epochs: int = 1) -> None:
    """The usual loop."""
    for _ in range(epochs):
        for columns, answers in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(columns), answers).backward()
            optimizer.step()


class Purse:
    """A ledger that writes down what it is asked, and refuses what it is told to."""

    def __init__(self, *refusals: str) -> None:
        self.refusals = refusals
        self.told: list[tuple[str, Any]] = []

    def reserve(self, training: DpTraining) -> Sequence[object]:
        self.told.append(("reserve", training))
        return self.refusals

    def commit(self, training: DpTraining) -> None:
        self.told.append(("commit", training))

    def release(self, key: str) -> None:
        self.told.append(("release", key))


def start(**said: Any) -> Any:
    """A recorded training on `visits` by records."""
    return private_training(
        PrivacyEngine(), **({"datasets": ["visits"], "unit": "record", "delta": 1e-5} | said)
    )


def test_the_facts_are_those_of_the_training() -> None:
    """Noise, rate, steps, clipping, sampling and versions are read off; the rest is what was said."""
    with start(key="k1", uncovered=["a scaler was fitted"], max_records_per_subject=5) as training:
        made = training.private(*parts(), noise_multiplier=1.25, max_grad_norm=0.5)
        fit(*made, epochs=2)

    facts = training.mechanism()
    assert (
        DpTraining(
            phases=(SampledGaussian(1.25, 1 / 3, 6),),
            delta=1e-5,
            max_grad_norm=0.5,
            sampling=Sampling.POISSON,
            neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
            unit="record",
            unit_is_data_subject=False,
            max_records_per_subject=5,
            n_units=RECORDS,
            datasets=("visits",),
            covers="final_model",
            secure_rng=False,
            libraries=facts.libraries,
            key="k1",
            hazards=(NORMALISED, "a scaler was fitted"),
        )
        == facts
    )
    assert ["opacus", "torch"] == [name for name, _ in facts.libraries]


@pytest.mark.slow
def test_epsilon_is_nowhere() -> None:
    """A wish for ε chooses the noise and is not among the facts."""
    with start() as training:
        fit(*training.private(*parts(), target_epsilon=3.0, epochs=1, max_grad_norm=1.0))

    facts = training.mechanism()
    assert 1 < facts.phases[0].noise_multiplier < 10
    assert not [field.name for field in fields(facts) if "epsilon" in field.name]
    assert "epsilon" not in json.dumps(training.metadata(training.module))


def test_two_phases_and_a_resumed_one() -> None:
    """Noise that changes, and steps of a checkpoint taken up again, are phases of one training."""
    engine = PrivacyEngine()
    engine.accountant.history = [(2.0, 0.5, 7), (3.0, 0.5, 0)]
    with private_training(engine, datasets=["visits"], unit="record", delta=1e-5) as training:
        model, optimizer, batches = training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)
        fit(model, optimizer, batches)
        optimizer.noise_multiplier = 0.8
        fit(model, optimizer, batches)

    assert (
        SampledGaussian(2.0, 0.5, 7),
        SampledGaussian(1.0, 1 / 3, 3),
        SampledGaussian(0.8, 1 / 3, 3),
    ) == training.mechanism().phases


def test_a_shuffled_loader_is_recorded_as_shuffled() -> None:
    """Whatever Opacus' accountant assumes."""
    with start() as training:
        made = training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0, poisson_sampling=False)
        fit(*made)

    assert Sampling.SHUFFLED is training.mechanism().sampling


def test_a_sum_has_no_normalisation_hazard() -> None:
    """What is not divided by the number of records does not tell it."""
    with start() as training:
        made = training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0, loss_reduction="sum")
        fit(*made)

    assert () == training.mechanism().hazards


def test_clipping_by_layer_and_without_a_wrapper() -> None:
    """The norms of the layers make one norm; hooks without a wrapper are recorded alike."""
    module, optimizer, batches = parts()
    with start() as training:
        _, optimizer, batches = training.private(
            module,
            optimizer,
            batches,
            noise_multiplier=1.0,
            max_grad_norm=[3.0, 4.0],
            clipping="per_layer",
            wrap_model=False,
        )
        fit(module, optimizer, batches)

    assert (5.0, module) == (training.mechanism().max_grad_norm, training.module)


def test_what_bypasses_the_noise_is_noticed() -> None:
    """A buffer that training writes to carries records into the model without clipping and noise."""

    class Counting(nn.Module):
        """Keeps the mean of its inputs."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 2)
            self.register_buffer("mean", torch.zeros(4))

        def forward(self, columns: torch.Tensor) -> Any:
            self.mean.mul_(0.9).add_(columns.detach().sum(dim=0))
            return self.linear(columns)

    with start() as training:
        fit(*training.private(*parts(Counting()), noise_multiplier=1.0, max_grad_norm=1.0))

    expected = (NORMALISED, "mean was written to during training without clipping and noise")
    assert expected == training.mechanism().hazards


def test_training_on_afterwards_is_noticed() -> None:
    """What changes the weights behind the block was not seen, and the facts say so."""
    with start() as training:
        fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0))
    with torch.no_grad():
        training.module.bias.add_(1.0)

    expected = (NORMALISED, "1 tensors were written to after the private training")
    assert expected == training.mechanism().hazards


def test_metadata_is_of_the_trained_module() -> None:
    """Facts go with the module they are about, in the form that the registry reads."""
    with start() as training:
        fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0))

    metadata = training.metadata(training.module)
    assert {"governance": {"dp_training": training.mechanism().to_json()}} == metadata
    again = json.loads(json.dumps(metadata["governance"]["dp_training"]))
    assert training.mechanism() == DpTraining.from_json(again)


def test_metadata_of_another_module_is_refused() -> None:
    """An equal module, or the wrapper, is not the one that was trained."""
    with start() as training:
        model, *rest = training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)
        fit(model, *rest)

    for other in (nn.Linear(4, 2), model):
        with pytest.raises(UsageError, match="not the module that was trained"):
            training.metadata(other)


def test_nothing_personal_stays_on_the_module() -> None:
    """Opacus leaves per-sample gradients and un-noised sums on parameters, and pickle would save them."""
    with start() as training:
        fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0))
        with pytest.raises(UsageError, match="per-sample gradients"):
            training.metadata(training.module)

    saved, fresh = io.BytesIO(), io.BytesIO()
    training.module.zero_grad()
    torch.save(training.module, saved)
    torch.save(nn.Linear(4, 2), fresh)
    assert [{}, {}] == [vars(parameter) for parameter in training.module.parameters()]
    assert vars(nn.Linear(4, 2)).keys() == vars(training.module).keys()
    assert abs(len(saved.getvalue()) - len(fresh.getvalue())) < 64


def test_no_step_no_facts() -> None:
    """A training that never stepped, or never began, has nothing to say."""
    with start() as training:
        with pytest.raises(UsageError, match="nothing was made private"):
            _ = training.module
        training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)

    with pytest.raises(UsageError, match="no private step was taken"):
        training.mechanism()
    with pytest.raises(UsageError, match="no private step was taken"):
        training.metadata(training.module)


def test_no_noise_no_privacy() -> None:
    """Clipping alone is not a DP training."""
    with pytest.raises(UsageError, match="no privacy was bought"), start() as training:
        fit(*training.private(*parts(), noise_multiplier=0.0, max_grad_norm=1.0))


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({}, "exactly one way"),
        ({"noise_multiplier": 1.0, "target_epsilon": 1.0}, "exactly one way"),
        ({"target_epsilon": 1.0}, "needs epochs"),
    ],
)
def test_the_noise_is_said_once(noise: dict[str, float], message: str) -> None:
    """Neither twice nor not at all."""
    with start() as training, pytest.raises(UsageError, match=message):
        training.private(*parts(), max_grad_norm=1.0, **noise)


def test_one_training_one_module() -> None:
    """A second module needs a recording of its own."""
    with start() as training:
        training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)
        with pytest.raises(UsageError, match="another module"):
            training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"datasets": []}, "no dataset"),
        ({"unit": " "}, "unit of privacy"),
        ({"delta": 0.0}, "delta 0.0"),
        ({"delta": float("nan")}, "delta nan"),
        ({"covers": "everything"}, "covers 'everything'"),
        ({"unit_is_data_subject": True, "max_records_per_subject": 5}, "who has 5 records"),
    ],
)
def test_what_cannot_be_true_is_refused(said: dict[str, Any], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(UsageError, match=message), start(**said):
        pass


def test_budget_is_reserved_then_charged() -> None:
    """The plan has all the steps that the epochs may take; the charge has those that were taken."""
    purse = Purse()
    with start(ledger=purse, key="k1") as training:
        fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0, epochs=5), epochs=2)

    facts = training.mechanism()
    planned = replace(facts, phases=(SampledGaussian(1.0, 1 / 3, 15),))
    assert [("reserve", planned), ("commit", facts)] == purse.told


@pytest.mark.parametrize("failure", [ArithmeticError, KeyboardInterrupt])
def test_a_failed_training_gives_its_budget_back(failure: type[BaseException]) -> None:
    """An interrupted one too: what was never released was never spent."""
    purse = Purse()

    def broken() -> None:
        with start(ledger=purse, key="k1") as training:
            fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0, epochs=1))
            raise failure

    with pytest.raises(failure):
        broken()
    assert ["reserve", "release"] == [verb for verb, _ in purse.told]
    assert "k1" == purse.told[-1][1]


def test_an_idle_training_gives_its_budget_back() -> None:
    """Without a step nothing was spent."""
    purse = Purse()
    with start(ledger=purse, key="k1") as training:
        training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0, epochs=1)

    assert ["reserve", "release"] == [verb for verb, _ in purse.told]


def test_a_refused_training_can_be_asked_again() -> None:
    """The refusal is said word for word; the module is as it was, so more noise can be tried."""
    purse = Purse("visits: ε would be 9.00 per person at δ = 1e-05, 5 is granted")
    made = parts()
    with start(ledger=purse) as training:
        with pytest.raises(UsageError, match=r"visits: ε would be 9\.00"):
            training.private(*made, noise_multiplier=1.0, max_grad_norm=1.0, epochs=1)
        purse.refusals = ()
        fit(*training.private(*made, noise_multiplier=2.0, max_grad_norm=1.0, epochs=1))

    assert ["reserve", "reserve", "commit"] == [verb for verb, _ in purse.told]
    assert (SampledGaussian(2.0, 1 / 3, 3),) == training.mechanism().phases


def test_an_open_end_cannot_be_reserved() -> None:
    """Without the number of epochs nobody knows how much to set aside."""
    with pytest.raises(UsageError, match="unknown time"), start(ledger=Purse()) as training:
        training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0)


@pytest.mark.slow
def test_the_run_keeps_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside an MLflow run the facts become its artifact, and the logged model carries the same ones."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("visits", artifact_location=(tmp_path / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        with start() as training:
            fit(*training.private(*parts(), noise_multiplier=1.0, max_grad_norm=1.0))
        logged = mlflow.pytorch.log_model(
            training.module,
            name="model",
            input_example=torch.zeros(2, 4).numpy(),
            metadata=training.metadata(training.module),
            pip_requirements=["torch"],
        )

    kept = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/{ARTIFACT}")
    assert training.mechanism() == DpTraining.from_json(kept)
    carried = mlflow.models.get_model_info(logged.model_uri).metadata
    assert training.mechanism() == DpTraining.from_json(carried["governance"]["dp_training"])


def test_it_is_imported_without_torch() -> None:
    """A registry server needs neither PyTorch nor Opacus to import the recorder."""
    heavy = "{'torch', 'opacus', 'mlflow'} & sys.modules.keys()"
    code = f"import sys; import governance_mlflow.training.opacus; print({heavy})"

    assert "set()" == subprocess.check_output([sys.executable, "-c", code], text=True).strip()
