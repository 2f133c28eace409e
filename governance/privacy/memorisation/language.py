"""Two ways to ask a language model: how likely texts are, and how it goes on after a beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import Undecided, UsageError

if TYPE_CHECKING:
    import torch

BATCH = 1024
"""Texts a question."""


class Scorer(Protocol):
    """Says how likely texts are; any function of this shape is one."""

    def __call__(self, texts: Sequence[str]) -> ArrayLike:
        """(n,) ln of the probability of each text; −inf for an impossible one."""


class Generator(Protocol):
    """Goes on after the beginning of a text; any function of this shape is one."""

    def __call__(self, prompts: Sequence[str]) -> Sequence[str]:
        """(n,) what follows each prompt, with or without the prompt itself before it."""


def log_likelihoods(
    scorer: Scorer, texts: Sequence[str], told: Callable[[int], None] | None = None
) -> NDArray[np.float64]:
    """(n,) what the scorer says of the texts, asked a batch at a time; `told` hears how many are done.

    Raises:
        Undecided: it failed, or answered with something other than one number a text.
    """
    parts = []
    for first in range(0, len(texts), BATCH):
        batch = list(texts[first : first + BATCH])
        try:
            part = np.asarray(scorer(batch), dtype=np.float64)
        except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
            # Its message may quote a text, so only its type goes on.
            raise _failed("score", error) from None
        if part.shape != (len(batch),) or np.isnan(part).any() or (part == np.inf).any():
            raise Undecided(
                f"The scorer answered {part.shape} to {len(batch)} texts, or not with log-likelihoods",
                "It must return one natural logarithm of a probability for each text.",
            )
        parts.append(part)
        if told is not None:
            told(first + len(batch))
    return np.concatenate(parts) if parts else np.zeros(0)


def completions(
    generator: Generator, prompts: Sequence[str], told: Callable[[int], None] | None = None
) -> list[str]:
    """What follows each prompt, without the prompt, asked a batch at a time.

    Raises:
        Undecided: the generator failed, or did not answer with one text a prompt.
    """
    answers: list[str] = []
    for first in range(0, len(prompts), BATCH):
        batch = list(prompts[first : first + BATCH])
        try:
            given = list(generator(batch))
        except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
            raise _failed("go on after", error) from None
        if len(given) != len(batch) or not all(isinstance(answer, str) for answer in given):
            raise Undecided(
                f"The generator gave {len(given)} answers to {len(batch)} prompts, or some that are no text",
                "It must return one text for each prompt.",
            )
        answers += [answer.removeprefix(prompt) for prompt, answer in zip(batch, given, strict=True)]
        if told is not None:
            told(first + len(batch))
    return answers


def as_generator(model: Any, column: str | None = None) -> Generator:
    """A generator from an MLflow pyfunc, a transformers pipeline, or any function of prompts.

    Args:
        model: Something with `predict`, which is given a DataFrame of one column, or a function that is
            given a list. Answers may be texts, DataFrames, or mappings with `generated_text` and the like.
        column: The name of that column; the first of the model's signature, else `prompt`, if None.
    """
    if hasattr(model, "predict"):
        name = column or _input_name(model) or "prompt"

        def generate(prompts: Sequence[str]) -> Sequence[str]:
            import pandas as pd

            return _texts(model.predict(pd.DataFrame({name: list(prompts)})))

        return generate
    if not callable(model):
        raise UsageError(
            f"{type(model).__name__} neither has `predict` nor is a function of prompts",
            "Give a function that takes a list of prompts and returns a list of texts.",
        )
    return lambda prompts: _texts(model(list(prompts)))


def as_scorer(model: Any) -> Scorer | None:
    """The method `score(texts)` of the Python model behind an MLflow pyfunc; None if it has none."""
    try:
        own = model.unwrap_python_model()
    except Exception:  # noqa: BLE001  # MLflow raises its own error where a flavour wraps no Python model
        return None
    score = getattr(own, "score", None)
    return score if callable(score) else None


@dataclass(frozen=True, slots=True, eq=False)
class TorchLanguage:
    """A causal network from (n, t) token numbers to (n, t, vocabulary) logits, as scorer and generator."""

    module: torch.nn.Module
    encode: Callable[[str], Sequence[int]]
    decode: Callable[[Sequence[int]], str]
    begin: int
    """The token before every text, so that its first token has a likelihood too."""
    batch: int = 256

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(n,) ln of the probability of each text after `begin`."""
        import torch

        rows = [[self.begin, *self.encode(text)] for text in texts]
        found = np.empty(len(rows))
        # Texts of a length share a batch: no padding, so a network needs not know of any.
        lengths = np.array([len(row) for row in rows])
        for length in np.unique(lengths).tolist():
            same = np.flatnonzero(lengths == length)
            for part in np.array_split(same, -(-len(same) // self.batch)):
                ids = torch.as_tensor([rows[i] for i in part], device=self._device())
                logits = torch.log_softmax(self._logits(ids)[:, :-1].double(), dim=2)
                found[part] = logits.gather(2, ids[:, 1:, None]).sum(dim=(1, 2)).cpu().numpy()
        return found

    def generate(self, prompts: Sequence[str], tokens: int) -> list[str]:
        """(n,) the most likely `tokens` tokens one after the other (greedy)."""
        import torch

        rows = [[self.begin, *self.encode(prompt)] for prompt in prompts]
        made: list[str] = [""] * len(rows)
        lengths = np.array([len(row) for row in rows])
        for length in np.unique(lengths).tolist():
            same = np.flatnonzero(lengths == length)
            for part in np.array_split(same, -(-len(same) // self.batch)):
                ids = torch.as_tensor([rows[i] for i in part], device=self._device())
                for _ in range(tokens):
                    ids = torch.cat([ids, self._logits(ids)[:, -1:].argmax(dim=2)], dim=1)
                for i, row in zip(part, ids[:, length:].tolist(), strict=True):
                    made[i] = self.decode(row)
        return made

    def _logits(self, ids: torch.Tensor) -> torch.Tensor:
        import torch

        training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                answer = self.module(ids)
        finally:
            self.module.train(training)
        logits: torch.Tensor = answer[0] if isinstance(answer, tuple) else getattr(answer, "logits", answer)
        return logits

    def _device(self) -> torch.device:
        import torch

        return next((one.device for one in self.module.parameters()), torch.device("cpu"))


def _failed(what: str, error: Exception) -> Undecided:
    return Undecided(
        f"The model failed to {what} the texts of an attack: {type(error).__name__}",
        "Ask it about such texts to see the cause.",
    )


def _input_name(model: Any) -> str | None:
    ask = getattr(getattr(model, "metadata", None), "get_input_schema", None)
    schema = ask() if ask is not None else None
    names = schema.input_names() if schema is not None else []
    return str(names[0]) if names else None


def _texts(answer: Any) -> list[str]:
    """The texts in what a pyfunc or a pipeline answers."""
    if hasattr(answer, "iloc"):
        answer = answer.iloc[:, 0] if getattr(answer, "ndim", 1) == 2 else answer
        return [_text(one) for one in answer.tolist()]
    if isinstance(answer, np.ndarray):
        return [_text(one) for one in answer.reshape(len(answer), -1)[:, 0].tolist()]
    if isinstance(answer, dict):
        return [_text(one) for one in next(iter(answer.values()))]
    return [_text(one) for one in answer]


def _text(one: Any) -> Any:
    if isinstance(one, list) and one:
        return _text(one[0])
    if isinstance(one, dict):
        known = ("generated_text", "text", "completion", "output", "content")
        return next((one[key] for key in known if key in one), None)
    return one
