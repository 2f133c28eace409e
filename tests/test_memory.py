"""What only the archive in memory does; its ports are tested in `tests/ports`."""

from __future__ import annotations

import pytest

from governance.errors import UsageError
from governance.memory import MemoryArchive


def test_a_writer_inside_a_writer_is_refused() -> None:
    """The inner change would be lost when the outer one is kept; afterwards writing works as before."""
    archive = MemoryArchive()
    with archive.writing(), pytest.raises(UsageError, match="inside"), archive.writing():
        pass

    with archive.writing() as books:
        assert () == books.catalogue.all()
