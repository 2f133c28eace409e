"""What every worker needs, sent to it once: arrays stay out of the pickle, and one machine maps one file.

A parcel is read only by the workers of the run that packed it, from a folder that only its user may
enter; it is no format to keep or to pass on.
"""

from __future__ import annotations

import mmap
import pickle
from itertools import accumulate
from pathlib import Path
from typing import Any

import cloudpickle

_opened: tuple[str, Any] = ("", None)
"""The parcel that this worker works on, and what is in it."""


def taken_apart(content: Any) -> tuple[bytes, list[memoryview]]:
    """The pickle of anything, and beside it the bytes of its arrays, not copied."""
    buffers: list[pickle.PickleBuffer] = []
    head = cloudpickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    return head, [buffer.raw() for buffer in buffers]


def pack(content: Any, path: Path) -> tuple[str, tuple[int, ...]]:
    """Write a parcel; gives what `unpack` needs to find everything in it."""
    head, arrays = taken_apart(content)
    with path.open("xb") as file:
        for part in (memoryview(head), *arrays):
            file.write(part)
            # An array that does not begin at a multiple of its item's size would be slow or refused.
            file.write(bytes(-part.nbytes % 64))
    return str(path), (len(head), *(array.nbytes for array in arrays))


def unpack(parcel: tuple[str, tuple[int, ...]]) -> Any:
    """The content, its arrays being pages of the file: shared by all workers until one writes to them."""
    name, lengths = parcel
    if _opened[0] != name:
        ends = list(accumulate(length + -length % 64 for length in lengths))
        with Path(name).open("rb") as file:
            # Changes stay this worker's own, and estimators that want writable arrays get them.
            pages = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        starts = [0, *ends[:-1]]
        head, *arrays = (pages[start : start + length] for start, length in zip(starts, lengths, strict=True))
        _remember(name, pickle.loads(head, buffers=arrays))  # noqa: S301  written by the process that asks
    return _opened[1]


def _remember(name: str, content: Any) -> None:
    global _opened  # one parcel a worker: the next run's replaces it
    _opened = (name, content)
