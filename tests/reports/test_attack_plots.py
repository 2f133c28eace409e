from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from governance.privacy.binning import histogram
from governance.privacy.record_risk import record_risk
from governance.privacy.scoring import Interval, auc, curve, tpr_at_fpr
from governance.privacy.slices import Slice
from governance.privacy.verdict import Leakage
from governance.reports.attack_plots import write_plots

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("roc", "scores", "slices", "records")


def interval(found: Any) -> dict[str, float]:
    """As a body holds it."""
    return {"point": found.point, "low": found.low, "high": found.high}


SMALL = Slice("sex", "other", None, None, None, (), None, Leakage.UNDECIDED)
PLOTS = ("roc", "histogram", "slices", "records")


def group(value: str, at: float, leakage: Leakage = Leakage.SHOWN) -> dict[str, Any]:
    """A slice as the evidence holds it."""
    return Slice("sex", value, 150, 200, Interval(at, at - 0.1, at + 0.1), (), 0.01, leakage).body()


def only(body: dict[str, Any], **plots: Any) -> dict[str, Any]:
    """A body with these plots and no others."""
    return {key: value for key, value in body.items() if key not in PLOTS} | plots


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    """A body with everything that can be drawn."""
    random = np.random.default_rng(0)
    inside, outside = random.normal(1, 1, 300), random.normal(0, 1, 400)
    rates = [tpr_at_fpr(inside, outside, fpr) for fpr in (0.001, 0.1)]
    points = curve(inside, outside)
    found: dict[str, Any] = {
        "attack": "log-ratio-online",
        "shadows": 16,
        "n_members": 300,
        "n_non_members": 400,
        "confidence": 0.95,
        "verdict": "leak shown",
        "auc": interval(auc(inside, outside)),
        "roc": {part: list(getattr(points, part)) for part in ("fpr", "tpr", "low", "high")},
        "tpr_at_fpr": [
            {"fpr": r.fpr, "tpr": r.tpr.point, "low": r.tpr.low, "high": r.tpr.high, "resolved": r.resolved}
            for r in rates
        ],
        "histogram": histogram(inside, outside),
        "slices": [group("female", 0.82), group("male", 0.55, Leakage.UNDECIDED), SMALL.body()],
        "records": record_risk(inside, outside, (0.01, 0.1)).body(),
    }  # fmt: skip
    return json.loads(json.dumps(found))


