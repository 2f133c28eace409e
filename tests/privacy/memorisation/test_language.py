from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.errors import UsageError
from governance.privacy.memorisation.language import (
    as_generator,
    as_scorer,
    completions,
    log_likelihoods,
)


class Pyfunc:
    """Answers each prompt with itself and an end, in the form that it is told to."""

    def __init__(self, form: Any, metadata: Any = None) -> None:
        self.form, self.metadata, self.columns = form, metadata, []

    def predict(self, frame: Any) -> Any:
        self.columns.append(list(frame.columns))
        return self.form([f"{prompt} end" for prompt in frame.iloc[:, 0]])


@pytest.mark.parametrize(
    "form",
    [
        list,
        np.array,
        pd.Series,
        lambda texts: pd.DataFrame({"text": texts}),
        lambda texts: {"text": texts},
        lambda texts: [{"generated_text": text} for text in texts],
        lambda texts: [[{"generated_text": text}] for text in texts],
        lambda texts: np.array(texts)[:, None],
    ],
)
def test_every_form_of_answer_is_read(form: Any) -> None:
    """Lists, arrays, DataFrames, mappings, and what a pipeline returns; the prompt is cut off."""
    assert [" end", " end"] == completions(as_generator(Pyfunc(form)), ["a", "b"])


def test_the_column_is_that_of_the_signature() -> None:
    """The first input that the model names, else `prompt`, unless the caller says otherwise."""
    schema = SimpleNamespace(input_names=lambda: ["question", "style"])
    metadata = SimpleNamespace(get_input_schema=lambda: schema)
    nothing = SimpleNamespace(get_input_schema=lambda: None)
    models = [Pyfunc(list, metadata), Pyfunc(list, nothing), Pyfunc(list), Pyfunc(list, metadata)]
    for model, column in zip(models, (None, None, None, "text"), strict=True):
        as_generator(model, column)(["a"])

    assert [["question"], ["prompt"], ["prompt"], ["text"]] == [model.columns[0] for model in models]


def test_a_function_of_prompts_is_a_generator() -> None:
    """A pipeline is called with a list; what can be neither called nor asked is refused."""
    generator = as_generator(lambda prompts: [[{"generated_text": one + "!"}] for one in prompts])

    assert ["!", "!"] == completions(generator, ["a", "b"])
    with pytest.raises(UsageError, match="neither has `predict`"):
        as_generator("model")


def test_texts_are_asked_about_a_batch_at_a_time() -> None:
    """Answers come in the order of the texts, and whoever listens hears how many are done."""
    heard: list[int] = []
    texts = [str(i) for i in range(2500)]
    scores = log_likelihoods(lambda batch: [-float(text) for text in batch], texts, heard.append)

    assert [1024, 2048, 2500] == heard
    np.testing.assert_array_equal(-np.arange(2500.0), scores)
    assert (0, []) == (len(log_likelihoods(lambda batch: batch, [])), completions(lambda batch: batch, []))


def test_only_a_python_models_own_score_is_a_likelihood() -> None:
    """The `score` behind a pyfunc; an estimator's is an accuracy, and a flavour's wrapper has none."""
    own = SimpleNamespace(score=lambda texts: [-1.0 for _ in texts])

    def refuse() -> None:
        raise RuntimeError("no Python model")

    scorer = as_scorer(SimpleNamespace(unwrap_python_model=lambda: own))
    assert scorer is own.score
    for model in (
        own,
        SimpleNamespace(unwrap_python_model=refuse),
        SimpleNamespace(unwrap_python_model=SimpleNamespace),
        SimpleNamespace(unwrap_python_model=lambda: SimpleNamespace(score=1)),
    ):
        assert as_scorer(model) is None
