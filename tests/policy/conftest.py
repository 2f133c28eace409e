"""Cases for policies: a harmless dossier to start from, and what can be changed about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from governance import signing
from governance.canonical import canonical
from governance.domain.approval import Approval, Verdict
from governance.domain.budget import Account, Guarantee
from governance.domain.dossier import Asking, Dossier, Protection, Unknown
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import (
    TOP,
    Confidentiality,
    Consent,
    Contribution,
    Identifiability,
    Inheritance,
    Label,
    LegalBasis,
)
from governance.domain.lineage import Lineage
from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.domain.signature import ED25519, IN_TOTO, Signature
from governance.domain.subject import Subject, VersionName
from governance.errors import PolicyInvalid
from governance.policy.checks.interface import Case
from governance.policy.document import Policy
from governance.policy.parse import parse

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
DIGEST = "b" * 64

LABEL = Label(
    confidentiality=Confidentiality.INTERNAL,
    identifiability=Identifiability.PERSONAL,
    special_categories=frozenset(),
    subject_categories=frozenset({"customer"}),
    purposes=frozenset({"care", "research"}),
    regions=frozenset({"eu"}),
    retention=date(2030, 12, 31),
    consent=Consent.VALID,
    legal_basis=LegalBasis.DOCUMENTED,
    provenance=frozenset({"visits@" + "a" * 64}),
)

TRAINING = DpTraining(
    phases=(SampledGaussian(1.1, 0.004, 1000),),
    delta=1e-5,
    max_grad_norm=1.0,
    sampling=Sampling.POISSON,
    neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
    unit="person",
    unit_is_data_subject=True,
    max_records_per_subject=None,
    n_units=8_000,
    datasets=("visits",),
    covers="final_model",
    secure_rng=True,
    libraries=(("opacus", "1.6.0"),),
    key="k1",
)

PEOPLE = """
schema: governance/policy/v1
name: staffed
extends: {extends}
roles:
  privacy_reviewer: {{ users: [pia, paul] }}
  dpo: {{ users: [dora] }}
