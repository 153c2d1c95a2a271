"""Figure of the training of a network: losses, AUROC and learning rate by epoch, and the learning-rate finder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bench.statistics.arrays import Floats
from reports.figures.svg import COLOURS, drawing, inline_svg

TRAINING, VALIDATION = COLOURS["c1"], COLOURS["c0"]
"""Colours of the two parts; the training part is dashed as well."""

DASHES = (4, 1.5)

THIN, THICK = 0.7, 1.9
"""Line widths of one fit and of the mean."""


@dataclass(frozen=True)
class FitCurves:
    """Curves of one fit.

    Parameters
    ----------
    training_loss, validation_loss, validation_auroc, learning_rate : ndarray of float64, shape (n_epochs,)
        NaN where a value is undefined.
    chosen : int or None
        Row of the epoch whose weights are used, from 0; None if it is not known.
    finder : ndarray of float64, shape (n_steps, 2)
        Learning rate and loss of each step of the learning-rate finder; without a finder, no rows.
    """

    training_loss: Floats
    validation_loss: Floats
    validation_auroc: Floats
    learning_rate: Floats
    chosen: int | None
    finder: Floats


def training_curves(fits: Sequence[FitCurves], *, name: str) -> Markup:
    """Draw one panel per quantity: a thin line for each fit, a thick one for their mean, a dot at the chosen epochs.

    Quantities that are undefined throughout, and the learning-rate finder where there is none, have no panel.

    Parameters
    ----------
    fits : sequence of FitCurves
        At least one.
    name : str
        Name of the figure, unique in the page.
    """
    with drawing():
        panels = [_losses]
        panels += [_auroc] if any(np.isfinite(fit.validation_auroc).any() for fit in fits) else []
        panels += [_rates] if any(np.isfinite(fit.learning_rate).any() for fit in fits) else []
        panels += [_finder] if any(len(fit.finder) for fit in fits) else []
        figure = Figure(figsize=(3.1 * len(panels) + 0.4, 2.7), layout="constrained")
        for number, panel in enumerate(panels):
            panel(figure.add_subplot(1, len(panels), number + 1), fits)
        return inline_svg(figure, name=name, label=f"Losses, AUROC and learning rate by epoch of {len(fits)} fits")


def mean_by_epoch(curves: Sequence[Floats]) -> Floats:
    """Return the mean at each epoch over the fits that have a value there; NaN where none has."""
    padded = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.asarray(np.nanmean(padded, axis=0), dtype=np.float64)


def _losses(axes: Axes, fits: Sequence[FitCurves]) -> None:
    _lines(axes, [fit.training_loss for fit in fits], TRAINING, dashed=True)
    _lines(axes, [fit.validation_loss for fit in fits], VALIDATION)
    _dots(axes, [(fit.validation_loss, fit.chosen) for fit in fits])
    axes.set(xlabel="Epoch", ylabel="Loss")


def _auroc(axes: Axes, fits: Sequence[FitCurves]) -> None:
    _lines(axes, [fit.validation_auroc for fit in fits], VALIDATION)
    _dots(axes, [(fit.validation_auroc, fit.chosen) for fit in fits])
    axes.axhline(0.5, color=COLOURS["soft"], linewidth=0.8, dashes=(3, 3))
    axes.set(xlabel="Epoch", ylabel="AUROC of the validation part")


def _rates(axes: Axes, fits: Sequence[FitCurves]) -> None:
    _lines(axes, [fit.learning_rate for fit in fits], COLOURS["c2"])
    axes.set(xlabel="Epoch", ylabel="Learning rate", yscale="log")
    _plain_rates(axes.yaxis)


def _finder(axes: Axes, fits: Sequence[FitCurves]) -> None:
    for fit in fits:
        axes.plot(*fit.finder.T, color=COLOURS["c2"], linewidth=THIN)
    axes.set(xlabel="Learning rate (finder)", ylabel="Loss", xscale="log")
    _plain_rates(axes.xaxis)


def _plain_rates(axis: Axis) -> None:
    """Label a logarithmic axis as `1e-3`; matplotlib's own labels are formulas, which the page does not render."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,), numticks=5))
    axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:.0e}".replace("e-0", "e-")))
    axis.set_minor_formatter(NullFormatter())


def _lines(axes: Axes, curves: Sequence[Floats], colour: str, *, dashed: bool = False) -> None:
    style: dict[str, Any] = {"color": colour, "linestyle": (0, DASHES) if dashed else "solid"}
    if len(curves) > 1:
        for curve in curves:
            axes.plot(np.arange(1, len(curve) + 1), curve, linewidth=THIN, alpha=0.45, **style)
    mean = mean_by_epoch(curves)
    marker = "o" if len(mean) == 1 else ""
    axes.plot(np.arange(1, len(mean) + 1), mean, linewidth=THICK, marker=marker, markersize=3, **style)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _dots(axes: Axes, chosen: Sequence[tuple[Floats, int | None]]) -> None:
    points = [(epoch + 1, curve[epoch]) for curve, epoch in chosen if epoch is not None and 0 <= epoch < len(curve)]
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, "o", color=COLOURS["ink"], markersize=3.2, markerfacecolor=COLOURS["page"], zorder=3)
