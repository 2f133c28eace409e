"""The identity of a table: a SHA-256 over its whole content, in one unambiguous stream of bytes.

The stream, `governance/fingerprint/v1`, obeys four rules:
1. every text and every block of bytes is preceded by its length, every value by its type;
2. columns and rows count in their order, the index does not;
3. types are those of the values, not of the container: `category` hashes as its categories, `Int64`
   without gaps as `int64`, a timestamp alike in every resolution;
4. None, NaN, NaT and `pandas.NA` are one value, "missing"; 1, 1.0, True and "1" are four.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from governance.canonical import canonical
from governance.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MISSING = b"missing"
"""How None, NaN, NaT and `pandas.NA` are written."""


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


def fingerprint(frame: pd.DataFrame | np.ndarray) -> str:
    """The identity of a table or array: any changed value, type, name or order changes it.

    Returns:
        64 hexadecimal digits.

    Raises:
        UsageError: it is neither DataFrame nor array, or holds values of a type that has no one spelling.
    """
    import numpy as np
    import pandas as pd

    stream = sha256()
    if isinstance(frame, pd.DataFrame):
        _put(stream, b"governance/fingerprint/v1 table")
        stream.update(struct.pack("<QQ", *frame.shape))
        for position, name in enumerate(frame.columns):
            _put(stream, cell(name, "a column name"))
            _column(stream, frame.iloc[:, position].array, repr(name))
    elif isinstance(frame, np.ndarray):
        _put(stream, b"governance/fingerprint/v1 array")
        stream.update(struct.pack(f"<Q{frame.ndim}Q", frame.ndim, *frame.shape))
        _column(stream, _as_column(frame), "the array")
    else:
        what = type(frame).__name__
        raise UsageError(f"{what} has no fingerprint", "Pass a pandas DataFrame or a numpy array.")
    return stream.hexdigest()


def _as_column(array: np.ndarray) -> Any:
    import pandas as pd

    if array.dtype.kind == "V":
        raise _refused(str(array.dtype), "the array")
    return pd.Series(array.ravel(), copy=False).array


def _put(stream: _Hash, data: bytes | memoryview) -> None:
    stream.update(struct.pack("<Q", len(data)))
    stream.update(data)


def _column(stream: _Hash, values: Any, where: str) -> None:
    """Hash a pandas array: its type, which entries are missing, then all values at once."""
    import numpy as np
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        known = values.categories
        # Nullable, or whole numbers would turn into floats where a value is missing.
        known = pd.array(known.to_numpy()) if known.dtype.kind in "biu" else known.array
        values = known.take(values.codes, allow_fill=True)
    missing = np.asarray(pd.isna(values), dtype=bool)
    dtype = values.dtype
    if isinstance(dtype, pd.SparseDtype | pd.PeriodDtype | pd.IntervalDtype):
        raise _refused(str(dtype), where)
    if isinstance(dtype, pd.StringDtype) or dtype.kind == "U":
        tag, blocks = "text", _texts(_filled(values, missing, ""))
    elif dtype.kind in "biuf" and dtype.itemsize <= 8:
        tag, blocks, missing = _numbers(values, missing)
    elif dtype.kind in "mM" and hasattr(values, "asi8"):
        tag, blocks = f"{dtype.kind} {getattr(dtype, 'tz', None)}", _instants(values, missing)
    elif dtype.kind == "O":
        tag, blocks = _objects(values, missing, where)
    else:
        raise _refused(str(dtype), where)
    _put(stream, tag.encode())
    _put(stream, np.packbits(missing).tobytes() if missing.any() else b"")
    for block in blocks:
        _put(stream, block if isinstance(block, bytes) else memoryview(block).cast("B"))


def _numbers(values: Any, missing: Any) -> tuple[str, list[Any], Any]:
    import numpy as np

    kind, size = values.dtype.kind, values.dtype.itemsize
    exact = np.ascontiguousarray(values.to_numpy(dtype=f"<{kind}{size}", na_value=0))
    if kind == "f" and np.isnan(exact).any():
        # NaN has many bit patterns, and a nullable column may hold it beside its own gaps.
        missing = missing | np.isnan(exact)
        exact = np.where(missing, 0, exact)
    return f"{kind}{8 * size}", [exact], missing


def _instants(values: Any, missing: Any) -> list[Any]:
    """Whole seconds and nanoseconds, so that one instant hashes alike in every resolution."""
    import numpy as np

    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.unit]
    seconds, rest = np.divmod(np.where(missing, 0, values.asi8), per_second)
    return [seconds.astype("<i8"), (rest * (10**9 // per_second)).astype("<i8")]


def _objects(values: Any, missing: Any, where: str) -> tuple[str, list[Any]]:
    filled = _filled(values, missing, "")
    if all(type(value) is str for value in filled):
        # What an older pandas keeps in an object column is the same text.
        return "text", _texts(filled)
    return "object", _blocks([cell(value, where) for value in _filled(values, missing, None)])


def _filled(values: Any, missing: Any, filler: Any) -> list[Any]:
    import numpy as np

    filled = np.array(values, dtype=object)
    filled[missing] = filler
    return list(filled)


def _texts(texts: Iterable[str]) -> list[Any]:
    return _blocks([text.encode("utf-8", "surrogatepass") for text in texts])


def _blocks(encoded: Sequence[bytes]) -> list[Any]:
    import numpy as np

    return [np.fromiter(map(len, encoded), "<i8", len(encoded)), b"".join(encoded)]


def cell(value: Any, where: str) -> bytes:
    """One Python value as bytes, its type first; a tuple (a name in a column hierarchy) part by part.

    Raises:
        UsageError: a value of this type has no one spelling; `where` stands in the message, the value not.
    """
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.number | np.bool_ | np.str_ | np.bytes_):
        value = value.item()
    if isinstance(value, str):
        return b"text:" + value.encode("utf-8", "surrogatepass")
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    if isinstance(value, float | Decimal) and math.isnan(value):
        return MISSING
    if isinstance(value, float):
        return b"float:" + struct.pack("<d", value)
    if isinstance(value, datetime):
        utc = value if value.tzinfo is None else value.astimezone(timezone.utc)
        return f"datetime:{utc.isoformat()}".encode()
    if isinstance(value, bool | int | date | time | timedelta | Decimal):
        return f"{type(value).__name__}:{value!s}".encode()
    if isinstance(value, bytes):
        return b"bytes:" + value
    if isinstance(value, tuple):
        parts = [cell(part, where) for part in value]
        return b"tuple:" + b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    if isinstance(value, list | dict):
        try:
            return b"json:" + canonical(value)
        except ValueError as error:
            raise _refused(f"{type(value).__name__} (not JSON)", where) from error
    raise _refused(type(value).__name__, where)


def _refused(what: str, where: str) -> UsageError:
    message = f"{where} holds values of type {what}: no one spelling, so the dataset cannot be identified"
    return UsageError(message, "Convert the column to numbers, text, dates or JSON lists and objects.")
