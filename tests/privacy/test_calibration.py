from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.calibration import STUDIES, Row, measure, mistakes, read, table
from benchmarks.null_worlds import FALSE_DISCOVERIES, SCORE_STUDIES, Study
from benchmarks.untrained_worlds import MODEL_STUDIES


def every_row() -> list[Row]:
    """A page without a mistake: nothing was ever false."""
    return [Row(s.world, name, 0.0, 200, nominal) for s in STUDIES for name, nominal in s.nominal.items()]


def test_the_page_is_the_script_s() -> None:
    """The table stands there, of these studies, with 200 worlds each and nothing false too often."""
    assert [] == mistakes(calibration.PAGE.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("study", SCORE_STUDIES, ids=lambda study: study.world)
def test_few_worlds_of_scores(study: Study) -> None:
    """The short version: ten worlds of each kind, none of them surprising."""
    assert [] == [row.line() for row in measure(study, 10, 1) if not row.passed]


@pytest.mark.slow
@pytest.mark.parametrize("study", MODEL_STUDIES, ids=lambda study: study.world)
def test_few_worlds_of_models(study: Study) -> None:
    """The same with real targets that were trained on neither side."""
    assert [] == [row.line() for row in measure(study, 2, 1) if not row.passed]


def test_a_broken_statement_is_found() -> None:
    """An alarm in every fourth world, at a nominal 2.5 %, does not pass for 40 worlds."""

    def alarming(random: np.random.Generator) -> dict[str, float]:
        return {"alarm": random.random() < 0.25}

    (row,) = measure(Study("broken", {"alarm": 0.025}, alarming), 40, 3)

    assert 4 <= row.false <= 18
    assert not row.passed


@pytest.mark.parametrize(
    ("false", "nominal", "expected"),
    [
        (0, 0.025, True),
        (5, 0.025, True),
        (12, 0.025, True),
        (14, 0.025, False),
        (19.5, 0.1, True),
        (40.5, 0.1, False),
    ],
)
def test_what_passes(false: float, nominal: float, expected: bool) -> None:
    """Within the error of 200 worlds at one in a thousand, for counts and for shares."""
    assert expected is Row("any", FALSE_DISCOVERIES, false, 200, nominal).passed


def test_worlds_follow_from_the_seed() -> None:
    """Equal seeds, equal counts, whatever the number of jobs."""
    study = SCORE_STUDIES[-1]

    assert measure(study, 20, 5) == measure(study, 20, 5)
    assert measure(study, 20, 5) != measure(study, 20, 6)


def test_what_is_written_can_be_read() -> None:
    """The table and its rows are one."""
    assert every_row() == read(table(every_row()))
    assert [] == mistakes(table(every_row()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[1:],
        lambda rows: [replace(rows[0], statement="another"), *rows[1:]],
        lambda rows: [replace(rows[0], worlds=199), *rows[1:]],
        lambda rows: [replace(rows[0], false=40.0), *rows[1:]],
        lambda rows: [replace(rows[0], nominal=0.5), *rows[1:]],
        lambda _: [],
    ],
    ids=["one missing", "one made up", "too few worlds", "false too often", "another promise", "none"],
)
def test_a_page_that_is_not_the_script_s(spoil: Callable[[list[Row]], list[Row]]) -> None:
    """Each way to be wrong is a mistake."""
    assert [] != mistakes(table(spoil(every_row())))
