from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from governance.errors import Undecided, UsageError
from governance.privacy.reading.networks import module_of
from governance.privacy.reading.reader import read
from governance.privacy.reading.readings import Told

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4)).astype(np.float32)
THREE, TWO, VALUE = RANDOM.integers(0, 3, 60), RANDOM.integers(0, 2, 60), RANDOM.normal(size=60)
ROWS = np.arange(60)


def layers(outputs: int, *more: nn.Module) -> nn.Module:
    """A small network with a drop-out, in training mode, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, outputs), *more)


def outputs(module: nn.Module, X: Any = X) -> Any:
    """What it says in evaluation mode."""
    return module.eval()(torch.as_tensor(X)).detach().double()


def test_logits_become_an_exact_log_softmax() -> None:
    """The signal is PyTorch's own log-softmax in double precision."""
    module = layers(3)

    actual = read(module, X, THREE)

    assert Told.LOGITS is actual.told
    expected = outputs(module).log_softmax(1).numpy()[ROWS, THREE]
    np.testing.assert_allclose(expected, actual.signal, rtol=1e-6)
    np.testing.assert_array_equal(outputs(module).argmax(1).numpy() == THREE, actual.correct)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_last_layer_changes_nothing(last: nn.Module) -> None:
    """Probabilities and log-probabilities tell the same as the logits behind them."""
    np.testing.assert_allclose(
        read(layers(3), X, THREE).signal, read(layers(3, last), X, THREE).signal, rtol=1e-5
    )


def test_one_output_of_two_classes() -> None:
    """One output is the log-odds of class 1, or its probability behind a sigmoid."""
    logits = read(layers(1), X, TWO)

    z = outputs(layers(1)).numpy()[:, 0]
    np.testing.assert_allclose(-np.log1p(np.exp(np.where(TWO == 1, -z, z))), logits.signal, rtol=1e-6)
    behind = read(layers(1, nn.Sigmoid()), X, TWO)
    assert (Told.LOGITS, Told.PROBABILITIES) == (logits.told, behind.told)
    np.testing.assert_allclose(logits.signal, behind.signal, rtol=1e-5)
    np.testing.assert_array_equal(logits.correct, behind.correct)


def test_one_output_of_values() -> None:
    """One output for true answers that are not 0 and 1, or if so told, is a predicted value."""
    assert Told.PREDICTIONS is read(layers(1), X, VALUE).told
    assert Told.PREDICTIONS is read(layers(1), X, TWO, task="regressor").told


def test_training_goes_on_as_before() -> None:
    """Afterwards every part trains again that did, no part that did not, and no gradient was taken."""
    module = layers(3)
    module[2].eval()
    before = [part.training for part in module.modules()]

    first, second = read(module, X, THREE), read(module, X, THREE)

    assert before == [part.training for part in module.modules()]
    np.testing.assert_array_equal(first.signal, second.signal)
    assert all(p.grad is None for p in module.parameters())


def test_batches_change_nothing() -> None:
    """More records than one forward pass takes are answered as they are one by one."""
    many = RANDOM.normal(size=(2500, 4)).astype(np.float32)
    told: list[int] = []
    module = layers(3)
    module.register_forward_pre_hook(lambda _, inputs: told.append(len(inputs[0])))

    signal = read(module, many, np.zeros(2500, dtype=int)).signal

    assert [1024, 1024, 452] == told
    np.testing.assert_allclose(outputs(layers(3), many).log_softmax(1)[:, 0].numpy(), signal, rtol=1e-5)


def test_records_come_in_many_types() -> None:
    """A table, doubles, whole numbers and a tensor are made what the module's parameters are."""
    whole = np.round(X)
    expected = read(layers(3), whole, THREE).signal
    for given in (pd.DataFrame(whole), whole.astype(np.float64), whole.astype(np.int64), torch.tensor(whole)):
        np.testing.assert_array_equal(expected, read(layers(3), given, THREE).signal)
    np.testing.assert_allclose(expected, read(layers(3).double(), whole, THREE).signal, rtol=1e-4)


def test_words_stay_whole_numbers() -> None:
    """A module with an embedding gets its indices as they are."""
    module = nn.Sequential(nn.EmbeddingBag(10, 4), nn.Linear(4, 3))

    assert 60 == len(read(module, RANDOM.integers(0, 10, (60, 6)), THREE).likelihood())


class Several(nn.Module):
    """Returns several things, like the models of the transformers library."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.inner, self.named = layers(3), named

    def forward(self, x: torch.Tensor) -> Any:
        logits = self.inner(x)
        return type("Output", (), {"logits": logits}) if self.named else (logits, x)


@pytest.mark.parametrize("named", [True, False])
def test_the_logits_are_found_among_several_outputs(named: bool) -> None:
    """The output called `logits` counts, or else the first."""
    np.testing.assert_array_equal(read(layers(3), X, THREE).signal, read(Several(named), X, THREE).signal)


@pytest.mark.slow
def test_an_exported_graph_is_a_module() -> None:
    """What `torch.export` made refuses `eval()`, and is read all the same."""
    exported = torch.export.export(
        layers(3).eval(), (torch.zeros(2, 4),), dynamic_shapes=({0: torch.export.Dim("n")},)
    ).module()

    np.testing.assert_allclose(read(layers(3), X, THREE).signal, read(exported, X, THREE).signal, rtol=1e-6)


def test_an_adapter_around_a_module_is_the_module() -> None:
    """What keeps a module as `module` is asked through it; what keeps something else is not one."""
    adapter = type("Adapter", (), {"module": layers(1)})()

    assert adapter.module is module_of(adapter)
    assert None is module_of(type("Other", (), {"module": "math"})())


@pytest.mark.parametrize(
    ("module", "labels", "message"),
    [
        pytest.param(layers(3), VALUE, "the labels are no classes", id="values"),
        pytest.param(nn.Unflatten(1, (2, 2)), THREE, "one row of numbers", id="images"),
        pytest.param(layers(3), np.array(["a", "b"] * 30), "knows none of the true labels", id="text"),
    ],
)
def test_what_does_not_fit_is_refused(module: nn.Module, labels: Any, message: str) -> None:
    """Outputs that are no classes, or labels that are no columns."""
    with pytest.raises(UsageError, match=message):
        read(module, X, labels)


def test_a_module_that_fails_or_diverged_is_undecided() -> None:
    """Other records than it takes, or weights that are no numbers, give no answer."""
    with pytest.raises(Undecided, match="RuntimeError"):
        read(layers(3), X[:, :2], THREE)
    diverged = layers(3)
    torch.nn.init.constant_(diverged[3].bias, float("nan"))
    with pytest.raises(Undecided, match="not a finite number"):
        read(diverged, X, THREE)
    assert diverged.training
