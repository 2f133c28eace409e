"""A model lives under its data's policy: when they are no longer good for it, everybody is told."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("2035-12-31", "2020-12-31", "retention-open"),
        ("consent: valid", "consent: partially_withdrawn", "consent-valid"),
        ("[care]", "[research]", "purpose-permitted"),
        ("[eu]", "[us]", "region-permitted"),
    ],
)
def test_a_model_is_stale_when_its_data_are_no_longer_good_for_it(
    embedded: Any, before: str, after: str, why: str
) -> None:
    """Retention over, consent fallen, purpose or region gone: `check` and `doctor` both say so."""
    embedded.register()
    embedded.approve("models:/risk/1")
    assert 0 == embedded.run("promote", "models:/risk/1", "--to", "production").returncode
    label = (embedded.folder / "label.yaml").read_text(encoding="utf-8")
    (embedded.folder / "now.yaml").write_text(label.replace(before, after), encoding="utf-8")
    relabelled = embedded.run("dataset", "relabel", "visits", "--label", "now.yaml", "--reason", "as it is")
    assert 0 == relabelled.returncode, relabelled.stderr

    checked = embedded.run("check", "models:/risk/1", "--for", "production")
    examined = embedded.run("doctor")

    assert 1 == checked.returncode
    assert why in checked.stdout
    assert 1 == examined.returncode
    assert "stale" in examined.stdout
    assert why in examined.stdout
