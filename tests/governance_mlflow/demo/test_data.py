"""The demo's data is what its documentation counts, and its two models differ in the one thing shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from governance.domain.mechanism import SampledGaussian, Sampling
from governance.privacy.accounting import guarantee
from governance_mlflow import private_training
from governance_mlflow.demo import data as demo_data
from governance_mlflow.torch_classifier import TorchClassifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rand() -> demo_data.Rand:
    """The records."""
    return demo_data.load()


@pytest.fixture(scope="module")
def split(rand: demo_data.Rand) -> demo_data.Split:
    """Members, non-members and the rest."""
    return demo_data.split(rand.frame, seed=0)


@pytest.fixture(scope="module")
def trained(split: demo_data.Split) -> tuple[TorchClassifier, Any]:
    """The private network, recorded."""
    with private_training(
        demo_data.engine(), datasets=["rand"], unit="record", delta=demo_data.DELTA, key="k1"
    ) as training:
        network = demo_data.train_private(*demo_data.features(split.members), 0, training=training)
    return network, training


def test_the_counts(rand: demo_data.Rand) -> None:
    """20,190 rows, 11,065 of them repetitions."""
    assert (9_125, 11_065, 20_190) == (len(rand.frame), rand.duplicates, len(rand.frame) + rand.duplicates)
    assert {np.dtype(float)} == set(rand.frame.dtypes)


def test_the_parts_are_disjoint(rand: demo_data.Rand, split: demo_data.Split) -> None:
    """As profiles, so that no member looks like a non-member to a model; together they are all profiles."""
    parts = (split.members, split.non_members, split.rest)
    profiles = pd.concat(parts).drop(columns=demo_data.OUTCOME)

    assert [1300, 1300, 160] == [len(part) for part in parts]
    assert 0 == profiles.duplicated().sum()
    assert len(profiles) == len(rand.frame.drop(columns=demo_data.OUTCOME).drop_duplicates())
    assert len(rand.frame) == len(pd.concat([rand.frame, *parts]).drop_duplicates())


def test_the_split_follows_its_seed(rand: demo_data.Rand, split: demo_data.Split) -> None:
    """The same seed draws the same members, another seed others."""
    pd.testing.assert_frame_equal(split.members, demo_data.split(rand.frame, seed=0).members)
    assert not split.members.equals(demo_data.split(rand.frame, seed=1).members)


def test_neither_side_is_special(rand: demo_data.Rand) -> None:
    """Over 40 seeds the mean number of visits differs between the sides by no more than chance allows."""
    gaps = []
    for seed in range(40):
        drawn = demo_data.split(rand.frame, seed)
        gaps.append(drawn.members[demo_data.OUTCOME].mean() - drawn.non_members[demo_data.OUTCOME].mean())
    # Standard error of a difference of two means of 1,300, over 40 independent draws; four of them.
    spread = rand.frame[demo_data.OUTCOME].std() * np.sqrt(2 / 1300) / np.sqrt(40)

    assert abs(np.mean(gaps)) < 4 * spread


def test_features(split: demo_data.Split) -> None:
    """The number of visits is asked for, so it is not among the columns."""
    X, y = demo_data.features(split.members)

    assert ((1300, 9), float) == (X.shape, X.dtype)
    assert (split.members[demo_data.OUTCOME] > 2).tolist() == (y == 1).tolist()
    assert {0, 1} == set(y)


def test_the_recorded_facts(trained: Any) -> None:
    """They promise ε = 3 or a little less, without a hazard of Opacus' own."""
    facts = trained[1].mechanism()

    (phase,) = facts.phases
    assert SampledGaussian(phase.noise_multiplier, 1 / 4, 40) == phase
    assert (Sampling.POISSON, 1300, ()) == (facts.sampling, facts.n_units, facts.hazards)
    assert 2.9 < guarantee(facts).epsilon <= demo_data.EPSILON


def test_training_follows_its_seed(trained: Any, split: demo_data.Split) -> None:
    """Recorded or not, the same seed makes the same network, and another seed another."""
    X, y = demo_data.features(split.members)
    noise = trained[1].mechanism().phases[0].noise_multiplier
    again, other = (demo_data.train_private(X, y, seed, noise_multiplier=noise) for seed in (0, 1))

    np.testing.assert_array_equal(trained[0].predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(trained[0].predict_proba(X), other.predict_proba(X))


def test_the_private_network_is_worth_having(trained: Any, split: demo_data.Split) -> None:
    """It beats always guessing the commoner answer; the forest remembers and does not."""
    X, y = demo_data.features(split.members)
    unseen, answers = demo_data.features(split.non_members)
    forest = demo_data.overfitted_forest(X, y, 0)
    commoner = max(answers.mean(), 1 - answers.mean())

    assert (trained[0].predict(unseen) == answers).mean() > commoner + 0.02
    assert 1.0 == forest.score(X, y)
    assert forest.score(unseen, answers) < 0.65


def test_probabilities(trained: Any, split: demo_data.Split) -> None:
    """The wrapper speaks as scikit-learn does."""
    network, _ = trained
    X, _ = demo_data.features(split.rest)
    probabilities = network.predict_proba(X)

    assert (160, 2) == probabilities.shape
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), network.predict(X))


def test_it_is_saved_without_pickle_and_without_a_record(
    trained: Any, split: demo_data.Split, tmp_path: Path
) -> None:
    """Logged as the documentation says, it comes back as a plain graph with the same answers."""
    network, training = trained
    X, _ = demo_data.features(split.rest)
    mlflow.pytorch.save_model(
        network.module,
        tmp_path / "model",
        input_example=np.zeros((2, 9), dtype=np.float32),
        metadata=training.metadata(network.module),
        pip_requirements=["torch"],
    )

    loaded = TorchClassifier(mlflow.pytorch.load_model(str(tmp_path / "model")))
    np.testing.assert_allclose(network.predict_proba(X), loaded.predict_proba(X), atol=1e-6)
    served = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(X.astype(np.float32))
    np.testing.assert_array_equal(network.predict(X), served.argmax(axis=1))
    assert ["model.pt2"] == [file.name for file in (tmp_path / "model" / "data").iterdir()]
