"""Leaderboard section of each comparable group, with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.scores.metrics import METRICS, PRIMARY
from reports.figures.patient_shares import PatientShare, patient_shares
from reports.figures.plots import DASHES, forest, roc, strips
from reports.figures.roc import Curve, patient_curve
from reports.groups import ComparableGroup
from reports.section import ReportData, Section
from reports.text import split_name

CURVES = 4
"""Maximum number of ROC curves with two classes."""


@dataclass(frozen=True)
class LegendLine:
    """A line of a figure's legend."""

    place: int
    text: str
    dashes: str


@dataclass(frozen=True)
class LeaderboardView:
    """A comparable group with its figures.

    Parameters
    ----------
    number : int
        Number of the group in the page, from 1.
    group : ComparableGroup
        The group.
    forest, roc, strips : str
        SVG as Markup; empty where no score is defined.
    legend : sequence of LegendLine
        Legend of the ROC curves.
    shares : sequence of PatientShare
        Patients of the best pipeline.
    """

    number: int
    group: ComparableGroup
    forest: str = ""
    roc: str = ""
    strips: str = ""
    legend: Sequence[LegendLine] = ()
    shares: Sequence[PatientShare] = ()


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
            view=_view(number, group),
            template="leaderboard.html.j2",
            anchor=f"leaderboard-{number}",
            subtitle=split_name(group.protocol) + (", tuned" if int(group.protocol["tune"]) else ""),
            leaky=group.leaky,
        )


def _view(number: int, group: ComparableGroup) -> LeaderboardView:
    if group.best is None:
        return LeaderboardView(number, group)
    try:
        curves = _curves(group)
        shares = patient_shares(group.best.result)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{group.best.result.folder.parent}: predictions cannot be read ({error}); "
            "delete the experiment's folder and run the matrix again"
        ) from error
    return LeaderboardView(
        number,
        group,
        forest=forest(group.rows, name=f"forest-{number}", metric=METRICS[PRIMARY].title),
        roc=roc([curve for _, curve in curves], name=f"roc-{number}"),
        strips=strips(shares, group.classes, name=f"strips-{number}"),
        legend=[LegendLine(i, text, " ".join(map(str, DASHES[i]))) for i, (text, _) in enumerate(curves)],
        shares=shares,
    )


def _curves(group: ComparableGroup) -> list[tuple[str, Curve]]:
    """Two classes: curves of the best pipelines. More classes: one-vs-rest curves of the best pipeline."""
    classes = group.classes
    if len(classes) == 2:
        label = str(group.data["positive"] or classes[0])
        best = [row for row in group.rows if row.primary.defined][:CURVES]
        wanted = [(f"{row.name}: {row.primary}", row, label) for row in best]
    else:
        wanted = [(f"{label} vs rest", group.rows[0], label) for label in classes[: len(DASHES)]]
    curves = [(text, patient_curve(row.result.predictions, label)) for text, row, label in wanted]
    return [(text, curve) for text, curve in curves if curve is not None]
