"""What the files of a model's artifact hold, read by format and never loaded as objects.

Pickles are read symbol by symbol (see `pickles`), arrays without pickles, tables by pandas' readers of
text and Parquet. A file that could hold records and cannot be read so is named as unread.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import Undecided
from governance.privacy.structure.finding import Finding, Kind
from governance.privacy.structure.groups import small_groups
from governance.privacy.structure.objects import Part, Walk
from governance.privacy.structure.pickles import Symbol, read_pickle
from governance.privacy.structure.rows import View
from governance.privacy.structure.stored import stored

LARGEST = 512 * 1024 * 1024
"""Bytes of one file, unpacked, that are read; a larger one is named as unread."""

PLAIN = frozenset({".yaml", ".yml", ".txt", ".md", ".py", ".toml", ".cfg", ".lock", ".html", ".j2", ""})
"""Suffixes of text files that describe a model; boosters' dumps among them hold no rows."""

MODELS = frozenset({".ubj", ".onnx", ".xgb", ".cbm", ".bst"})
"""Suffixes of formats that hold parameters alone."""

Found = tuple[Finding, NDArray[np.intp], float]
"""A finding, the members recognised in it, and the share of training records in a small group."""


def read_artifact(folder: Path, raw: View | None, k: int, n_training: int | None) -> Iterator[Found]:
    """What stands in each file of a folder, links not followed.

    Args:
        folder: The artifact as it was downloaded.
        raw: The records as the model receives them.
        k: Groups smaller than this are reported.
        n_training: How many records the model was trained on, if it is known.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(folder).as_posix()
            try:
                yield from _file(path, name, raw, k, n_training)
            except Exception:  # noqa: BLE001  # a broken or hostile file may fail in any way: it is unread
                yield _unread(path.suffix.lstrip("."), name)


def _file(path: Path, name: str, raw: View | None, k: int, n_training: int | None) -> Iterator[Found]:
    suffix = path.suffix.lower()
    if path.stat().st_size > LARGEST:
        yield _unread(suffix.lstrip("."), name)
        return
    with path.open("rb") as stream:
        start = stream.read(16)
    if zipfile.is_zipfile(path):
        yield from _zip(path, name, raw, k, n_training)
    elif start.startswith((b"\x80", b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        with path.open("rb") as stream:
            root = read_pickle(_unpacked(stream, start))
        yield from _inside(root, name, raw, k, n_training)
    elif start.startswith(b"\x93NUMPY"):
        yield from _inside(np.load(path, allow_pickle=False), name, raw, k, n_training)
    elif suffix in {".csv", ".tsv"} or start.startswith(b"PAR1"):
        yield from _inside(_table(path, suffix), name, raw, k, n_training)
    elif suffix == ".json":
        yield from _json(path, name, raw)
    elif suffix == ".safetensors":
        for tensor in _tensors(path.read_bytes()):
            yield from _inside(tensor, name, raw, k, n_training)
    elif suffix not in PLAIN | MODELS and path.name != "MLmodel":
        yield _unread(suffix.lstrip("."), name)


def _unpacked(stream: IO[bytes], start: bytes) -> IO[bytes]:
    """A pickle's bytes, whatever joblib compressed them with; `Undecided` if they are too many."""
    if start.startswith(b"\x80"):
        return stream
    if start.startswith(b"\x78"):
        machine = zlib.decompressobj()
        data = machine.decompress(stream.read(), LARGEST)
        if machine.unconsumed_tail:
            raise Undecided("A compressed pickle is too large")
        return io.BytesIO(data)
    opened: Any = gzip if start.startswith(b"\x1f\x8b") else bz2 if start.startswith(b"BZh") else lzma
    with opened.open(stream) as unpacking:
        data = unpacking.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Undecided("A compressed pickle is too large")
    return io.BytesIO(data)


