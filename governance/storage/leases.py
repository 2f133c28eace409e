"""Lets one of many processes do something for a time, whichever asks first."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, select

from governance.canonical import timestamp
from governance.storage.tables import locks


def take_lease(connection: Connection, name: str, now: datetime, until: datetime) -> bool:
    """Whether the caller has the lease, which nobody else has before `until`.

    To be called by somebody who holds the gate, so that nobody else asks meanwhile. It is not given
    back: whoever dies with it only delays the next one.
    """
    if connection.scalar(select(locks.c.name).where(locks.c.name == name)) is None:
        connection.execute(locks.insert().values(name=name))
    free = or_(locks.c.until.is_(None), locks.c.until <= timestamp(now))
    taken = connection.execute(
        locks.update().where(locks.c.name == name, free).values(until=timestamp(until))
    )
    return taken.rowcount == 1
