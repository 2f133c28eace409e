"""The demo's data and models: RAND Health Insurance Experiment, a forest that leaks, a network that does not.

The records are visits to doctors by people in a health insurance experiment (1974 to 1982), as
statsmodels ships them; they bear no names and no person's number. The question is who went to a
doctor more than twice in a year.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.cataloguing import duplicates
from governance_mlflow.torch_classifier import TorchClassifier
from governance_mlflow.training.opacus import PrivateTraining
from governance_mlflow.training.opacus_objects import clean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

OUTCOME = "mdvis"
"""Visits to a doctor in a year."""
MANY_VISITS = 2
EPSILON, DELTA = 3.0, 1e-5
BATCH, EPOCHS, CLIP, RATE, MOMENTUM = 325, 10, 1.0, 0.3, 0.9

UNCOVERED = (
    "the network, batch size, learning rate and clipping norm were chosen by trying them on this data",
)
"""What else looked at the records, for `private_training(uncovered=…)`."""


@dataclass(frozen=True, slots=True)
class Rand:
    """The records without repetitions, all columns as floats, and how many repetitions there were."""

    frame: pd.DataFrame
    duplicates: int


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint sets of records, drawn at random."""

    members: pd.DataFrame
    non_members: pd.DataFrame
    rest: pd.DataFrame


def load() -> Rand:
    """RAND HIE: 20,190 rows, of which 11,065 repeat another, so 9,125 records."""
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data.astype(float)
    return Rand(frame.drop_duplicates(ignore_index=True), duplicates(frame))


def split(frame: pd.DataFrame, seed: int, n: int = 1300) -> Split:
    """Draw `n` members and as many non-members from the 2,760 profiles, one record of each.

    A profile is everything but the number of visits; one person's years share it. Were they drawn as
    records, half of the non-members would look to a model exactly like a member, and no attack could
    be measured; were they drawn as whole profiles, the sides would differ before any model is asked.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    shuffled = frame.iloc[random.permutation(len(frame))]
    profiles = shuffled.drop_duplicates(subset=[c for c in frame.columns if c != OUTCOME])
    # Again, because profiles with many records come first.
    order = random.permutation(len(profiles))
    members, non_members, rest = (profiles.iloc[part] for part in np.split(order, [n, 2 * n]))
    return Split(*(part.reset_index(drop=True) for part in (members, non_members, rest)))


def features(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """X, (n, 9) floats, and y, (n,): 1 where there were more than two visits, else 0."""
    return frame.drop(columns=OUTCOME).to_numpy(float), (frame[OUTCOME] > MANY_VISITS).to_numpy(int)


def overfitted_forest(X: Any, y: Any, seed: int) -> Any:
    """A forest of 100 fully grown trees: it remembers its training records."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, random_state=seed, n_jobs=-1).fit(X, y)


def engine() -> Any:
    """A `PrivacyEngine` with Opacus' own accountant; its random numbers are reproducible, not secure."""
    from opacus import PrivacyEngine

    with _quiet():
        return PrivacyEngine()


def train_private(
    X: Any,
    y: Any,
    seed: int,
    *,
    training: PrivateTraining | None = None,
    noise_multiplier: float | None = None,
) -> TorchClassifier:
    """Train the network with DP-SGD, to ε = 3 at δ = 1e-5 for one record unless the noise is given.

    With the same seed the same network comes out. To log it, after the block of `private_training`::

        example = numpy.zeros((2, 9), dtype=numpy.float32)
        metadata = training.metadata(classifier.module)
        mlflow.pytorch.log_model(classifier.module, name="model", input_example=example, metadata=metadata)

    MLflow 3.17 saves such a model as `pt2`, an exported graph: neither pickle nor Opacus nor this
    package is needed to load it. The example is stored with the model, so it must not be a record;
    two rows keep the number of rows free.

    Args:
        X: (n, 9) floats.
        y: (n,) zeros and ones.
        training: Records what was done, where the model is to be released; shadow models need none.
        noise_multiplier: Take this noise and do not search for it: for shadows of a known target.
    """
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from governance_mlflow.demo.network import Classifier

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Classifier()
    sampling, noise = (
        torch.Generator().manual_seed(int(s)) for s in np.random.SeedSequence(seed).generate_state(2)
    )
    data = TensorDataset(torch.from_numpy(np.asarray(X, np.float32)), torch.tensor(np.asarray(y)))
    plan = {
        # A sum over a batch, with its public expected size inside the learning rate: Opacus would
        # divide by a number that follows the exact number of records.
        "optimizer": torch.optim.SGD(module.parameters(), lr=RATE / BATCH, momentum=MOMENTUM),
        "data_loader": DataLoader(data, batch_size=BATCH, generator=sampling),
        "max_grad_norm": CLIP,
        "loss_reduction": "sum",
        "noise_generator": noise,
    }
    with _quiet():
        model, optimizer, loader = _make_private(module, plan, training, noise_multiplier)
        loss = torch.nn.CrossEntropyLoss(reduction="sum")
        for _ in range(EPOCHS):
            for columns, answers in loader:
                optimizer.zero_grad()
                loss(model(columns), answers).backward()
                optimizer.step()
    if training is None:
        clean(model)
    return TorchClassifier(module)


def _make_private(
    module: Any, plan: dict[str, Any], training: PrivateTraining | None, noise_multiplier: float | None
) -> Any:
    if training is not None:
        wish = (
            {"target_epsilon": EPSILON}
            if noise_multiplier is None
            else {"noise_multiplier": noise_multiplier}
        )
        return training.private(module, epochs=EPOCHS, **wish, **plan)
    if noise_multiplier is not None:
        return engine().make_private(module=module, noise_multiplier=noise_multiplier, **plan)
    return engine().make_private_with_epsilon(
        module=module, target_epsilon=EPSILON, target_delta=DELTA, epochs=EPOCHS, **plan
    )


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # That the random numbers are not secure is recorded as a fact, and the gate reads it there.
        warnings.filterwarnings("ignore", "Secure RNG turned off")
        # PRV asks RDP for no more than the width of its grid.
        warnings.filterwarnings("ignore", "Optimal order is the largest alpha")
        # The first layer's inputs are records: nobody wants their gradients.
        warnings.filterwarnings("ignore", "Full backward hook is firing")
        yield
