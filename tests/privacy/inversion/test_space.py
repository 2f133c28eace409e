from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from governance.errors import UsageError
from governance.privacy.inversion.space import learn_space


def mixed() -> pd.DataFrame:
    """Every kind of column, with something missing, and one that never varies."""
    return pd.DataFrame(
        {
            "age": [30, 40, 50, 60],
            "weight": [60.5, np.nan, 70.0, 82.25],
            "sex": pd.Categorical(["f", "m", "f", "f"]),
            "town": ["Bonn", None, "Ulm", "Bonn"],
            "smokes": [True, False, False, True],
            "one": [1.0, 1.0, 1.0, 1.0],
        }
    )


def test_records_survive_the_way_to_numbers_and_back() -> None:
    """Types, names, levels and values return; what was missing returns as something that occurs."""
    frame = mixed()
    expected = frame.assign(
        weight=[60.5, (60.5 + 70 + 82.25) / 3, 70, 82.25], town=["Bonn", "Bonn", "Ulm", "Bonn"]
    )
    space = learn_space(frame)

    pd.testing.assert_frame_equal(expected, space.records(space.table(frame)))


@pytest.mark.parametrize("kind", [np.uint8, np.float32, object])
def test_arrays_keep_their_shape_and_type(kind: type) -> None:
    """An image is an image again, and text in an array of objects is text again."""
    images = np.arange(24).reshape(6, 2, 2).astype(kind)
    if kind is object:
        images[:, 0, 0] = ["a", "b", "a", "b", "a", "c"]
    space = learn_space(images)
    back = space.records(space.table(images))

    assert (images.shape, images.dtype) == (back.shape, back.dtype)
    assert (images == back).all()


def test_whole_numbers_stay_whole() -> None:
    """A search may stop between two ages; no record has such an age."""
    space = learn_space(mixed())
    row = space.table(mixed())[:1]
    row[0, 0] = 33.4

    assert 33 == space.records(row)["age"].iloc[0]


def test_every_column_weighs_the_same() -> None:
    """Two public records drawn with replacement are 2 apart, squared, in each column that varies."""
    frame = mixed().dropna()
    frame = pd.concat([frame, frame.assign(age=frame["age"] + 3, sex="m", town="Ulm", smokes=False)])
    space = learn_space(frame)
    table = space.table(frame)
    for column in range(frame.shape[1]):
        alone = np.zeros_like(table)
        alone[:, column] = table[:, column]
        points = space.points(alone)
        squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)

        assert pytest.approx(0.0 if frame.columns[column] == "one" else 2.0) == squares.mean()


def test_an_unknown_level_is_far_from_all() -> None:
    """A town that public records lack is no town of theirs."""
    space = learn_space(mixed())
    table = space.table(mixed().assign(town="Jena"))

    assert [-1.0] * 4 == table[:, 3].tolist()


def test_what_cannot_be_a_space_is_refused() -> None:
    """One record has no spread, a list no columns, and other columns are other records."""
    for public in (mixed()[:1], np.arange(5)):
        with pytest.raises(UsageError, match="two or more public records"):
            learn_space(public)
    with pytest.raises(UsageError, match="differ in their columns"):
        learn_space(mixed()).table(mixed().rename(columns={"age": "years"}))
