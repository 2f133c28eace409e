"""Which attacks on membership there are, and which one bears the verdict.

The headline is chosen by the number of shadows alone, before the target is looked at: chosen by result,
it would be the best of several, and every bound would have to pay for that.
"""

from __future__ import annotations

from governance.privacy.attacks.blend import FEWEST, BlendOnline
from governance.privacy.attacks.interface import Attack, Observations
from governance.privacy.attacks.lira import LiraOffline, LiraOnline
from governance.privacy.attacks.log_ratio import LogRatioOffline, LogRatioOnline
from governance.privacy.attacks.population import Population
from governance.privacy.attacks.student_t import StudentTOffline, StudentTOnline

ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        Population(),
        LogRatioOnline(),
        LogRatioOffline(),
        LiraOnline(),
        LiraOffline(),
        StudentTOnline(),
        StudentTOffline(),
        BlendOnline(),
    )
}
"""All that look at `Observations` alone, by name.

Not among them, because they look at more: `quantile.Quantile` (features of the records), `rmia.Rmia` (a
population), `label_only.gap` and `label_only.boundary` (the model's `predict`). `subject_level` makes scores
of persons from the scores of any.
"""

SUMMED: Attack = ATTACKS["log-ratio-online"]
"""Whose scores `subject_level` should sum: at any number of shadows the best on persons, too."""


def headline(observed: Observations) -> Attack:
    """The attack that bears the verdict: strongest at this number of shadows (benchmarks/attack_power.py).

    None: population. Trained without the records: offline log-ratio. 2 or 3: online log-ratio. More: blend.
    """
    if observed.shadows is None or observed.inside is None:
        return ATTACKS["population"]
    if not observed.inside.any(axis=0).all():
        return ATTACKS["log-ratio-offline"]
    return ATTACKS["blend-online" if len(observed.shadows) >= FEWEST else "log-ratio-online"]
