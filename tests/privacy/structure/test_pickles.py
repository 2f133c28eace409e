from __future__ import annotations

import bz2
import collections
import gzip
import io
import pickle
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier

from governance.errors import Undecided
from governance.privacy.structure.objects import Walk
from governance.privacy.structure.pickles import Symbol, read_pickle

PLAIN = {
    "a": [1, -2, 2**70, 2.5, None, True, False],
    "b": (b"bytes", "text", (), (1,), (1, 2, 3, 4)),
    "c": {1, 2},
    "d": {(1, 2): {"deep": [[]]}},
    "e": bytearray(b"x" * 300),
}


def read(data: bytes) -> Any:
    """What a pickle of these bytes holds."""
    return read_pickle(io.BytesIO(data))


@pytest.mark.parametrize("protocol", [4, 5])
def test_plain_values_come_out_as_they_went_in(protocol: int) -> None:
    """Containers, numbers and text; a bytearray of protocol 4 is a call, so it is left out there."""
    values = {key: value for key, value in PLAIN.items() if key != "e" or protocol > 4}

    assert values == read(pickle.dumps(values, protocol))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.array(["ab", "c"]),
        np.array([(1, 2.5)], dtype=[("a", "i8"), ("b", "f8")]),
        np.arange(3, dtype=">f4"),
    ],
)
def test_arrays_are_recovered(array: Any, protocol: int) -> None:
    """Numbers, text and records of numbers, in either order, in every protocol."""
    found = [part.value for part in Walk(read(pickle.dumps({"x": array}, protocol)), None)]

    (same,) = [one for one in found if isinstance(one, np.ndarray)]
    assert array.dtype == same.dtype
    np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3)])
def test_joblib_s_arrays_stand_between_the_opcodes(compress: Any) -> None:
    """An estimator's arrays and an ensemble's list of objects, aligned and compressed or not."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.arange(40) % 2
    stream = io.BytesIO()
    models = [KNeighborsClassifier().fit(X, y), GradientBoostingClassifier(n_estimators=2).fit(X, y)]
    joblib.dump(models, stream, compress=compress)
    data = stream.getvalue()
    if compress == 3:
        import zlib

        data = zlib.decompress(data)
    elif compress:
        data = {"gzip": gzip, "bz2": bz2}[compress[0]].decompress(data)

    arrays = [part.value for part in Walk(read(data), None) if isinstance(part.value, np.ndarray)]

    assert any(one.shape == X.shape and (one == X).all() for one in arrays)
    assert any("n_node_samples" in (one.dtype.names or ()) for one in arrays)


class Bomb:
    """Would run a command if it were unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise AssertionError('it was run')",)


def test_nothing_is_run() -> None:
    """What a pickle calls is named, and not called."""
    for data in (pickle.dumps(Bomb()), cloudpickle.dumps(Bomb())):
        found = read(data)
        assert isinstance(found, Symbol)
        assert found.name.endswith(".exec")


def test_symbols_keep_classes_arguments_and_state() -> None:
    """An object's class by its name, what it was made from, what it was filled with."""
    found = read(pickle.dumps(collections.OrderedDict(a=1), 2))
    assert ("collections.OrderedDict", [("a", 1)]) == (found.name, found.items)

    model = read(pickle.dumps(KNeighborsClassifier(n_neighbors=3)))
    assert "sklearn.neighbors._classification.KNeighborsClassifier" == model.name
    assert 3 == model.state["n_neighbors"]


def test_frames_are_symbols_with_their_blocks() -> None:
    """A data frame's numbers are reached although pandas is not asked."""
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": [3.5, 4.5], "c": ["x", "y"]})

    parts = [part.value for part in Walk(read(pickle.dumps(frame)), None)]

    assert any(isinstance(one, Symbol) and one.name.endswith(".DataFrame") for one in parts)
    assert any(isinstance(one, np.ndarray) and one.tolist() == [[1.5, 2.5], [3.5, 4.5]] for one in parts)


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04", b"\x80\x04.", b"\x80\x04\x94.", b"not a pickle", pickle.dumps([1])[:-1]]
)
def test_what_is_no_whole_pickle_is_not_guessed(data: bytes) -> None:
    """Nothing, a beginning alone, an empty stack and text."""
    with pytest.raises(Undecided):
        read(data)


def test_an_object_that_holds_itself() -> None:
    """A cycle is walked once."""
    loop: list[Any] = [np.ones(2)]
    loop.append(loop)

    walk = Walk(read(pickle.dumps(loop)), None)

    assert 2 == len(list(walk))
    assert walk.complete
