"""Where a version comes from: its label with every cause, its datasets, its parents, its gaps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from governance.canonical import timestamp
from governance.domain.dataset import Catalogued
from governance.domain.dossier import Dossier
from governance.domain.label import Inheritance, describe
from governance.domain.lineage import DatasetUse
from governance.labelling import recognise
from governance.ports import Books
from governance.reports.tolerant import Json

DIMENSION_TITLES: Mapping[str, str] = {
    "confidentiality": "Confidentiality",
    "identifiability": "Identifiability",
    "special_categories": "Special categories",
    "subject_categories": "Data subjects",
    "purposes": "Permitted purposes",
    "regions": "Permitted regions",
    "retention": "Retention until",
    "consent": "Consent",
    "legal_basis": "Legal basis",
    "provenance": "Provenance",
}


def label(inheritance: Inheritance) -> Json:
    """The effective label, one row a dimension, each value with its sources; then what was inherited."""
    causes = groupby(inheritance.because(), key=lambda cause: cause.dimension)
    return {
        "effective": [
            {
                "dimension": dimension,
                "title": DIMENSION_TITLES[dimension],
                "values": [{"value": cause.value, "sources": list(cause.sources)} for cause in group],
            }
            for dimension, group in causes
        ],
        "contributions": [
            {
                "source": part.source,
                "reason": part.reason,
                "unknown": part.unknown,
                "label": describe(part.label),
            }
            for part in inheritance.contributions
        ],
    }


def lineage(books: Books, dossier: Dossier) -> Json:
    """Datasets read by the runs and those inherited through parents, then parents, then gaps."""
    rows: list[Json] = []
    direct: set[str] = set()
    for use in dossier.lineage.uses:
        how = f"read in run {use.run_id or 'unknown'} as {use.context or 'an input without a context'}"
        if use.part_of is not None:
            how += f"; said to be taken from {use.part_of}"
        known = recognise(books, use)
        rows += [_catalogued(books, entry, how) for entry in known] or [_unrecognised(use, how)]
        direct |= {entry.dataset.identity for entry in known}
    provenance = dossier.inheritance.effective.provenance
    for entry in books.catalogue.all():
        if entry.dataset.identity in provenance - direct:
            rows.append(_catalogued(books, entry, "inherited through a parent"))
    return {
        "datasets": rows,
        "complete": not (dossier.lineage.gaps or dossier.inheritance.unknown),
        "parents": [
            {"kind": parent.kind.value, "reference": parent.reference, "uid": parent.uid}
            for parent in dossier.lineage.parents
        ],
        "gaps": [
            {"what": gap.what, "reason": gap.reason, "remedy": gap.remedy} for gap in dossier.lineage.gaps
        ],
    }


def _unrecognised(use: DatasetUse, how: str) -> Json:
    return {
        "name": use.name,
        "catalogued": False,
        "identity": None,
        "sha256": use.sha256,
        "mlflow_digest": use.mlflow_digest,
        "source": use.source,
        "how": how,
        "n_records": None,
        "n_subjects": None,
        "max_records_per_subject": None,
        "catalogued_at": None,
        "catalogued_by": None,
        "labellings": [],
    }


def _catalogued(books: Books, entry: Catalogued, how: str) -> Json:
    dataset = entry.dataset
    return {
        "name": dataset.name,
        "catalogued": True,
        "identity": dataset.identity,
        "sha256": dataset.sha256,
        "mlflow_digest": dataset.mlflow_digest,
        "source": dataset.source,
        "how": how,
        "n_records": dataset.n_records,
        "n_subjects": dataset.n_subjects,
        "max_records_per_subject": dataset.max_records_per_subject,
        "catalogued_at": timestamp(dataset.catalogued_at),
        "catalogued_by": dataset.catalogued_by,
        "labellings": [
            {
                "at": timestamp(labelling.at),
                "by": labelling.by,
                "reason": labelling.reason,
                "label": describe(labelling.label),
            }
            for labelling in books.catalogue.history(dataset.identity)
        ],
    }
