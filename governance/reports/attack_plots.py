"""Plots of a membership attack, drawn from the body of its evidence and from nothing else.

Every plot is written twice, as PNG and as SVG; equal bodies give equal bytes. Each SVG says in words
what it shows, and nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from governance.reports.charts import BLUE, GREY, INK, PALE, VERMILLION, as_svg, drawing, thinned
from governance.reports.tolerant import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes", Json], tuple[str, str]]
"""Draws a body; returns the title and the description in words."""

DASHES, DOTS = (0, (4, 3)), (0, (1, 2))
CROSSINGS = ((DOTS, "o"), ((0, (5, 1)), "s"), ((0, (3, 1, 1, 1)), "^"), (DASHES, "v"))
WIDTH, ROW, LONGEST = 7.2, 0.27, 60


def write_plots(body: Json, folder: Path) -> tuple[Path, ...]:
    """Write a PNG and an SVG of everything that the body has the numbers for.

    | file | needs |
    |---|---|
    | `roc` | `roc` |
    | `scores` | `histogram`, as `privacy.binning.histogram` makes it |
    | `slices` | `slices`, each as `privacy.slices.Slice.body` |
    | `records` | `records`, as `privacy.record_risk.RecordRisk.body` |

    Args:
        body: Of `membership-inference` evidence.
        folder: Where to write; it exists.

    Returns:
        The files, PNG before SVG.
    """
    slices = _large(body)
    plots: tuple[tuple[str, float, Draw, bool], ...] = (
        ("roc", 5.0, draw_roc, bool(body.get("roc"))),
        ("scores", 4.0, draw_scores, bool(body.get("histogram"))),
        ("slices", 1.6 + ROW * (min(len(slices), LONGEST) + _groups(slices)), draw_slices, bool(slices)),
        ("records", 4.2, draw_records, bool(body.get("records"))),
    )
    return tuple(
        path
        for name, height, draw, there in plots
        if there
        for path in _written(name, height, draw, body, folder)
    )


def _written(name: str, height: float, draw: Draw, body: Json, folder: Path) -> tuple[Path, Path]:
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    with drawing(WIDTH, height) as (figure, axes):
        title, told = draw(axes, body)
        figure.savefig(png, dpi=160, facecolor="white", metadata={"Software": None, "Title": title})
        # Where everything stands is settled, and need not be found again.
        figure.set_layout_engine("none")
        inner = as_svg(figure, name, title, told)
    # Alone in a file it needs its name space, and paper to be read on in the dark.
    head, _, rest = inner.partition(">")
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    label, end, drawn = rest.partition("</desc>")
    svg.write_text(f'{head} xmlns="http://www.w3.org/2000/svg">{label}{end}{paper}{drawn}\n', "utf-8")
    return png, svg


def _headed(axes: Axes, title: str, *below: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=8 + 13 * len(below))
    axes.annotate(
        "\n".join(below), (0, 1), xycoords="axes fraction", xytext=(0, 6), textcoords="offset points",
        fontsize=9, color=GREY, va="bottom", linespacing=1.35,
    )  # fmt: skip


def _measured(body: Json) -> str:
    shadows = f"{body['shadows']} shadow models" if body.get("shadows") else "no shadow models"
    sides = f"{body['n_members']:,} members, {body['n_non_members']:,} non-members"
    return f"{body['attack']}, {shadows}, {sides}, {body['confidence']:.0%} intervals"


def draw_roc(axes: Axes, body: Json) -> tuple[str, str]:
    """The ROC on two logarithmic axes with its band, and the rates that a policy asks for."""
    curve, auc, n = body["roc"], body["auc"], body["n_non_members"]
    # Below one non-member in n there is nothing to see.
    floor = 1 / n
    axes.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1.15))
    axes.set(
        xlabel=f"False-positive rate: non-members taken for members (finest: 1 in {n:,})",
        ylabel="True-positive rate: members found",
    )
    axes.grid(color=PALE, linewidth=0.6)
    axes.plot([floor, 1], [floor, 1], color=GREY, linewidth=1, linestyle=DASHES, label="no leak (chance)")
    kept = [i for i in thinned(curve["fpr"], floor) if curve["tpr"][i] > 0]
    fpr = [max(curve["fpr"][i], floor) for i in kept]
    low, high = ([max(curve[end][i], floor / 10) for i in kept] for end in ("low", "high"))
    band = f"{body['confidence']:.0%} interval"
    axes.fill_between(fpr, low, high, step="post", color=BLUE, alpha=0.18, linewidth=0, label=band)
    tpr = [curve["tpr"][i] for i in kept]
    axes.plot(fpr, tpr, drawstyle="steps-post", color=BLUE, linewidth=2, label="measured")
    told = [_rate(axes, rate, floor) for rate in body.get("tpr_at_fpr", ())]
    axes.legend(loc="lower right", fontsize=9)
    _headed(axes, f"Membership inference: {body['verdict']}", f"AUC {_interval(auc)}", _measured(body))
    return "ROC of the membership-inference attack", " ".join(
        [f"Verdict: {body['verdict']}. AUC {_interval(auc)}.", *told, f"{_measured(body)}."]
    )


def _rate(axes: Axes, rate: Json, floor: float) -> str:
    """One rate with its interval; hollow where there were too few non-members for it."""
    point, low = max(rate["tpr"], floor / 10), max(rate["low"], floor / 10)
    axes.errorbar(
        [rate["fpr"]], [point], yerr=[[point - low], [max(rate["high"] - point, 0.0)]],
        color=VERMILLION, marker="D", markersize=5.5, capsize=3, linewidth=1.4, zorder=5,
        markerfacecolor=VERMILLION if rate["resolved"] else "white",
    )  # fmt: skip
    few = "" if rate["resolved"] else ", with too few non-members to say so of all"
    return f"At {rate['fpr']:.3g} FPR, TPR {_interval({**rate, 'point': rate['tpr']})}{few}."


def draw_scores(axes: Axes, body: Json) -> tuple[str, str]:
    """How the attack's scores lie on both sides, per unit of score because bins may be merged."""
    edges, sides = body["histogram"]["edges"], body["histogram"]
    widths = [after - before for before, after in pairwise(edges)]
    for side, colour, hatch, line, label in (
        ("non_members", VERMILLION, "....", DASHES, "non-members"),
        ("members", BLUE, "////", "-", "members"),
    ):
        all_of_them = max(sum(sides[side]), 1)
        share = [count / all_of_them / width for count, width in zip(sides[side], widths, strict=True)]
        axes.stairs(
            share, edges, fill=True, facecolor=colour, edgecolor=colour, alpha=0.16, hatch=hatch, linewidth=0
        )
        axes.stairs(share, edges, color=colour, linewidth=1.8, linestyle=line, label=label)
    axes.set(xlabel="Score of the attack (larger: more like a member)", ylabel="Share of the side, per unit")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="best", fontsize=9)
    _headed(axes, "Scores of members and non-members", _measured(body))
    inside, outside = _median(edges, sides["members"]), _median(edges, sides["non_members"])
    told = f"The median member scores about {inside:.3g}, the median non-member about {outside:.3g}."
    return "Scores of members and non-members", f"{told} {_measured(body)}."


