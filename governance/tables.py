"""Tables from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from governance.errors import NotFound, UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a `.csv`, `.csv.gz` or `.parquet` file.

    Raises:
        NotFound: there is no such file.
        UsageError: the file is of another kind, or is not what its name says.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise NotFound(f"{path} is not a file", "Name a .csv, .csv.gz or .parquet file.")
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise UsageError(f"{path.name}: tables are read from .csv, .csv.gz and .parquet", "Convert the file.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        # Types guessed a block at a time, or digits rounded for speed, would change the identity.
        exact = {"float_precision": "round_trip"} if int(pd.__version__.partition(".")[0]) < 3 else {}
        return pd.read_csv(path, low_memory=False, **exact)
    except (ValueError, OSError) as error:
        # The parser's own message may quote a record.
        raise UsageError(f"{path.name} cannot be read: {type(error).__name__}", "Mend the file.") from error
