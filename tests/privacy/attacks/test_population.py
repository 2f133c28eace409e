from __future__ import annotations

import numpy as np

from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.population import Population


def test_surer_is_more_of_a_member() -> None:
    """The score is the log-odds of the true label and grows with confidence: the sign is not inverted."""
    scores = Population().score(Observations(np.log([0.1, 0.5, 0.9])))

    np.testing.assert_allclose([-np.log(9), 0.0, np.log(9)], scores.values, atol=1e-12)
    assert "population" == scores.attack
    assert not Population.needs_shadows
