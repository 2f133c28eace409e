"""Measured curves as SVG: the ROC of a membership test, and the burn-down of a privacy budget.

Every chart can be inlined: its ids bear a prefix, it loads nothing, and it says in words what it
shows. Colours are Okabe and Ito's, told apart by dashes and markers as well, so grey print will do.
"""

from __future__ import annotations

import io
import math
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING

from governance.reports.tolerant import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GREY, PALE = "#1b2430", "#5c6670", "#d5dae0"
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "governance",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": INK,
    "legend.frameon": False,
}

# Matplotlib's settings belong to the whole process: two charts at once would mix theirs.
_SETTINGS = threading.Lock()


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of so many inches with one pair of axes, in the style that all charts share."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with _SETTINGS, matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def as_svg(figure: Figure, prefix: str, title: str, description: str) -> str:
    """A figure as an element of a page; equal figures give equal text."""
    written = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return inlined(written.getvalue(), prefix, title, description)


def inlined(svg: str, prefix: str, title: str, description: str) -> str:
    """An SVG document as an element of a page: no prolog, no sizes, prefixed ids, a title, system fonts."""
    body = svg[svg.index("<svg") :]
    head, body = body[: body.index(">") + 1], body[body.index(">") + 1 :]
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = body.replace("url(#", f"url(#{prefix}-")
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', body)
    body = re.sub(r"'DejaVu Sans'[^;\"]*", FONTS, body)
    opened = f'<svg {box[0] if box else ""} role="img" aria-labelledby="{prefix}-title {prefix}-desc">'
    named = f'<title id="{prefix}-title">{escape(title)}</title>'
    named += f'<desc id="{prefix}-desc">{escape(description)}</desc>'
    return "\n".join(line.rstrip() for line in f"{opened}{named}{body}".strip().splitlines())