def draw_slices(axes: Axes, body: Json) -> tuple[str, str]:
    """A forest plot: the AUC of each slice with its interval, all records on top."""
    rows = [{"slicing": "", "value": "all records", **body}, *_large(body)[:LONGEST]]
    y, labels, told, last = 0.0, [], [], ""
    for row in rows:
        if row["slicing"] != last:
            last, y = row["slicing"], y - 0.35
            axes.text(0.0, y, f"{_plain(last)} ", transform=axes.get_yaxis_transform(), fontsize=9,
                      fontweight="bold", ha="right", va="center", color=INK)  # fmt: skip
            y -= 1
        labels.append((y, _plain(str(row["value"]))))
        told.append(_slice(axes, row, y))
        y -= 1
    axes.axvline(0.5, color=GREY, linewidth=1, linestyle=DASHES)
    axes.axvline(body["auc"]["point"], color=BLUE, linewidth=0.8, linestyle=DOTS)
    axes.set_yticks([place for place, _ in labels], [label for _, label in labels], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(y + 0.4, 0.7)
    low = min(row["auc"]["low"] for row in rows)
    axes.set_xlim(max(-0.005, min(0.45, low - 0.02)), 1.005)
    axes.annotate(
        "members /\nnon-members", (1.01, 0), xycoords="axes fraction", xytext=(8, -6),
        textcoords="offset points", fontsize=8, color=GREY, va="top",
    )  # fmt: skip
    axes.set_xlabel("AUC (0.5: nothing told; filled: leak shown)")
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    notes = [_measured(body)]
    if beyond := max(len(_large(body)) - LONGEST, 0):
        notes.append(f"{beyond} more in the evidence")
    if small := len(body["slices"]) - len(_large(body)):
        notes.append(f"{small} too small to say")
    _headed(axes, "Leakage by slice", *notes[:1], *([" · ".join(notes[1:])] if notes[1:] else []))
    return "AUC of the attack by slice", " ".join([*told, *(f"{note}." for note in notes)])


def _slice(axes: Axes, row: Json, y: float) -> str:
    auc, overall, shown = row["auc"], not row["slicing"], row["verdict"] == "leak shown"
    colour = BLUE if overall else VERMILLION if shown else GREY
    axes.errorbar(
        [auc["point"]], [y], xerr=[[auc["point"] - auc["low"]], [auc["high"] - auc["point"]]],
        color=colour, marker="D" if overall else "o", markersize=6, capsize=2.5, linewidth=1.5,
        markerfacecolor=colour if shown else "white",
    )  # fmt: skip
    counts = f"{row['n_members']:,} / {row['n_non_members']:,}"
    axes.text(1.01, y, counts, transform=axes.get_yaxis_transform(), fontsize=8, color=GREY, va="center")
    name = f"{row['slicing']} {row['value']}".strip()
    sides = f"{row['n_members']:,} members, {row['n_non_members']:,} non-members"
    return f"{name}: AUC {_interval(auc)}, {row['verdict']}, {sides}."


def _large(body: Json) -> list[Json]:
    return [row for row in body.get("slices") or [] if not row["too_small"]]


def _plain(name: str) -> str:
    """A name as it is: matplotlib would set what stands between dollars as a formula."""
    return name.replace("$", r"\$")


def draw_records(axes: Axes, body: Json) -> tuple[str, str]:
    """How many members stand out, by how sure one must be of each.

    This is Benjamini and Hochberg's procedure: at rate q the curve's last crossing of n·p/q counts.
    """
    n, risk = body["n_members"], body["records"]
    counts = [share * n for share in risk["curve"]["share"]]
    ends = [risk["smallest_p_value"], 1.0]
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=(min(0.8, n * ends[0]), n * 1.6))
    axes.set(
        xlabel="p-value: share of non-members that score as high or higher",
        ylabel="Members with that or less",
    )
    axes.grid(color=PALE, linewidth=0.6)
    axes.plot(
        ends,
        [n * p for p in ends],
        color=GREY,
        linestyle=DASHES,
        linewidth=1,
        label="expected without a leak",
    )
    axes.plot(
        [*risk["curve"]["p"], 1.0],
        [*counts, n],
        drawstyle="steps-post",
        color=BLUE,
        linewidth=2,
        label="members",
    )
    for one, (line, marker) in zip(risk["identifiable"], CROSSINGS, strict=False):
        slope, found = n / one["q"], one["records"]
        places = [ends[0], found / slope, 1.0]
        axes.plot(
            places, [slope * p if p > 0 else math.nan for p in places], color=VERMILLION, linewidth=1,
            linestyle=line, marker=marker, markevery=[1], markersize=6, markerfacecolor="white", zorder=4,
            label=f"{found:,} identifiable at a false-discovery rate of {one['q']:.3g}",
        )  # fmt: skip
    axes.legend(loc="lower right", fontsize=8.5)
    title = "Members that can be told from non-members one by one"
    _headed(axes, title, _measured(body))
    told = [
        f"{one['records']:,} of {n:,} at a false-discovery rate of {one['q']:.3g}."
        for one in risk["identifiable"]
    ]
    return title, " ".join([*told, f"{_measured(body)}."])


def _groups(slices: list[Json]) -> float:
    return 1.35 * len({row["slicing"] for row in slices}) + 1


def _median(edges: list[float], counts: list[int]) -> float:
    """The middle of the bin in which the median lies."""
    half, seen = sum(counts) / 2, 0
    for (before, after), count in zip(pairwise(edges), counts, strict=True):
        seen += count
        if seen >= half:
            return (before + after) / 2
    return math.nan


def _interval(measured: Mapping[str, float]) -> str:
    return f"{measured['point']:.3g} ({measured['low']:.3g} to {measured['high']:.3g})"
