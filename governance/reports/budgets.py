"""What was granted on each dataset, what every training spent, and what is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from governance.canonical import timestamp
from governance.domain.budget import Account, SpendState
from governance.domain.mechanism import DpTraining
from governance.reports.tolerant import Json, spoken

Compose = Callable[[Sequence[DpTraining], float], float]
"""The composed ε of some trainings at a δ."""

COMPOSED = 24
"""After how many of the newest charges the ε so far is composed: each takes longer than the one before."""


def budget(account: Account, compose: Compose) -> Json:
    """One dataset's account: limits, charges, and the ε composed after each committed charge."""
    return {
        "dataset": account.dataset,
        "unit": account.unit,
        "limit_epsilon": account.limit_epsilon,
        "limit_delta": account.limit_delta,
        "spent_epsilon": spoken(account.spent_epsilon),
        "left_epsilon": spoken(account.limit_epsilon - account.spent_epsilon),
        "overdrawn": account.overdrawn,
        "spends": _charges(account, compose),
    }


def _charges(account: Account, compose: Compose) -> list[Json]:
    committed: list[DpTraining] = []
    rows: list[Json] = []
    early = sum(spend.state is SpendState.COMMITTED for spend in account.spends) - COMPOSED
    for spend in account.spends:
        composed = None
        # An infinite total holds a charge in another unit; to compose the others without it would mislead.
        if spend.state is SpendState.COMMITTED and math.isfinite(account.spent_epsilon):
            committed.append(spend.training)
            if len(committed) > early:
                composed = spoken(compose(committed, account.limit_delta))
        rows.append(
            {
                "key": spend.key,
                "state": spend.state.value,
                "at": timestamp(spend.at),
                "by": spend.by,
                "expires_at": timestamp(spend.expires_at) if spend.expires_at else None,
                "unit": spend.training.unit,
                "neighbouring": spend.training.neighbouring.value,
                "steps": sum(phase.steps for phase in spend.training.phases),
                "noise_multiplier": min(phase.noise_multiplier for phase in spend.training.phases),
                "composed_epsilon": composed,
            }
        )
    return rows