def roc(measurement: Json, bounds: Sequence[Json], statement: Json | None, prefix: str) -> str:
    """The ROC on two logarithmic axes, with everything that limits how it may be read.

    Args:
        measurement: One membership measurement with a `roc`, as a report holds it.
        bounds: The policy's (fpr, tpr) bounds.
        statement: The DP statement whose ceiling holds for these bytes; None without one.
        prefix: Goes before every id.
    """
    curve, shortest = measurement["roc"], measurement["resolved_from"]
    marked = [p["fpr"] for p in [*bounds, *measurement["tpr_at_fpr"]] if p["fpr"]]
    low = min([1e-3, *marked, *([shortest] if shortest else [])])
    floor = 10.0 ** math.floor(math.log10(low) + 1e-9)
    with drawing(6.6, 4.7) as (figure, axes):
        axes.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1.12))
        axes.set(xlabel="False-positive rate", ylabel="True-positive rate")
        axes.grid(color=PALE, linewidth=0.6)
        if shortest and shortest > floor:
            axes.axvspan(floor, min(shortest, 1), color="#e9ecef", linewidth=0, zorder=0)
            axes.axvline(shortest, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate(
                f"shaded: below {shortest:.2g}, too few records to resolve",
                (floor, 1.12), xytext=(0, 4), textcoords="offset points", fontsize=9, color=GREY,
            )  # fmt: skip
        rates = [10 ** (math.log10(floor) * (1 - n / 200)) for n in range(201)]
        axes.plot(rates, rates, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="chance")
        if statement is not None:
            _plot_ceiling(axes, statement, rates)
        _plot_curve(axes, curve, floor)
        if bounds:
            axes.plot(
                [b["fpr"] for b in bounds],
                [b["tpr"] for b in bounds],
                linestyle="none", marker="v", markersize=9, color=VERMILLION, markeredgecolor="white",
                label="policy bound", zorder=5,
            )  # fmt: skip
        axes.legend(loc="lower right", fontsize=9)
        return as_svg(
            figure, prefix, "ROC of the membership-inference test", _told(measurement, bounds, statement)
        )


def _plot_ceiling(axes: Axes, statement: Json, rates: Sequence[float]) -> None:
    from governance.privacy.scoring import tpr_ceiling

    epsilon, delta = statement["guarantee"]["epsilon"], statement["guarantee"]["delta"]
    if not isinstance(epsilon, int | float):
        return
    label = "DP ceiling, covered data only" if statement["uncovered"] else "DP ceiling"
    ceiling = [tpr_ceiling(epsilon, delta, rate) for rate in rates]
    axes.plot(rates, ceiling, color=GREEN, linewidth=1.6, linestyle=(0, (7, 2, 1.5, 2)), label=label)


def _plot_curve(axes: Axes, curve: Json, floor: float) -> None:
    # A rate of zero has no place on a logarithmic axis.
    kept = [n for n in thinned(curve["fpr"], floor) if curve["tpr"][n] > 0]
    fpr = [max(curve["fpr"][n], floor) for n in kept]
    if curve["low"] and curve["high"]:
        low, high = ([max(curve[bound][n], floor / 10) for n in kept] for bound in ("low", "high"))
        axes.fill_between(fpr, low, high, step="post", color=BLUE, alpha=0.18, linewidth=0, label="interval")
    tpr = [curve["tpr"][n] for n in kept]
    axes.plot(fpr, tpr, drawstyle="steps-post", color=BLUE, linewidth=2, label="measured")


def thinned(fpr: Sequence[float], floor: float, most: int = 240) -> list[int]:
    """Indices of the points worth drawing on a logarithmic axis: at most one for each step of it.

    The last point at each step is kept, and so is the last of all.
    """
    steps: dict[int, int] = {}
    for n, rate in enumerate(fpr):
        steps[round(most * math.log(max(rate, floor) / floor) / -math.log(floor))] = n
    return sorted({len(fpr) - 1, *steps.values()})


def _told(measurement: Json, bounds: Sequence[Json], statement: Json | None) -> str:
    told = [
        f"True-positive rate {p['tpr']:.3g} at false-positive rate {p['fpr']:.3g}."
        for p in measurement["tpr_at_fpr"]
        if p["fpr"] is not None and p["tpr"] is not None
    ]
    told += [f"The policy asks for at most {b['tpr']:.3g} at {b['fpr']:.3g}." for b in bounds]
    if measurement["resolved_from"]:
        told.append(
            f"Below {measurement['resolved_from']:.3g} there are too few records to resolve the curve."
        )
    told.append("No differential-privacy ceiling applies." if statement is None else "A DP ceiling is drawn.")
    return " ".join(told)


def burn_down(account: Json, prefix: str) -> str:
    """What is left of a budget after each committed training: a step line from the limit down."""
    limit = account["limit_epsilon"]
    charged = [s["composed_epsilon"] for s in account["spends"] if s["state"] == "committed"]
    known = [(n, limit - e) for n, e in enumerate(charged, start=1) if isinstance(e, int | float)]
    if len(known) == len(charged):
        known.insert(0, (0, limit))
    counts, left = [n for n, _ in known], [e for _, e in known]
    end = len(charged) + 0.5
    with drawing(6.6, 2.7) as (figure, axes):
        if known:
            axes.step([*counts, end], [*left, left[-1]], where="post", color=BLUE, linewidth=2)
            axes.plot(counts, left, linestyle="none", marker="o", markersize=5, color=BLUE)
        axes.axhline(limit, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axes.axhline(0, color=VERMILLION, linewidth=1.2)
        axes.annotate("granted", (end, limit), xytext=(0, 3), textcoords="offset points",
                      ha="right", fontsize=9, color=GREY)  # fmt: skip
        axes.annotate("nothing left", (end, 0), xytext=(0, 3), textcoords="offset points",
                      ha="right", fontsize=9, color=VERMILLION)  # fmt: skip
        axes.set(xlim=(0, end), ylim=(min(0.0, *left, 0.0) - limit * 0.06, limit * 1.15))
        axes.set(xlabel="Trainings charged", ylabel="ε left")
        axes.set_xticks(range(0, len(charged) + 1, max(1, len(charged) // 10)))
        axes.grid(axis="y", color=PALE, linewidth=0.6)
        told = f"Granted ε {limit:g} at δ {account['limit_delta']:g} per {account['unit']}. "
        told += (
            f"Left after {len(charged)} trainings: {left[-1]:.3g}." if known else "What is left is not known."
        )
        return as_svg(figure, prefix, f"Privacy budget left on {account['dataset']}", told)