@pytest.fixture(scope="module")
def drawn(body: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Everything that can be drawn."""
    return write_plots(body, tmp_path_factory.mktemp("plots"))


def told(path: Path) -> str:
    """The description of an SVG in words."""
    found = ET.parse(path).getroot().find(f"{SVG}desc")  # noqa: S314  this test made the file
    assert found is not None
    return str(found.text)


@pytest.mark.slow
def test_every_plot_is_drawn_from_the_body(drawn: tuple[Path, ...]) -> None:
    """Four plots, each as PNG and SVG, not blank; the SVG is well-formed, named, and loads nothing."""
    assert [f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")] == [path.name for path in drawn]
    for png, svg in zip(drawn[::2], drawn[1::2], strict=True):
        with Image.open(png) as image:
            assert 1152 == image.width
            assert len(set(image.convert("L").resize((200, 200)).tobytes())) > 20
        root = ET.parse(svg).getroot()  # noqa: S314  this test made the file
        assert (f"{SVG}svg", "img") == (root.tag, root.get("role"))
        assert {f"{png.stem}-title", f"{png.stem}-desc"} == set(str(root.get("aria-labelledby")).split())
        assert "http" not in svg.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")


@pytest.mark.slow
def test_equal_bodies_give_equal_bytes(body: dict[str, Any], drawn: tuple[Path, ...], tmp_path: Path) -> None:
    """What was drawn once can be drawn again from the evidence, to the byte, and changes nothing in it."""
    again = copy.deepcopy(body)

    actual = write_plots(again, tmp_path)

    assert [path.read_bytes() for path in drawn] == [path.read_bytes() for path in actual]
    assert body == again


@pytest.mark.slow
def test_the_description_tells_the_numbers(body: dict[str, Any], drawn: tuple[Path, ...]) -> None:
    """Who cannot see the plot reads its numbers."""
    roc, scores, slices, records = (told(path) for path in drawn[1::2])

    point, rate = f"{body['auc']['point']:.3g}", f"{body['tpr_at_fpr'][1]['tpr']:.3g}"
    assert roc.startswith(f"Verdict: leak shown. AUC {point} (")
    assert f"At 0.1 FPR, TPR {rate} (" in roc
    assert "At 0.001 FPR" in roc
    assert 1 == roc.count("too few non-members")
    assert scores.startswith("The median member scores about 0.9, the median non-member about -0.1.")
    assert "sex female: AUC 0.82 (0.72 to 0.92), leak shown, 150 members, 200 non-members." in slices
    assert slices.endswith("1 too small to say.")
    first, second = (one["records"] for one in body["records"]["identifiable"])
    rates = f"{first} of 300 at a false-discovery rate of 0.01. {second} of 300"
    assert records.startswith(rates)


def test_only_what_is_there_is_drawn(body: dict[str, Any], tmp_path: Path) -> None:
    """A body without histogram, slices or records, as older evidence is, has its ROC and nothing else."""
    assert ["roc.png", "roc.svg"] == [
        path.name for path in write_plots(only(body, roc=body["roc"]), tmp_path)
    ]
    assert () == write_plots(only(body, slices=[SMALL.body()]), tmp_path)


@pytest.mark.parametrize(
    "plot",
    [
        pytest.param({"roc": {"fpr": [0, 1], "tpr": [0, 1], "low": [0, 1], "high": [0.1, 1]}}, id="constant"),
        pytest.param(
            {"roc": {"fpr": [0, 0, 1], "tpr": [0, 1, 1], "low": [0, 1, 1], "high": [0, 1, 1]}}, id="perfect"
        ),
        pytest.param({"histogram": {"edges": [0, 1], "members": [300], "non_members": [400]}}, id="one-bin"),
        pytest.param({"histogram": {"edges": [0, 1], "members": [0], "non_members": [0]}}, id="empty-bin"),
        pytest.param({"records": record_risk(np.zeros(300), np.zeros(400)).body()}, id="nobody-stands-out"),
        pytest.param({"records": record_risk(np.ones(300), np.zeros(400)).body()}, id="everybody-stands-out"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_edges(body: dict[str, Any], tmp_path: Path, plot: dict[str, Any]) -> None:
    """The ends of what can be measured are drawn without a warning."""
    paths = write_plots(only(body, **plot), tmp_path)

    assert 2 == len(paths)
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.mark.slow
def test_many_slices_end_somewhere(body: dict[str, Any], tmp_path: Path) -> None:
    """Of a thousand groups the first are drawn, and the rest is said to be in the evidence."""
    many = [group(f"ward {n}", 0.7) for n in range(1000)]

    write_plots(only(body, slices=many), tmp_path)

    drawn = (tmp_path / "slices.svg").read_text("utf-8")
    assert "940 more in the evidence" in drawn
    assert ">ward 59<" in drawn
    assert ">ward 60<" not in drawn


def test_names_are_escaped(body: dict[str, Any], tmp_path: Path) -> None:
    """A group may be called anything, and the picture stays a picture."""
    name = "<script>alert(1)</script> & $x_1$"

    write_plots(only(body, slices=[group(name, 0.7)]), tmp_path)

    assert name in told(tmp_path / "slices.svg")
    assert "<script" not in (tmp_path / "slices.svg").read_text("utf-8")
    assert "$x_1$" in (tmp_path / "slices.svg").read_text("utf-8").partition("</desc>")[2]
