"""A record that lost the digest it was stored under was changed in the database: nothing rests on it."""

from __future__ import annotations

from governance.errors import Undecided


def intact(what: str, stored: str, present: str) -> None:
    """Refuse a record whose contents were changed after it was stored.

    Args:
        what: The kind of record, for the message.
        stored: The digest it was stored under.
        present: The digest of what was read back.

    Raises:
        Undecided: the two differ.
    """
    if stored != present:
        raise Undecided(
            f"{what} {stored} was changed in the database: its contents now have the digest {present}.",
            "Restore the database from a backup; `governance audit verify` says how far the log still holds.",
        )
