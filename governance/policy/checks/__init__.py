"""Every check a policy can ask for, by name."""

from __future__ import annotations

from collections.abc import Mapping

from governance.policy.checks import approval, attacks, dp, membership, origin
from governance.policy.checks.interface import OPTIONAL, Case, Check, Choice, Flag, Number, RoleName
from governance.policy.reading import Interval

__all__ = ["CHECKS", "Case", "Check"]

_FPR = Number(Interval(0, 1, "()"), "the false-positive rate at which the attack is judged")

CHECKS: Mapping[str, Check] = {
    "actor-known": Check(origin.actor_known),
    "lineage-known": Check(origin.lineage_known),
    "purpose-permitted": Check(origin.purpose_permitted),
    "region-permitted": Check(origin.region_permitted),
    "retention-open": Check(origin.retention_open),
    "consent-valid": Check(origin.consent_valid),
    "legal-basis-documented": Check(origin.legal_basis_documented),
    "membership-auc": Check(
        membership.membership_auc,
        {"max": Number(Interval(0.5, 1, "(]"), "the highest upper bound of the attack's AUC")},
    ),
    "membership-tpr": Check(
        membership.membership_tpr,
        {
            "fpr": _FPR,
            "max": Number(Interval(0, 1, "(]"), "the highest upper bound of the true-positive rate there"),
        },
        membership.tpr_contradiction,
    ),
    "attack-withstood": Check(
        attacks.attack_withstood,
        {
            "attack": Choice(tuple(kind.value for kind in attacks.ATTACKS), "the class of attack"),
            "max": Number(
                Interval(0, 100, "[]"),
                "the highest upper end of the estimate, in the unit of its measure",
                default=OPTIONAL,
            ),
        },
    ),
    "dp-epsilon": Check(
        dp.dp_epsilon,
        {
            "max": Number(Interval(0, 100, "(]"), "the largest ε"),
            "delta_max": Number(Interval(0, 1, "()"), "the largest δ"),
        },
    ),
    "dp-unit": Check(
        dp.dp_unit,
        {"data_subject": Flag("whether the unit of privacy must be one data subject", default=True)},
    ),
    "dp-budget": Check(
        dp.dp_budget,
        {"required": Flag("whether every personal dataset must have a budget", default=False)},
    ),
    "approval": Check(
        approval.approval,
        {
            "role": RoleName("the role in which people must answer"),
            "count": Number(Interval(1, 100), "how many different people", whole=True, default=1),
            "independent": Flag("leave out who asks and who registered the version", default=True),
        },
    ),
}
"""The table is closed: a policy file can name a check, never code."""
