"""The reserved tags: whatever reads like the plugin's own is nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.label import TOP, Contribution, Inheritance
from governance_mlflow.tags import TAG_LENGTH, describing, reserved


@pytest.mark.parametrize(
    "key",
    [
        "governance.label",
        "governance.",
        "Governance.Label",
        " governance.label",
        "\tgovernance.label ",
        "GOVERNANCE.uid",
        "ｇovernance.label",
        "gоvernance.label",  # the first o is Cyrillic
        "g0vernance.label",
        "governance\u200b.label",
        "governance．label",
    ],
)
def test_reserved(key: str) -> None:
    """Case, white space, width and look-alike letters do not make another prefix."""
    assert (key,) == reserved([key, "team"])


@pytest.mark.parametrize("key", ["governance", "governances.x", "my.governance.label", "team", ""])
def test_free(key: str) -> None:
    """What merely contains the word is everybody's."""
    assert () == reserved([key])


def test_the_tags_of_a_known_label(make: Any) -> None:
    """In MLflow's own pages a label is read at a glance."""
    known = Contribution("visits@1", make.label(), "run r1 read it")

    assert {
        "governance.digest": make.manifest().digest,
        "governance.label": "restricted · personal · genetic · health",
    } == describing(make.manifest(), Inheritance((known,)))


def test_the_tags_of_an_unknown_label() -> None:
    """What is unknown is said, with its reason; unread bytes have no digest; MLflow's limit is kept."""
    gaps = tuple(Contribution(f"dataset {n}", TOP, "nobody knows it") for n in range(1000))

    assert {
        "governance.label": "restricted · personal · every special category",
        "governance.unknown": "dataset 0: nobody knows it",
    } == describing(None, Inheritance(gaps[:1]))
    assert TAG_LENGTH == len(describing(None, Inheritance(gaps))["governance.unknown"])
