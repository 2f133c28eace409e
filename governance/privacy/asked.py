"""What an assessment is asked: which attack classes, at which rates, on which columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError

if TYPE_CHECKING:
    # `governance.measuring` takes these from here, and must start without a numeric library.
    from numpy.typing import ArrayLike

MEMBERSHIP = EvidenceType.MEMBERSHIP_INFERENCE.value
ATTRIBUTE = EvidenceType.ATTRIBUTE_INFERENCE.value
RECONSTRUCTION = EvidenceType.RECONSTRUCTION.value
INVERSION = EvidenceType.MODEL_INVERSION.value
EXTRACTION = EvidenceType.EXTRACTION.value
PROPERTY = EvidenceType.PROPERTY_INFERENCE.value
MEMORISATION = EvidenceType.MEMORISATION.value

CLASSES = (MEMBERSHIP, ATTRIBUTE, RECONSTRUCTION, INVERSION, EXTRACTION, PROPERTY, MEMORISATION)
"""The attack classes, as evidence names them."""

AUTO = (MEMBERSHIP, ATTRIBUTE, RECONSTRUCTION)
"""Those that `auto` runs: they need nothing but the records, and take no longer than the shadows do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an assessment is asked, beside the model and its records."""

    attacks: Sequence[str] | str = "auto"
    """`auto`, `all`, or names of `CLASSES`."""
    fprs: Sequence[float] = (0.001, 0.01)
    confidence: float = 0.95
    beside: Sequence[str] = ()
    """Membership attacks judged beside the one that is chosen beforehand; see `attacks.catalogue`."""
    slices: Sequence[str] = ()
    """Columns whose values, or quarters, are looked at one by one."""
    sensitive: Sequence[Any] = ()
    """Columns that attribute inference tries to guess."""
    group: tuple[str, ArrayLike] | None = None
    """The group whose share property inference tells: the column it is named by, and (n,) booleans for
    which non-members belong to it."""
    artifact: Path | None = None
    """The folder of the model's files."""
    smallest_group: int = 10
    """Groups of fewer training records than this are reported."""
    worst: int = 0
    """How many of the members most at risk are named for the restricted file."""

    def wants(self, what: str) -> bool:
        """Whether an attack class is to run."""
        if isinstance(self.attacks, str):
            return what in (AUTO if self.attacks == "auto" else CLASSES)
        return what in self.attacks

    def check(self) -> None:
        """Raise `UsageError` for what cannot be asked."""
        from governance.privacy.attacks.catalogue import ATTACKS

        if not self.fprs or not all(0 < f < 1 for f in self.fprs) or not 0 < self.confidence < 1:
            raise UsageError("fprs and confidence are numbers between 0 and 1, with at least one FPR")
        named = [self.attacks] if isinstance(self.attacks, str) else list(self.attacks)
        known: Collection[str] = ("auto", "all") if isinstance(self.attacks, str) else CLASSES
        for what, allowed in ((named, known), (self.beside, ATTACKS)):
            unknown = [name for name in what if name not in allowed]
            if unknown:
                raise UsageError(
                    f"There is no attack {unknown[0]!r}", f"Choose among: {', '.join(sorted(allowed))}"
                )
