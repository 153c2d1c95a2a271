"""Section on the training of networks: curves of the outer fits, and their epochs, times and sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.figures.training_curves import FitCurves, training_curves
from reports.rows import Row
from reports.section import ReportData, Section, part_section

OUTER = "outer"
"""Name of the fit on all training patients of a fold."""

CHOSEN = "chosen_epoch"

TITLES: Mapping[str, str] = {
    "epochs": "Epochs",
    CHOSEN: "Chosen epoch",
    "seconds": "Seconds",
    "parameters": "Parameters",
    "flops": "FLOPs per image",
    "bytes": "Size of the weights",
    "peak_memory": "Peak memory",
}
"""Quantities with a title, in the order of the table; others follow under their own names."""

_KEYS = ["repeat", "fold"]


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on training.

    Raises
    ------
    BenchError
        The training record of an experiment cannot be read.
    """
    return part_section(data, "Training", "training", trained_pipeline)


def trained_pipeline(row: Row) -> dict[str, Any] | None:
    """Describe the networks that a pipeline trains on all training patients of each fold; None without a network.

    Returns
    -------
    dict or None
        `row`, and `networks`: for the extractor and the classifier that are networks `estimator`, `fits` (their
        number), `figure`, `finder` (whether the learning-rate finder was used), and `lines` (title and text of each
        quantity).
    """
    stored = row.result.curves
    if not len(stored):
        return None
    curves = stored[stored["fit"] == OUTER]
    networks = [_network(row, str(estimator), part) for estimator, part in curves.groupby("estimator", sort=True)]
    return {"row": row, "networks": networks} if networks else None


def _network(row: Row, estimator: str, curves: pd.DataFrame) -> dict[str, Any]:
    summary, times, finder = (
        _of_outer_fits(table, estimator) for table in (row.result.training, row.result.fit_times, row.result.finder)
    )
    chosen = summary.set_index(_KEYS)[CHOSEN].to_dict() if CHOSEN in summary else {}
    steps = {key: part for key, part in finder.groupby(_KEYS)} if len(finder) else {}
    fits = [_fit(part, chosen.get(key), steps.get(key)) for key, part in curves.groupby(_KEYS, sort=True)]
    return {
        "estimator": estimator,
        "fits": len(fits),
        "figure": training_curves(fits, name=f"training-{estimator}-{row.result.key[:12]}"),
        "finder": bool(steps),
        "lines": _lines(curves, summary, times),
    }


def _of_outer_fits(table: pd.DataFrame, estimator: str) -> pd.DataFrame:
    return table[(table["fit"] == OUTER) & (table["estimator"] == estimator)] if len(table) else table


def _fit(curves: pd.DataFrame, chosen: Any, finder: pd.DataFrame | None) -> FitCurves:
    columns = ("training_loss", "validation_loss", "validation_auroc", "learning_rate")
    training, validation, auroc, rate = (curves[column].to_numpy(dtype=np.float64) for column in columns)
    row = int(chosen) if isinstance(chosen, int | float) and math.isfinite(chosen) else None
    steps = np.zeros((0, 2)) if finder is None else finder[["learning_rate", "loss"]].to_numpy(dtype=np.float64)
    return FitCurves(training, validation, auroc, rate, row, steps)


def _lines(curves: pd.DataFrame, summary: pd.DataFrame, times: pd.DataFrame) -> list[tuple[str, str]]:
    """Return title and text of each quantity of the fits, those of `TITLES` first."""
    values = {"epochs": curves.groupby(_KEYS).size()}
    values |= {name: summary[name] for name in summary.columns if name not in (*_KEYS, "estimator", "fit")}
    if len(times):
        of_fit = times[times["epoch"] < 0]
        values |= {str(name): part["value"] for name, part in of_fit.groupby("name", sort=True)}
    if CHOSEN in values and values[CHOSEN].dtype.kind in "if":
        values[CHOSEN] = values[CHOSEN] + 1  # as on the axis
    order = [name for name in (*TITLES, *sorted(values)) if name in values]
    return [(TITLES.get(name, _title(name)), _text(name, values[name])) for name in dict.fromkeys(order)]


def _title(name: str) -> str:
    return (name[:1].upper() + name[1:]).replace("_", " ")


def _text(name: str, values: pd.Series[Any]) -> str:
    """Format the values of all fits: one value, a mean with the range, or the distinct texts."""
    known = values.dropna()
    if known.empty:
        return "–"
    if known.dtype.kind not in "if":
        return ", ".join(dict.fromkeys(map(str, known)))
    form = _format_of(name)
    low, mean, high = (float(value) for value in (known.min(), known.mean(), known.max()))
    return form(mean) if low == high else f"{form(mean)} ({form(low)} to {form(high)})"


def _format_of(name: str) -> Callable[[float], str]:
    if name in ("bytes", "peak_memory"):
        return lambda value: f"{value / 2**20:.1f} MiB"
    return _number


def _number(value: float) -> str:
    """Format a number: whole ones with separators, others with three digits."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
