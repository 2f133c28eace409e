"""Every kind of model under scikit-learn's names, for attacks that ask for more than the true answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from governance.privacy.reading.asking import answers, numbers
from governance.privacy.reading.boosters import booster_answers, library_of
from governance.privacy.reading.classifiers import are_probabilities
from governance.privacy.reading.networks import BATCH, module_of, still
from governance.privacy.reading.readings import Task


def as_estimator(model: Any, task: Task | str) -> Any:
    """The model with `predict`, and with `predict_proba` where it tells how sure it is of each class.

    What has them already is returned as it is, and so is what has nothing but `predict`. PyTorch
    modules, native boosters and classifiers with margins only are wrapped; the wrapped one is `model`.

    Args:
        model: As `reader.read` takes it.
        task: What it predicts.
    """
    wanted = Task(task)
    module = module_of(model)
    if module is not None:
        return Classifier(module, _ask_module) if wanted is Task.CLASSES else Regressor(module, _ask_module)
    if library_of(model) is not None:
        if wanted is Task.VALUES:
            return Regressor(model, booster_answers)
        return Classifier(model, booster_answers)
    margins_only = hasattr(model, "decision_function") and not hasattr(model, "predict_proba")
    return Classifier(model, _ask_margins) if margins_only and wanted is Task.CLASSES else model


@dataclass(frozen=True, slots=True)
class Classifier:
    """Probabilities of any model that tells logits, log-odds or probabilities."""

    model: Any
    ask: Callable[[Any, Any], Any]
    """(model, X) → (n,) log-odds or probabilities of class 1, or (n, c) logits or probabilities."""

    def __getattr__(self, name: str) -> Any:
        # Only a classifier of scikit-learn names its classes; of the others they are column numbers.
        if name == "classes_":
            return self.model.classes_
        raise AttributeError(name)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, c) class probabilities."""
        told = np.concatenate([numbers(a, len(a), self.model) for a in _each(self.ask, self.model, X)])
        if told.ndim == 1:
            inside = bool(((told >= 0) & (told <= 1)).all())
            odds = told.astype(np.float64)
            positive = odds if inside else softmax(np.column_stack([np.zeros_like(odds), odds]), axis=1)[:, 1]
            return np.column_stack([1 - positive, positive])
        rows = told.astype(np.float64)
        return rows if are_probabilities(rows) else np.asarray(softmax(rows, axis=1))

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) likeliest class of each record."""
        columns = self.predict_proba(X).argmax(axis=1)
        classes = getattr(self, "classes_", None)
        return np.asarray(columns if classes is None else classes[columns])


@dataclass(frozen=True, slots=True)
class Regressor:
    """Predicted values of any model that tells one number a record."""

    model: Any
    ask: Callable[[Any, Any], Any]
    """(model, X) → (n,) or (n, 1) numbers."""

    def predict(self, X: Any) -> NDArray[np.float64]:
        """(n,) predicted values."""
        told = [np.asarray(answer, dtype=np.float64).reshape(-1) for answer in _each(self.ask, self.model, X)]
        return np.concatenate(told)


def _each(ask: Callable[[Any, Any], Any], model: Any, X: Any) -> list[Any]:
    return [answer for _, answer in answers(lambda part: ask(model, part), X, len(X), model, BATCH)]


def _ask_module(module: Any, X: Any) -> Any:
    with still(module) as ask:
        return ask(X)


def _ask_margins(model: Any, X: Any) -> Any:
    return model.decision_function(X)
