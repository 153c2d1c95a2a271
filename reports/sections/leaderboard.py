"""Leaderboard section of each comparable group, with its figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.evaluation.protocol import tuning_budget
from bench.scores.metrics import METRICS, PRIMARY
from reports.figures.patient_shares import patient_shares
from reports.figures.plots import DASHES, forest, roc, strips
from reports.figures.roc import Curve, patient_curve
from reports.groups import ComparableGroup
from reports.section import ReportData, Section
from reports.text import split_name

CURVES = 4
"""Maximum number of ROC curves with two classes."""


def sections(data: ReportData) -> Iterator[Section]:
    """Build one section for each group.

    Raises
    ------
    BenchError
        Predictions cannot be read.
    """
    for number, group in enumerate(data.groups, start=1):
        yield Section(
            title=str(group.data["name"]),
            view={"number": number, "group": group, "figures": _figures(number, group)},
            template="leaderboard.html.j2",
            anchor=f"leaderboard-{number}",
            subtitle=split_name(group.protocol, group.repeats, group.data)
            + (", tuned" if tuning_budget(group.protocol) else ""),
            leaky=group.leaky,
        )


def _figures(number: int, group: ComparableGroup) -> dict[str, Any] | None:
    """Draw the figures of a group as SVG, with their legend and the patients of the best pipeline; None without one."""
    if group.best is None:
        return None
    curves = _curves(group)
    shares = patient_shares(group.best.result)
    return {
        "forest": forest(group.rows, name=f"forest-{number}", metric=METRICS[PRIMARY].title),
        "roc": roc([curve for _, curve in curves], name=f"roc-{number}"),
        "strips": strips(shares, group.classes, name=f"strips-{number}"),
        "legend": [(text, " ".join(map(str, dashes))) for (text, _), dashes in zip(curves, DASHES, strict=False)],
        "shares": shares,
    }


def _curves(group: ComparableGroup) -> list[tuple[str, Curve]]:
    """Two classes: curves of the best pipelines. More classes: one-vs-rest curves of the best pipeline."""
    classes = group.classes
    if len(classes) == 2:
        label = str(group.data["positive"] or classes[0])
        best = [row for row in group.rows if row.primary.defined][:CURVES]
        wanted = [(f"{row.name}: {row.primary}", row, label) for row in best]
    else:
        wanted = [(f"{label} vs rest", group.rows[0], label) for label in classes[: len(DASHES)]]
    curves = []
    for text, row, label in wanted:
        curve = patient_curve(row.result.predictions, label)
        if curve is not None:
            curves.append((text, curve))
    return curves
