"""Rows that are written once, under a key that says all of what they hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its unique key is there already; whether it was inserted.

    One statement, where looking first would be two, each a way to the database and back.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(table).values(**values).on_conflict_do_nothing()
    # Not `rowcount`: not every driver counts what such a statement inserts.
    return connection.execute(row.returning(literal_column("1"))).first() is not None
