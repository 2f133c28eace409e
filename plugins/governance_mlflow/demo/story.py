"""What the demonstration is about: its data, its people, its policy, its folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from governance.domain.label import Confidentiality, Consent, Identifiability, Label, LegalBasis

DATASET = "rand-hie"
MODEL = "doctor-visits"
ALIAS = "champion"
TARGET = "production"
KIND = "demo.kind"
SCIENTIST, REVIEWER, OFFICER = "alice", "bob", "dora"

POLICY = f"""\
# What this demonstration promotes under: the shipped policy for health data, with its people named.
schema: governance/policy/v1
name: demo
extends: health
justification: chosen for the demonstration; a controller chooses and justifies its own
targets:
  {TARGET}:
    aliases: [{ALIAS}]
    stages: [Production]
    purpose: care-planning
    region: eu
roles:
  data_scientist: {{users: [{SCIENTIST}]}}
  privacy_reviewer: {{users: [{REVIEWER}]}}
  dpo: {{users: [{OFFICER}]}}
"""

LABEL = Label(
    confidentiality=Confidentiality.CONFIDENTIAL,
    identifiability=Identifiability.PERSONAL,
    special_categories=frozenset({"health"}),
    subject_categories=frozenset({"patient"}),
    purposes=frozenset({"research", "care-planning"}),
    regions=frozenset({"eu", "us"}),
    retention=date(2035, 12, 31),
    consent=Consent.VALID,
    legal_basis=LegalBasis.DOCUMENTED,
    provenance=frozenset(),
)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one demonstration and the settings that lead into it."""

    folder: Path

    @property
    def database(self) -> Path:
        """MLflow's database, with governance in it."""
        return self.folder / "mlflow.db"

    @property
    def environment(self) -> dict[str, str]:
        """What the shell must know to go on in this folder."""
        database = f"sqlite:///{self.database}"
        return {
            "MLFLOW_TRACKING_URI": database,
            "MLFLOW_REGISTRY_URI": f"governed+{database}",
            "GOVERNANCE_POLICY": str(self.folder / "policy.yaml"),
        }
