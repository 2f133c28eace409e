from __future__ import annotations

import math
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.errors import Undecided, UsageError
from governance.privacy.accounting import composed_epsilon, gaussian_mu, guarantee
from governance.privacy.scoring import tpr_ceiling

pytestmark = pytest.mark.slow

PUBLISHED = [
    # noise multiplier, sample rate, steps, δ, ε by PLD, ε by Opacus' PRV
    (1.5, 0.04, 2250, 1e-5, 6.7688, 6.7791),
    (1.0, 0.01, 1000, 1e-5, 1.8282, 1.8384),
    (0.8, 0.001, 1000, 1e-6, 0.4677, 0.4778),
    (3.0, 0.05, 1000, 1e-6, 2.5175, 2.5276),
    (1.1, 256 / 60000, 14062, 1e-5, 2.3817, 2.3917),
    (0.6, 0.02, 500, 1e-5, 10.2803, 10.2910),
    (10, 1, 100, 1e-5, 4.3772, 4.3874),
    (1, 1, 1, 1e-5, 4.3772, 4.3874),
]


def training(
    noise_multiplier: float, sample_rate: float, steps: int, delta: float = 1e-5, **facts: object
) -> DpTraining:
    """A training of one phase."""
    return replace(
        DpTraining(
            phases=(SampledGaussian(noise_multiplier, sample_rate, steps),),
            delta=delta,
            max_grad_norm=1.0,
            sampling=Sampling.POISSON,
            neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
            unit="person",
            unit_is_data_subject=True,
            max_records_per_subject=1,
            n_units=60_000,
            datasets=("people",),
            covers="final_model",
            secure_rng=True,
            libraries=(),
            key="k",
        ),
        **facts,  # type: ignore[arg-type]  # each test names facts of the right type
    )


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "q", "steps", "delta", "pld", "prv"), PUBLISHED)
def test_published_grid(sigma: float, q: float, steps: int, delta: float, pld: float, prv: float) -> None:
    """PLD agrees with published values to their last digit, and PRV lies above by its stated error."""
    actual = guarantee(training(sigma, q, steps, delta))

    assert pld == pytest.approx(actual.epsilon, abs=1e-4)
    assert delta == actual.delta
    assert f"PLD (dp-accounting {metadata.version('dp-accounting')})" == actual.accountant
    if find_spec("opacus"):
        error = max(0.01, actual.epsilon / 500)
        second = float(actual.cross_check.split("ε = ")[1].split()[0])
        assert prv - 0.01 + error == pytest.approx(second, abs=0.002)
    else:
        assert "dp-accounting only: Opacus is not installed" == actual.cross_check


def test_one_gaussian_release() -> None:
    """One full release at σ = 1 is the Gaussian trade-off with μ = 1."""
    actual = guarantee(training(1, 1, 1))

    assert (pytest.approx(4.3772, abs=1e-4), pytest.approx(1.0, abs=1e-4)) == (actual.epsilon, actual.mu)
    assert tuple((fpr, tpr_ceiling(actual.epsilon, 1e-5, fpr)) for fpr in (0.001, 0.01)) == actual.tpr_at_fpr


def test_repeated_releases_are_one_with_less_noise() -> None:
    """100 full releases at σ = 10 are one at σ = 1."""
    assert guarantee(training(1, 1, 1)).epsilon == pytest.approx(guarantee(training(10, 1, 100)).epsilon)


@given(st.floats(0, 20), st.floats(1e-12, 0.5))
def test_mu_solves_its_equation(epsilon: float, delta: float) -> None:
    """Putting μ back gives δ again."""
    mu = gaussian_mu(epsilon, delta)
    tail = math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))

    assert delta == pytest.approx(norm.cdf(mu / 2 - epsilon / mu) - tail, rel=1e-4, abs=1e-13)


def test_mu_at_the_edges() -> None:
    """At ε = 0, δ = 2Φ(μ/2) − 1; a δ of zero is no release at all; large ε does not overflow."""
    assert 2 * norm.ppf(0.75) == pytest.approx(gaussian_mu(0, 0.5))
    assert 0.0 == gaussian_mu(1.0, 0.0)
    assert 248 < gaussian_mu(32_000, 1e-5) < 249


