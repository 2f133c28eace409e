"""Asking a foreign model a batch at a time, so that no answer to all records is ever held at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import Undecided, UsageError
from governance.privacy.pool import take

BATCH = 65_536
"""Records asked about at once: of 100 classes, half a hundred megabytes of probabilities."""


def answers(
    ask: Callable[[Any], Any], X: Any, n: int, who: Any, batch: int = BATCH
) -> Iterator[tuple[slice, Any]]:
    """Rows, and what `ask` says of them, until all n records are asked about.

    Raises:
        Undecided: the model failed. Its message may quote a record, so only its type goes on.
    """
    for start in range(0, n, batch):
        rows = slice(start, min(start + batch, n))
        try:
            answer = ask(X if n <= batch else take(X, rows))
        except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
            raise Undecided(
                f"The model failed to score the records: {type(error).__name__}",
                f"Call {type(who).__name__} on the same records to see the cause.",
            ) from None
        yield rows, answer


def numbers(answer: Any, n: int, who: Any) -> NDArray[np.floating]:
    """An answer as (n,) or (n, columns) numbers of its own width; one column is (n,).

    Raises:
        UsageError: it is not one row of numbers for each record.
        Undecided: some are not finite.
    """
    try:
        values = np.asarray(answer)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.dtype == object:
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise unsupported(f"{type(who).__name__} does not return numbers") from None
    known = np.issubdtype(values.dtype, np.number) or values.dtype == bool
    if values.ndim not in (1, 2) or len(values) != n or not known:
        raise unsupported(f"{type(who).__name__} does not return one row of numbers for each record")
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise Undecided(
            "The model returned something that is not a finite number",
            "Mend the model, or leave out the records that it cannot score.",
        )
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def unsupported(found: str) -> UsageError:
    """The one refusal of a model that nothing can be read from."""
    return UsageError(
        f"{found}; supported are scikit-learn classifiers and regressors, XGBoost, LightGBM, PyTorch modules,"
        " and whatever has a `predict` that returns (n, classes) probabilities, (n,) labels or (n,) numbers",
        "Wrap the model in an object with `predict_proba(X)` and `classes_`.",
    )
