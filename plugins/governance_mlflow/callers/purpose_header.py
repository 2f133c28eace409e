"""Lets an unmodified MLflow client say what it wants a model for: GOVERNANCE_PURPOSE, with every request."""

from __future__ import annotations

import os

from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

from governance_mlflow.callers.served import PURPOSE


class PurposeHeader(RequestHeaderProvider):  # type: ignore[misc]  # MLflow ships no types
    """The header that states the purpose, where one is set."""

    def in_context(self) -> bool:
        """Whether a purpose is set."""
        return bool(os.environ.get("GOVERNANCE_PURPOSE"))

    def request_headers(self) -> dict[str, str]:
        """The purpose, for MLflow to send."""
        return {PURPOSE: os.environ["GOVERNANCE_PURPOSE"]}
