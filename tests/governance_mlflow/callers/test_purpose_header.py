"""An unmodified client states its purpose with every request."""

from __future__ import annotations

import pytest
from mlflow.tracking.request_header.registry import _request_header_provider_registry, resolve_request_headers

from governance_mlflow.callers.purpose_header import PurposeHeader


def test_the_purpose_goes_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is set; MLflow found the plugin by itself."""
    assert "X-Governance-Purpose" not in resolve_request_headers()

    monkeypatch.setenv("GOVERNANCE_PURPOSE", "care")

    assert any(isinstance(provider, PurposeHeader) for provider in _request_header_provider_registry)
    assert "care" == resolve_request_headers()["X-Governance-Purpose"]
