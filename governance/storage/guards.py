"""The triggers that refuse to change what was recorded: are they there?"""

from __future__ import annotations

from sqlalchemy import Connection, text

from governance.storage.tables import INSERT_ONLY


def unguarded_tables(connection: Connection) -> tuple[str, ...]:
    """The insert-only tables whose rows the database would let anybody change, sorted."""
    if connection.dialect.name == "sqlite":
        found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
        wanted = {t.name: {f"{t.name}_no_update", f"{t.name}_no_delete"} for t in INSERT_ONLY}
    else:
        enabled = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        found = set(connection.scalars(text(enabled)))
        wanted = {t.name: {f"{t.name}_insert_only"} for t in INSERT_ONLY}
    return tuple(sorted(table for table, triggers in wanted.items() if not triggers <= found))
