"""PyTorch modules: logits, asked in evaluation mode and without gradients, on the device they lie on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy.reading.asking import answers, numbers
from governance.privacy.reading.classifiers import are_probabilities, of_one_number, score
from governance.privacy.reading.labels import column_of_each, is_binary, is_class_like
from governance.privacy.reading.readings import Readings, Task, Told
from governance.privacy.reading.regressors import of_predictions

if TYPE_CHECKING:
    import torch

BATCH = 1024
"""Records in one forward pass."""


def module_of(model: Any) -> torch.nn.Module | None:
    """The PyTorch module that `model` is, or that an adapter keeps as `module`; None for other models."""
    # Who never imported torch has no module of it.
    library: Any = sys.modules.get("torch")
    candidates = (model, getattr(model, "module", None)) if library is not None else ()
    return next((one for one in candidates if isinstance(one, library.nn.Module)), None)


def read_module(module: torch.nn.Module, X: Any, labels: NDArray[Any], task: Task | None) -> Readings:
    """One forward pass a record.

    (n, c) outputs are logits of the classes 0 … c−1, whose log-softmax is exact at both ends, or
    probabilities where every row is non-negative and sums to one. One output a record is the log-odds
    or the probability of class 1 if all labels are 0 or 1, and a predicted value otherwise.

    Args:
        module: Any module that takes one batch; if it returns several things, the first is looked at,
            or the one called `logits`.
        X: (n, …) array, DataFrame or tensor; made float of the module's own width, except whole
            numbers for a module with an embedding.
        labels: (n,) column numbers, or values to be predicted.
        task: What the module predicts, if it is known.

    Raises:
        UsageError: the outputs have another shape, or the labels do not fit them.
        Undecided: the module failed, or returned something that is not a finite number.
    """
    parts = []
    with still(module) as ask:
        for rows, answer in answers(ask, X, len(labels), module, BATCH):
            parts.append(numbers(answer, rows.stop - rows.start, module))
            if parts[-1].ndim == 2 and task is Task.VALUES:
                raise UsageError(f"The module predicts {parts[-1].shape[1]} numbers a record, not one")
    outputs = np.concatenate(parts)
    if outputs.ndim == 2:
        if not is_class_like(labels):
            raise UsageError("The module returns a number for each class, and the labels are no classes")
        told = Told.PROBABILITIES if are_probabilities(outputs) else Told.LOGITS
        columns = column_of_each(labels, np.arange(outputs.shape[1]))
        return Readings(*score(outputs, columns, told), told)
    if task is Task.VALUES or not is_binary(labels):
        return of_predictions(outputs, labels)
    inside = bool(((outputs >= 0) & (outputs <= 1)).all())
    return of_one_number(outputs.astype(np.float64), labels, Told.PROBABILITIES if inside else Told.LOGITS)


@contextmanager
def still(module: torch.nn.Module) -> Iterator[Callable[[Any], NDArray[Any]]]:
    """Ask a module as it is in use; afterwards every part of it trains again that did before."""
    import torch

    training = [part for part in module.modules() if part.training]
    first = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(0))
    indexed = any(isinstance(part, torch.nn.Embedding | torch.nn.EmbeddingBag) for part in module.modules())

    def ask(X: Any) -> NDArray[Any]:
        with torch.no_grad():
            outputs = module(_tensor(X, indexed, first.dtype).to(first.device))
        outputs = getattr(outputs, "logits", outputs)
        while isinstance(outputs, tuple | list):
            outputs = outputs[0]
        return np.asarray(outputs.detach().double().cpu().numpy())

    # Part by part, because an exported graph refuses to be told as a whole.
    for part in training:
        part.training = False
    try:
        yield ask
    finally:
        for part in training:
            part.training = True


def _tensor(X: Any, indexed: bool, dtype: torch.dtype) -> torch.Tensor:
    import torch

    tensor = X if isinstance(X, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(X))
    return tensor.long() if indexed and not tensor.is_floating_point() else tensor.to(dtype)