def _zip(path: Path, name: str, raw: View | None, k: int, n_training: int | None) -> Iterator[Found]:
    """Archives of NumPy, skops and torch: arrays and pickles inside them."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
        if sum(entry.file_size for entry in entries.values()) > LARGEST:
            yield _unread("zip", name)
            return
        for inner, entry in entries.items():
            data = archive.read(entry)
            if data.startswith(b"\x93NUMPY"):
                value: Any = np.load(io.BytesIO(data), allow_pickle=False)
            elif inner.endswith(".npz"):
                continue
            elif inner.endswith("data.pkl"):
                tensors = {n: archive.read(n) for n in entries if "/data/" in n}
                value = list(_torch_tensors(read_pickle(io.BytesIO(data)), tensors))
            else:
                continue
            yield from _inside(value, f"{name}/{Path(inner).suffix.lstrip('.')}", raw, k, n_training)


def _inside(root: Any, name: str, raw: View | None, k: int, n_training: int | None) -> Iterator[Found]:
    nobody = np.empty(0, dtype=np.intp)
    if isinstance(root, Symbol) or type(root).__module__ == "builtins":
        walk: Any = Walk(root, raw)
    else:
        walk = [Part("", None, "", root, raw)]
    for part in walk:
        placed = Part(
            f"{name}: {part.where}" if part.where else name, part.holder, part.attribute, part.value, raw
        )
        if isinstance(part.value, Symbol):
            if part.value.name.startswith("pandas.") and part.value.name.endswith((".DataFrame", ".Series")):
                kind = part.value.name.rpartition(".")[2]
                yield Finding(Kind.TABLE, kind, placed.where, _length(part.value)), nobody, 0.0
            continue
        for finding, found in stored(placed, raw, n_training):
            # An estimator's rows were perhaps transformed before: nobody recognised is nothing known.
            unknown = finding.kind is Kind.STORED_RECORDS and not len(found)
            yield (replace(finding, members=None) if unknown else finding), found, 0.0
        if _is_block(part.value):
            turned = Part(placed.where, part.holder, part.attribute, part.value.T, raw)
            yield from ((finding, found, 0.0) for finding, found in stored(turned, raw, None))
        for finding, share in small_groups(placed, k):
            yield finding, nobody, share


def _length(frame: Symbol) -> int:
    """Rows of a pickled data frame: the length of its blocks."""
    parts = [part.value for part in Walk(frame, None)]
    return max((one.shape[-1] for one in parts if isinstance(one, np.ndarray) and one.ndim > 1), default=1)


def _is_block(value: Any) -> bool:
    """Whether it may be numbers of a pickled data frame, which stand column by column."""
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] < value.shape[1]


def _table(path: Path, suffix: str) -> Any:
    import pandas as pd

    if suffix in {".csv", ".tsv"}:
        return pd.read_csv(path, sep="\t" if suffix == ".tsv" else ",")
    return pd.read_parquet(path)


def _json(path: Path, name: str, raw: View | None) -> Iterator[Found]:
    """Rows in JSON, as MLflow writes an input example; other JSON describes the model."""
    import pandas as pd

    read = json.loads(path.read_text("utf-8"))
    if isinstance(read, dict):
        read = next(
            (
                read[key]
                for key in ("dataframe_split", "dataframe_records", "inputs", "instances")
                if key in read
            ),
            read,
        )
    if isinstance(read, dict) and isinstance(read.get("data"), list):
        table = pd.DataFrame(read["data"], columns=read.get("columns"))
    elif isinstance(read, list) and read and isinstance(read[0], (dict, list)):
        table = pd.DataFrame(read)
    else:
        return
    for finding, found in stored(Part(name, None, "", table, raw), raw, None):
        yield finding, found, 0.0


def _tensors(data: bytes) -> Iterator[NDArray[Any]]:
    """The matrices of a safetensors file: eight bytes of length, a JSON header, then the numbers."""
    end = 8 + int.from_bytes(data[:8], "little")
    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
    for name, about in json.loads(data[8:end]).items():
        if name != "__metadata__" and about["dtype"] in kinds:
            first, last = about["data_offsets"]
            yield np.frombuffer(data[end + first : end + last], kinds[about["dtype"]]).reshape(about["shape"])


def _torch_tensors(root: Any, tensors: dict[str, bytes]) -> Iterator[NDArray[Any]]:
    """The tensors of a torch archive: `_rebuild_tensor_v2(storage, offset, size, stride, …)`."""
    kinds = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}
    for part in Walk(root, None):
        value = part.value
        if not isinstance(value, Symbol) or not value.name.endswith("._rebuild_tensor_v2"):
            continue
        storage, offset, size, stride = value.args[:4]
        _, kind, key, *_ = storage.args[0]
        data = next((held for name, held in tensors.items() if name.endswith(f"/data/{key}")), None)
        dtype = kinds.get(kind.name.rpartition(".")[2])
        entries = int(np.prod(size, dtype=np.float64))
        # A step of zero would make a giant of a few bytes.
        if data is not None and dtype is not None and entries * np.dtype(dtype).itemsize <= len(data):
            # An index for each entry: one beyond the storage is an error, not a look at other memory.
            places = offset + sum(
                np.ix_(*(np.arange(n) * step for n, step in zip(size, stride, strict=True)))
            )
            yield np.frombuffer(data, dtype)[places]


def _unread(kind: str, name: str) -> Found:
    return Finding(Kind.UNREAD, kind or "file", name, 1), np.empty(0, dtype=np.intp), 0.0
