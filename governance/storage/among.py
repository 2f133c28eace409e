"""Asks for many keys in one statement with one parameter, however many they are."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY


def among(connection: Connection, column: ColumnElement[str], keys: Collection[str]) -> ColumnElement[bool]:
    """Whether a column holds one of these keys; an index on it is used.

    A plain `IN` has a parameter for each key, and every database has a limit for those.
    """
    wanted = sorted(set(keys))
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam("keys", wanted, type_=ARRAY(Text()), unique=True))
    listed = func.json_each(json.dumps(wanted)).table_valued("value")
    return column.in_(select(listed.c.value))
