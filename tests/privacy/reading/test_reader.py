"""Every kind of model is read as what it is: the expected signals are computed beside it, by other means."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from governance.errors import Undecided, UsageError
from governance.privacy.reading import asking
from governance.privacy.reading.reader import read
from governance.privacy.reading.readings import Readings, Task, Told
from governance.privacy.reading.transforms import CLIP, HIGHEST, LOWEST

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(240, 5)).astype(np.float32)
THREE = (X[:, 0] + 0.7 * RANDOM.normal(size=240) > 0).astype(int) + (X[:, 1] > 0.5)
TWO = (THREE > 0).astype(int)
VALUE = 3 * X[:, 0] + RANDOM.normal(size=240)
ROWS = np.arange(240)


class Fixed:
    """A classifier that answers the same to every question."""

    def __init__(self, answer: Any, classes: Any = None) -> None:
        self.answer = answer
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict_proba(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
        return self.answer


def logs(probabilities: Any, labels: Any) -> NDArray[np.float64]:
    """ln p of the true label, clipped."""
    p = np.asarray(probabilities, dtype=np.float64)
    return np.log(np.clip(p[np.arange(len(p)), labels], CLIP, 1 - CLIP))


def softmaxed(margins: Any) -> Any:
    """Probabilities in proportion to e^margin; one margin is of class 1 against 0."""
    z = np.asarray(margins, dtype=np.float64)
    e = np.exp(z if z.ndim == 2 else np.column_stack([0 * z, z]))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("model", "labels", "seen"),
    [
        pytest.param(RandomForestClassifier(10, random_state=0), THREE, "predict_proba", id="forest"),
        pytest.param(
            make_pipeline(StandardScaler(), LogisticRegression()), THREE, "predict_proba", id="pipeline"
        ),
        pytest.param(xgboost.XGBClassifier(n_estimators=5), THREE, "predict_proba", id="xgboost"),
        pytest.param(
            lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1), TWO, "predict_proba", id="lightgbm"
        ),
        pytest.param(LinearSVC(), THREE, "decision_function", id="linear-svc"),
        pytest.param(SVC(), TWO, "decision_function", id="svc"),
        pytest.param(RidgeClassifier(), TWO, "decision_function", id="ridge"),
    ],
)
def test_a_fitted_classifier(model: Any, labels: Any, seen: str) -> None:
    """What is read is the log of what the model says, and as often right as the model's own score."""
    model.fit(X, labels)
    answer = getattr(model, seen)(X)

    actual = read(model, X, labels)

    assert Told.PROBABILITIES if seen == "predict_proba" else Told.MARGINS is actual.told
    expected = logs(answer if seen == "predict_proba" else softmaxed(answer), labels)
    np.testing.assert_allclose(expected, actual.signal, rtol=2e-4, atol=1e-6)
    assert actual.correct is not None
    assert model.score(X, labels) == pytest.approx(actual.correct.mean())
    assert Task.CLASSES is actual.task


XGB = {"max_depth": 3, "verbosity": 0}
LGB = {"num_leaves": 7, "verbosity": -1}


@pytest.mark.parametrize(
    ("objective", "labels"),
    [("multi:softprob", THREE), ("multi:softmax", THREE), ("binary:logistic", TWO), ("binary:logitraw", TWO)],
)
def test_a_native_xgboost_classifier(objective: str, labels: Any) -> None:
    """Whatever the objective returns, it is read as the log-softmax of its margins."""
    classes = {"num_class": 3} if "multi" in objective else {}
    matrix = xgboost.DMatrix(X, labels)
    model = xgboost.train({**XGB, **classes, "objective": objective}, matrix, 5)

    actual = read(model, X, labels)

    assert Told.LOGITS is actual.told
    expected = logs(softmaxed(model.predict(matrix, output_margin=True)), labels)
    np.testing.assert_allclose(expected, actual.signal, rtol=1e-5)