def test_replacing_costs_twice_the_distance() -> None:
    """Under replace-one a full release at σ = 2 costs what one at σ = 1 costs under add-or-remove-one."""
    replacing = guarantee(training(2, 1, 1, neighbouring=Neighbouring.REPLACE_ONE))

    assert guarantee(training(1, 1, 1)).epsilon == pytest.approx(replacing.epsilon, abs=1e-6)
    assert replacing.cross_check.startswith("dp-accounting only: ")


def test_shuffling_amplifies_nothing() -> None:
    """1,000 shuffled batches of 1 % are ten passes: ten full releases, not 1,000 sampled ones."""
    shuffled = training(1.0, 0.01, 1000, sampling=Sampling.SHUFFLED)

    assert guarantee(training(1.0, 1, 10)).epsilon == guarantee(shuffled).epsilon
    assert guarantee(training(1.0, 0.01, 1000)).epsilon < guarantee(shuffled).epsilon / 5


@pytest.mark.parametrize(
    ("sample_rate", "steps", "passes"),
    [(0.01, 1000, 10), (0.01, 1001, 11), (256 / 64000, 500, 2), (0.4, 20, 10), (1.0, 3, 3), (0.9, 1, 1)],
)
def test_shuffled_batches_per_record(sample_rate: float, steps: int, passes: int) -> None:
    """A record is in at most one batch a pass, and a pass has at least floor(1 / q) batches."""
    shuffled = training(5.0, sample_rate, steps, sampling=Sampling.SHUFFLED)

    assert composed_epsilon([training(5.0, 1, passes)], 1e-5) == composed_epsilon([shuffled], 1e-5)


def test_trainings_compose_as_one() -> None:
    """Two trainings cost what one of twice the length costs: less than the sum of their ε."""
    one = training(1.0, 0.01, 500)

    together = composed_epsilon([one, one], 1e-5)

    assert composed_epsilon([training(1.0, 0.01, 1000)], 1e-5) == together
    assert composed_epsilon([one], 1e-5) < together < 2 * composed_epsilon([one], 1e-5)


def test_phases_and_trainings_are_the_same() -> None:
    """Two phases of one training cost what two trainings of one phase cost, in any order."""
    a, b = training(1.0, 0.01, 300), training(2.0, 0.02, 300)
    both = replace(a, phases=a.phases + b.phases)

    assert 1 == len({composed_epsilon(each, 1e-5) for each in ([both], [a, b], [b, a])})


def test_nothing_costs_nothing() -> None:
    """No training, no ε."""
    assert 0.0 == composed_epsilon([], 1e-5)


def test_mixed_relations_are_composed_under_the_costlier() -> None:
    """One training under replace-one puts all of them under replace-one."""
    added, replaced = training(2, 1, 1), training(2, 1, 1, neighbouring=Neighbouring.REPLACE_ONE)

    assert composed_epsilon([replaced, replaced], 1e-5) == composed_epsilon([added, replaced], 1e-5)
    assert composed_epsilon([added, added], 1e-5) < composed_epsilon([added, replaced], 1e-5)


@settings(deadline=None, max_examples=10)
@given(st.floats(1, 20), st.floats(1.01, 2))
def test_more_noise_never_costs_more(sigma: float, factor: float) -> None:
    """ε falls as the noise grows."""
    louder, quieter = (composed_epsilon([training(s, 1, 1)], 1e-5) for s in (sigma * factor, sigma))

    assert louder <= quieter + 1e-9


@pytest.mark.slow
def test_hardly_any_noise_is_a_number() -> None:
    """A training that hides nothing gets an honest, huge ε in bounded memory, and no second opinion."""
    actual = guarantee(training(0.1, 0.01, 1000))

    assert 1195.74 == pytest.approx(actual.epsilon, abs=0.05)
    assert "dp-accounting only: too little noise for Opacus PRV to be worth its memory" == actual.cross_check


def test_impossible_delta_is_undecided() -> None:
    """Where no finite ε holds, there is no answer rather than infinity."""
    with pytest.raises(Undecided, match="No finite ε holds at δ = 1e-30"):
        composed_epsilon([training(1.0, 0.01, 100)], 1e-30)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, float("nan")])
def test_delta_out_of_range_is_refused(delta: float) -> None:
    """A δ outside (0, 1) is a wrong call."""
    with pytest.raises(UsageError):
        composed_epsilon([training(1.0, 0.01, 100)], delta)


def test_impossible_facts_are_refused() -> None:
    """Facts that no training can have produced are named."""
    with pytest.raises(UsageError, match=r"noise_multiplier 0\.0 is not in"):
        guarantee(training(0.0, 0.01, 100))
