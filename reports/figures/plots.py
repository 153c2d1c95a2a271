"""Figures of the report: forest plot, ROC curves, and correctly classified cells by patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.statistics.arrays import Floats
from reports.figures.patient_shares import PatientShare
from reports.figures.roc import Curve
from reports.figures.svg import COLOURS, drawing, inline_svg, short_label
from reports.rows import Row

CHANCE = 0.5
"""AUROC of random guessing, one class vs the rest."""

LONGEST_LABEL = 64

DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (2, 1.5), (6, 2, 1.5, 2), (8, 3), (1, 1))
"""Dash patterns of the curves, in points; curves differ in pattern as well as colour."""


def forest(rows: Sequence[Row], *, name: str, metric: str) -> Markup:
    """Draw estimate and 95 % interval of the primary metric, one line for each pipeline, with a reference at 0.5.

    Parameters
    ----------
    rows : sequence of Row
        From top to bottom; rows without a defined score are left out.
    name : str
        Name of the figure, unique in the page.
    metric : str
        Title of the primary metric.
    """
    shown = [row for row in rows if row.primary.defined]
    labels = [short_label(row.name, LONGEST_LABEL) for row in shown]
    left = 0.2 + 0.075 * max((len(label) for label in labels), default=0)
    width, height = left + 5.5, 0.8 + 0.24 * len(shown)
    with drawing():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left / width, 0.5 / height, 3.8 / width, 1 - 0.8 / height))
        at = range(len(shown))
        axes.axvline(CHANCE, color=COLOURS["soft"], linewidth=0.8, dashes=(3, 3))
        above: dict[str, Any] = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "ha": "center"}
        axes.annotate("random guessing", (CHANCE, 1), (0, 3), **above, fontsize=8, color=COLOURS["soft"])
        for y, row in zip(at, shown, strict=True):
            _interval(axes, y, row)
        axes.set_yticks(at, labels)
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
        lowest = min([0.4, *(low - 0.02 for row in shown if math.isfinite(low := row.primary.low))])
        axes.set(xlim=(lowest, 1.01), ylim=(len(shown) - 0.4, -0.6), xlabel=f"{metric}, 95 % interval")
        axes.spines["left"].set_visible(False)
        return inline_svg(figure, name=name, label=f"Intervals of {metric} of {len(shown)} pipelines")


def roc(curves: Sequence[Curve], *, name: str) -> Markup:
    """Draw patient-weighted ROC curves in distinct colours and dash patterns; the page has the legend.

    Parameters
    ----------
    curves : sequence of Curve
        At most `len(DASHES)`.
    name : str
        Name of the figure, unique in the page.
    """
    with drawing():
        figure = Figure(figsize=(4.6, 4.4))
        axes = figure.add_axes((0.12, 0.11, 0.86, 0.87))
        axes.plot([0, 1], [0, 1], color=COLOURS["soft"], linewidth=0.8, dashes=(3, 3))
        for i, curve in reversed(list(enumerate(curves))):
            (line,) = axes.plot(curve.false_positive, curve.true_positive, color=COLOURS[f"c{i}"])
            line.set(linewidth=2 if i == 0 else 1.4, linestyle=(0, DASHES[i] or None))
        axes.set(aspect="equal", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set(xlabel="False-positive rate, patient-weighted", ylabel="True-positive rate, patient-weighted")
        return inline_svg(figure, name=name, label=f"{len(curves)} ROC curves, patient-weighted")


def strips(shares: Sequence[PatientShare], classes: Sequence[str], *, name: str) -> Markup:
    """Draw one dot for each patient (share of correctly classified cells) and the mean of each class.

    The area of a dot increases with the number of cells.

    Parameters
    ----------
    shares : sequence of PatientShare
        Patients of one experiment.
    classes : sequence of str
        From left to right.
    name : str
        Name of the figure, unique in the page.
    """
    most = max((s.cells for s in shares), default=1)
    with drawing():
        figure = Figure(figsize=(max(4.6, 1.6 * len(classes)), 4.4))
        axes = figure.add_axes((0.12, 0.11, 0.86, 0.87))
        for x, label in enumerate(classes):
            members = [s for s in shares if s.label == label]
            if not members:
                continue
            correct = np.array([s.correct for s in members])
            area = 20 + 100 * np.array([s.cells for s in members]) / most
            colour = COLOURS[f"c{x % 6}"]
            axes.scatter(x + _offsets(correct), correct, s=area, color=colour, alpha=0.6, linewidths=0.6, clip_on=False)
            axes.hlines(correct.mean(), x - 0.4, x + 0.4, color=COLOURS["ink"], linewidth=1.6)
        axes.set_xticks(range(len(classes)), [short_label(c, 24) for c in classes])
        axes.tick_params(axis="x", length=0, labelcolor=COLOURS["ink"])
        axes.set(xlim=(-0.6, len(classes) - 0.4), ylim=(-0.03, 1.03), ylabel="Share of cells classified correctly")
        axes.grid(axis="y", color=COLOURS["line"], linewidth=0.5)
        axes.set_axisbelow(True)
        return inline_svg(figure, name=name, label=f"Correctly classified cells of {len(shares)} patients, by class")


def _interval(axes: Axes, y: float, row: Row) -> None:
    score = row.primary
    colour = COLOURS["bad" if row.warnings else "soft" if row.baseline else "c0"]
    face = COLOURS["page"] if row.result.flags else colour
    axes.hlines(y, score.low, score.high, color=colour, linewidth=1.6)
    axes.plot([score.value], [y], "o", color=colour, markersize=5.5, markerfacecolor=face)
    axes.text(1.03, y, str(score), va="center", color=COLOURS["soft"], transform=axes.get_yaxis_transform())


def _offsets(values: Floats, width: float = 0.36, step: float = 0.075) -> Floats:
    """Horizontal offsets that keep dots of nearly equal height apart, centred at 0."""
    height = np.round(values / 0.045).astype(int)
    offsets = np.zeros(len(values))
    for level in np.unique(height):
        dots = np.flatnonzero(height == level)
        place = (np.arange(len(dots)) - (len(dots) - 1) / 2) * step
        offsets[dots] = place * min(1.0, width / max(float(np.abs(place).max()), width))
    return offsets