"""


class Cases:
    """Builds dossiers and cases; whatever is not said is harmless. The version is `models:/m/1`."""

    now = NOW
    label = LABEL
    training = TRAINING
    unknown = Contribution("dataset 'lost'", TOP, "run r1 read it, and the catalogue does not know it")

    @staticmethod
    @cache
    def staffed(extends: str) -> Policy:
        """A shipped policy with people in its roles."""
        return parse(PEOPLE.format(extends=extends), "staffed.yaml")

    def contribution(
        self, name: str = "visits", reason: str = "run r1: logged", via: str = "", **label: Any
    ) -> Contribution:
        identity = f"{name}@{'a' * 64}"
        return Contribution(identity, replace(LABEL, provenance=frozenset({identity}), **label), reason, via)

    def evidence(
        self, body: Any, type: EvidenceType = EvidenceType.MEMBERSHIP_INFERENCE, days: int = 0
    ) -> Evidence:
        """Evidence about the bytes judged, `days` before now."""
        return Evidence(type, DIGEST, "test", NOW - timedelta(days=days), None, body)

    def measured(self, high: float = 0.018, *, auc: float = 0.54, n: int = 4_000, **body: Any) -> Evidence:
        """Membership evidence with these upper bounds of TPR at 1 % FPR and of AUC."""
        days = body.pop("days", 0)
        facts = {
            "attack": "log-ratio-online",
            "n_members": n,
            "n_non_members": n,
            "confidence": 0.95,
            "auc": {"point": auc - 0.015, "low": auc - 0.03, "high": auc},
            "tpr_at_fpr": [
                {"fpr": 0.001, "tpr": 0.001, "low": 0.0, "high": 0.004, "resolved": n >= 10_000},
                {"fpr": 0.01, "tpr": high - 0.005, "low": high - 0.01, "high": high, "resolved": n >= 1_000},
            ],
            "verdict": "none shown",
        }
        return self.evidence(facts | body, days=days)

    def protected(
        self, epsilon: float = 2.9, *, unknown: str = "", **training: Any
    ) -> tuple[Evidence, Protection]:
        """A DP training in evidence, with its guarantee or with why that is unknown."""
        facts = replace(TRAINING, **training)
        evidence = self.evidence(facts.to_json(), EvidenceType.DP_TRAINING)
        guarantee = Guarantee(epsilon, facts.delta, "PLD", 0.7, ((0.01, 0.2),), "RDP agrees")
        return evidence, Protection(evidence.digest, facts, Unknown(unknown) if unknown else guarantee)

    def account(self, spent: float = 2.0, dataset: str = "visits") -> Account:
        """A budget of ε 4 of which this much is spent."""
        return Account(dataset, 4.0, 1e-5, "person", (), spent)

    def dossier(
        self,
        *contributions: Contribution,
        evidence: Iterable[Evidence] = (),
        protected: Iterable[tuple[Evidence, Protection]] = (),
        approvals: Iterable[Approval] = (),
        lineage: Lineage | None = None,
        accounts: Iterable[Account] = (),
        stray: Iterable[Evidence] = (),
    ) -> Dossier:
        pairs = tuple(protected)
        subject = Subject("u1", VersionName("m", 1), "runs:/r1/model", "r1", None, NOW, "rob")
        return Dossier(
            subject=subject,
            digest=DIGEST,
            lineage=lineage or Lineage(),
            inheritance=Inheritance(contributions),
            evidence=(*(e for e, _ in pairs), *evidence),
            stray=tuple(stray),
            protections=tuple(p for _, p in pairs),
            accounts=tuple(accounts),
            approvals=tuple(approvals),
        )

    def approved(self, policy: Policy, dossier: Dossier, **given: str | Mapping[str, Any]) -> Dossier:
        """The dossier with approvals on its present ground for `production`, as role=by."""
        ground = dossier.ground("production", policy.digest)
        approvals = [
            Approval(ground, role, str(by), NOW, Verdict.APPROVED, "looked at it")
            for role, by in given.items()
        ]
        return replace(dossier, approvals=(*dossier.approvals, *approvals))

    def case(
        self, dossier: Dossier, policy: Policy | None = None, actor: str | None = "ada", **target: Any
    ) -> Case:
        """A case for the target `production`, changed as said."""
        policy = policy or self.staffed("baseline")
        return Case(policy, replace(policy.target("production"), **target), dossier, Asking(actor, NOW))


@pytest.fixture(scope="session")
def cases() -> Cases:
    """The builder of cases."""
    return Cases()


SOUND = """\
schema: governance/policy/v1
name: p
targets:
  production: { aliases: [champion] }
roles:
  dpo: { users: [dora] }
rules:
  - name: r
    checks: [lineage-known]
"""
"""A policy without a mistake; the rule's checks are on line 9."""


@pytest.fixture(scope="session")
def sound() -> str:
    """The text of a small policy without a mistake."""
    return SOUND


@pytest.fixture(scope="session")
def mistakes() -> Callable[..., list[str]]:
    """Parses a text under a file name and gives every mistake as file:line: message."""

    def parsed(text: str, file: str = "p.yaml") -> list[str]:
        with pytest.raises(PolicyInvalid) as invalid:
            parse(text, file)
        return [str(mistake) for mistake in invalid.value.mistakes]

    return parsed


@dataclass(frozen=True)
class Pair:
    """A private key and its public line."""

    private: Any

    @property
    def line(self) -> str:
        """The public key as a policy writes it."""
        return signing.public_line(self.private.public_key())

    @property
    def keyid(self) -> str:
        """The name of the public key."""
        return signing.keyid(self.private.public_key())

    @property
    def private_pem(self) -> str:
        """The private key as a careless author would paste it."""
        kind = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return str(self.private.private_bytes(*kind).decode())

    def over(self, record: Any) -> Signature:
        """A signature over a record's statement."""
        return signing.sign(self.private, IN_TOTO, canonical(record.statement()))


@pytest.fixture(scope="session")
def keys() -> dict[str, Pair]:
    """A pair of keys for each of some people and a service; those of `eve` no policy names."""
    names = ("pia", "paul", "dora", "lab", "eve")
    return {name: Pair(signing.new_key(ED25519)) for name in names}
