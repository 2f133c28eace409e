"""What the ports in memory hold."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, fields
from datetime import datetime

from governance.domain.approval import Approval
from governance.domain.budget import Spend
from governance.domain.chain import Entry
from governance.domain.dataset import Dataset, Labelling
from governance.domain.decision import Decision
from governance.domain.evidence import Evidence
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.review import Act
from governance.domain.signature import Signature
from governance.domain.subject import Subject


@dataclass(slots=True)
class State:
    """Containers of values that never change, so that a copy of the containers is a copy of all."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    labellings: list[Labelling] = field(default_factory=list)
    subjects: dict[str, Subject] = field(default_factory=dict)
    buried: dict[str, datetime] = field(default_factory=dict)
    readings: list[tuple[str, Lineage]] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    sightings: list[tuple[str, str]] = field(default_factory=list)
    approvals: dict[str, Approval] = field(default_factory=dict)
    decisions: dict[str, tuple[Decision, str | None]] = field(default_factory=dict)
    audit: list[Entry] = field(default_factory=list)
    spends: dict[tuple[str, str], Spend] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    acts: dict[str, Act] = field(default_factory=dict)
    signatures: list[tuple[str, Signature]] = field(default_factory=list)
    locations: list[tuple[str, str]] = field(default_factory=list)

    def copied(self) -> State:
        """The same values in containers of their own."""
        return State(**{part.name: copy(getattr(self, part.name)) for part in fields(self)})
