"""A field of an event's body in SQL, spelt alike in the index and in the queries that are to use it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class InBody(FunctionElement[str]):
    """The text of one field of a JSON object that is kept as text."""

    name = "in_body"
    type = Text()
    inherit_cache = True


def in_body(body: ColumnElement[str], field: str) -> InBody:
    """The field as a SQL expression.

    Args:
        field: One of our own names; it becomes part of the statement.
    """
    return InBody(body, literal_column(f"'{field}'"))


@compiles(InBody, "sqlite")
def _sqlite(element: InBody, compiler: Any, **options: Any) -> str:
    body, field = (compiler.process(part, **options) for part in element.clauses)
    return f"json_extract({body}, '$.{field[1:-1]}')"


@compiles(InBody, "postgresql")
def _postgresql(element: InBody, compiler: Any, **options: Any) -> str:
    body, field = (compiler.process(part, **options) for part in element.clauses)
    return f"(CAST({body} AS JSON) ->> {field})"