@pytest.mark.parametrize(
    ("objective", "labels"), [("multiclass", THREE), ("multiclassova", THREE), ("binary", TWO)]
)
def test_a_native_lightgbm_classifier(objective: str, labels: Any) -> None:
    """A booster from memory and the same from its file are read alike, as probabilities."""
    classes = {"num_class": 3} if "multi" in objective else {}
    model = lightgbm.train({**LGB, **classes, "objective": objective}, lightgbm.Dataset(X, labels), 5)
    answer = model.predict(X)
    p = np.column_stack([1 - answer, answer]) if answer.ndim == 1 else answer
    expected = logs(p / p.sum(axis=1, keepdims=True), labels)

    for booster in (model, lightgbm.Booster(model_str=model.model_to_string())):
        np.testing.assert_allclose(expected, read(booster, X, labels).signal, rtol=1e-6)


def test_boosters_take_tables() -> None:
    """A booster trained on a DataFrame is asked with its own column names, from a table or an array."""
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = xgboost.train({**XGB, "objective": "binary:logistic"}, xgboost.DMatrix(frame, TWO), 3)

    assert read(model, frame, TWO).confidence.tolist() == read(model, X, TWO).confidence.tolist()


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(LinearRegression(), id="linear"),
        pytest.param(RandomForestRegressor(5, random_state=0), id="forest"),
        pytest.param(xgboost.XGBRegressor(n_estimators=3), id="xgboost"),
        pytest.param(lightgbm.LGBMRegressor(n_estimators=3, verbosity=-1), id="lightgbm"),
    ],
)
def test_a_fitted_regressor(model: Any) -> None:
    """The signal falls with the square of the residual, and σ comes from all residuals."""
    residual = np.abs(model.fit(X, VALUE).predict(X) - VALUE)

    actual = read(model, X, VALUE)

    assert (Told.PREDICTIONS, Task.VALUES) == (actual.told, actual.task)
    assert actual.scale is not None
    cut = np.minimum(residual, np.quantile(residual, 0.95, method="higher")).mean()
    assert np.sqrt(np.pi / 2) * cut == pytest.approx(actual.scale)
    expected = np.clip(-0.5 * ((residual / actual.scale) ** 2 + np.log(2 * np.pi)), LOWEST, HIGHEST)
    np.testing.assert_allclose(expected, actual.signal, rtol=1e-4)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_native_regressor(library: str) -> None:
    """A booster of values is read as the wrapper of the same booster is."""
    if library == "xgboost":
        wrapped: Any = xgboost.XGBRegressor(n_estimators=3).fit(X, VALUE)
        native = wrapped.get_booster()
    else:
        wrapped = lightgbm.LGBMRegressor(n_estimators=3, verbosity=-1).fit(X, VALUE)
        native = wrapped.booster_

    np.testing.assert_allclose(read(wrapped, X, VALUE).signal, read(native, X, VALUE).signal, rtol=1e-6)


def test_ranking_is_not_read() -> None:
    """A booster that orders documents tells neither classes nor values."""
    matrix = xgboost.DMatrix(X, TWO, group=[240])

    with pytest.raises(UsageError, match="rank:pairwise"):
        read(xgboost.train({**XGB, "objective": "rank:pairwise"}, matrix, 1), X, TWO)


def test_classes_are_matched_by_name() -> None:
    """Columns follow `classes_`; a label that the model never saw gets the clip probability."""
    model = Fixed([[0.1, 0.9], [0.7, 0.3], [0.6, 0.4]], ["yes", "no"])

    actual = read(model, None, ["yes", "yes", "unseen"])

    np.testing.assert_allclose([0.1, 0.7, CLIP], actual.confidence, rtol=1e-6)
    assert actual.correct is not None
    assert [False, True, False] == actual.correct.tolist()


def test_equal_numbers_are_equal_labels() -> None:
    """Labels 1.0 belong to class 1, and True to class 1."""
    model = Fixed([[0.25, 0.75], [0.5, 0.5]], [0, 1])

    np.testing.assert_allclose([0.75, 0.5], read(model, None, np.array([1.0, 0.0])).confidence, rtol=1e-6)
    np.testing.assert_allclose([0.75, 0.5], read(model, None, np.array([True, False])).confidence, rtol=1e-6)


