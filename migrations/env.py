"""How Alembic runs our migrations: over our tables only, on a connection somebody else opened.

`governance.storage.schema` hands its connection over. Without one (`alembic revision` and
`alembic check` in a checkout) the database of `GOVERNANCE_STORE_URI` is used.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from governance.storage.schema import VERSION_TABLE
from governance.storage.tables import metadata


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name in metadata.tables


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=_is_ours,
        # SQLite can roll CREATE TABLE back; Alembic assumes it cannot.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _connect() -> None:
    from governance.settings import Settings
    from governance.storage.archive import open_archive

    store = Settings().store_uri
    if store is None:
        raise SystemExit("Set GOVERNANCE_STORE_URI to the database to compare with.")
    with open_archive(store).engine.begin() as connection:
        _run(connection)


if context.is_offline_mode():
    raise SystemExit("Migrations look at the database they change; run: governance db upgrade")

# Logging stays as the program that called us set it up.
_shared = context.config.attributes.get("connection")
if _shared is None:
    _connect()
else:
    _run(_shared)
