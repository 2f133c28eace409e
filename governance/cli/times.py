"""Instants as people type them."""

from __future__ import annotations

from datetime import datetime, timezone

import click


def moment(text: str) -> datetime:
    """The instant that an ISO 8601 text names; without a zone it is UTC, and a date is its first moment."""
    # Python 3.10 does not know the Z.
    spelled = text[:-1] + "+00:00" if text.upper().endswith("Z") else text
    try:
        at = datetime.fromisoformat(spelled)
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time, such as 2026-03-01, 2026-03-01T12:00 (both UTC) "
            "or 2026-03-01T12:00+01:00."
        ) from error
