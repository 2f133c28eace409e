from __future__ import annotations

from datetime import date

import pytest

from governance.domain.label import (
    BOTTOM,
    DIMENSIONS,
    EVERYTHING,
    TOP,
    Confidentiality,
    Consent,
    Identifiability,
    Label,
    LegalBasis,
)
from governance.policy.label_file import LabelInvalid, label_from_yaml


def test_a_whole_label() -> None:
    """Every dimension is read from its words."""
    label = label_from_yaml(
        """
confidentiality: confidential
identifiability: personal
special_categories: [health, financial, "hipaa_id:mrn"]
subject_categories: [patient, customer]
purposes: [care]
regions: everything
retention: 2030-12-31
consent: valid
legal_basis: documented
provenance: []
""",
        "label.yaml",
    )

    assert (
        Label(
            Confidentiality.CONFIDENTIAL,
            Identifiability.PERSONAL,
            frozenset({"health", "financial", "hipaa_id:mrn"}),
            frozenset({"patient", "customer"}),
            frozenset({"care"}),
            EVERYTHING,
            date(2030, 12, 31),
            Consent.VALID,
            LegalBasis.DOCUMENTED,
            frozenset(),
        )
        == label
    )


def test_what_is_left_out_is_unknown() -> None:
    """A label that says nothing is the top, and so is one that says `unknown` everywhere."""
    unknown = "\n".join(f"{dimension}: unknown" for dimension in DIMENSIONS)

    assert TOP == label_from_yaml("{}", "label.yaml") == label_from_yaml(unknown, "label.yaml")


def test_the_bottom_can_be_written() -> None:
    """The label of nothing at all has words too."""
    text = """
confidentiality: public
identifiability: non_personal
special_categories: []
subject_categories: []
purposes: everything
regions: everything
retention: no limit
consent: not_relied_on
legal_basis: documented
provenance: []
"""
    assert BOTTOM == label_from_yaml(text, "label.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the document: expected a mapping, found nothing"),
        (
            "secrecy: high",
            "1: the label: unknown key 'secrecy'; expected one of confidentiality, identifiability,"
            " special_categories, subject_categories, purposes, regions, retention, consent, legal_basis,"
            " provenance",
        ),
        (
            "confidentiality: secret",
            "1: confidentiality: unknown word 'secret';"
            " expected one of public, internal, confidential, restricted, unknown",
        ),
        ("purposes: care", "1: purposes: unknown word 'care'; expected one of everything, unknown"),
        ("purposes: { a: b }", "1: purposes: expected a list, found a mapping"),
        (
            "special_categories: [helth]",
            "1: special_categories: unknown word 'helth'; did you mean 'health'? expected one of"
            " biometric_id, communications, criminal_art10, financial, genetic, health, location, political,"
            " racial_ethnic, religious_philosophical, sex_life_orientation, trade_union, hipaa_id:NAME",
        ),
        (
            "retention: 2030-13-01",
            "1: retention: expected a day such as 2030-12-31, `no limit` or unknown, found '2030-13-01'",
        ),
        ("retention: [2030]", "1: retention: expected a day such as 2030-12-31, `no limit` or unknown"),
        (
            "regions: [no]",
            '1: regions: expected text, found `no`, which YAML reads as true or false; write "no" in quotes',
        ),
        ("regions: []\nregions: [eu]", "2: the label: the key 'regions' stands twice; first on line 1"),
    ],
)
def test_each_mistake(text: str, expected: str) -> None:
    """A word that does not exist is told with its line and those that do."""
    with pytest.raises(LabelInvalid) as invalid:
        label_from_yaml(text, "label.yaml")

    assert f"label.yaml:{expected}\nMend the lines above, and run the command again." == str(invalid.value)