def test_labels_that_the_model_does_not_know_are_noticed() -> None:
    """Text labels beside numbered columns would read as certainty of being wrong about everybody."""
    with pytest.raises(UsageError, match="knows none of the true labels"):
        read(Fixed([[0.5, 0.5]] * 2), None, ["yes", "no"])


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked seven records at a time, a model says the same as all at once."""
    model = LogisticRegression().fit(X, THREE)
    at_once = read(model, pd.DataFrame(X), THREE)
    told: list[int] = []
    ask = model.predict_proba
    monkeypatch.setattr(asking.answers, "__defaults__", (7,))
    monkeypatch.setattr(model, "predict_proba", lambda part: told.append(len(part)) or ask(part))

    actual = read(model, pd.DataFrame(X), THREE)

    assert [7] * 34 + [2] == told
    np.testing.assert_array_equal(at_once.signal, actual.signal)
    np.testing.assert_array_equal(at_once.correct, actual.correct)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(object(), id="no-model"),
        pytest.param(Fixed([[0.2, 0.2], [0.5, 0.5]]), id="rows-do-not-sum-to-one"),
        pytest.param(Fixed([[-0.5, 1.5], [0.5, 0.5]]), id="negative-probability"),
        pytest.param(Fixed([["a", "b"], ["c", "d"]]), id="text"),
        pytest.param(Fixed([[0.5, 0.5]]), id="too-few-rows"),
        pytest.param(Fixed([[[0.5, 0.5]], [[0.5, 0.5]]]), id="several-outputs"),
        pytest.param(Fixed([[0.5], [0.5, 0.5]]), id="ragged"),
    ],
)
def test_what_is_not_supported_is_refused(model: Any) -> None:
    """What nothing can be read from is refused, and the message names what is supported."""
    with pytest.raises(UsageError, match="supported are scikit-learn classifiers and regressors"):
        read(model, [[0.0], [1.0]], [0, 1])


def test_an_outlier_detector_is_no_classifier() -> None:
    """`decision_function` alone does not make a classifier: what is told is a label that is never right."""
    detector = LocalOutlierFactor(novelty=True).fit(X)

    assert Told.MARGINS is not read(detector, X, TWO).told


def test_too_many_classes_are_refused() -> None:
    """`classes_` and the columns must be as many."""
    with pytest.raises(UsageError, match="names 3 classes and returns 2 columns"):
        read(Fixed([[0.5, 0.5]], [0, 1, 2]), None, [0])


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_what_is_no_number_is_undecided(answer: float) -> None:
    """NaN and infinity give no answer."""
    with pytest.raises(Undecided, match="not a finite number"):
        read(Fixed([[answer, 0.5]]), None, [0])


def test_a_failing_model_s_message_is_not_passed_on() -> None:
    """The model's own error may quote a record, so only its type is told."""

    class Quoting:
        def predict_proba(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
            raise ValueError("could not convert 'Ada Lovelace' to float")

    with pytest.raises(Undecided) as caught:
        read(Quoting(), [["Ada Lovelace"]], [0])

    assert "The model failed to score the records: ValueError" == caught.value.message
    assert caught.value.__suppress_context__


def test_labels_alone_are_no_likelihood() -> None:
    """Where only labels were told, asking for a likelihood says so instead of inventing one."""
    with pytest.raises(UsageError, match="only its label"):
        _ = Readings(None, np.array([True]), Told.LABELS).confidence


def test_true_answers_are_one_a_record() -> None:
    """A table of labels is refused; one column of them is a list."""
    model = Fixed([[0.25, 0.75], [0.5, 0.5]])

    np.testing.assert_allclose([0.75, 0.5], read(model, None, [[1], [0]]).confidence, rtol=1e-6)
    with pytest.raises(UsageError, match="one a record"):
        read(model, None, [[1, 0], [0, 1]])
