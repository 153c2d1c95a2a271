"""Section that explains how to read the report: intervals, metrics and flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.experiments.records import BASELINE, LEAKY, RANDOM_WEIGHTS
from reports.groups import ComparableGroup
from reports.section import ReportData, Section

FLAGS: Mapping[str, str] = {
    LEAKY: "Cells of one patient, or of linked patients, are in both training and test sets. The score measures how "
    "well known patients are recognised, not how well new patients are classified.",
    RANDOM_WEIGHTS: "The network was not trained; its features are those of random weights.",
    BASELINE: "Reference row: what class frequencies, mean stain colour or cell size alone reach on unprepared cells.",
}


@dataclass(frozen=True)
class ReadingGuide:
    """Definitions of what the page shows.

    Parameters
    ----------
    metrics : mapping of str to str
        Definition of each metric by title.
    flags : mapping of str to str
        Meaning of each flag that occurs.
    prepared : bool
        Whether some row has prepared cells.
    """

    metrics: Mapping[str, str]
    flags: Mapping[str, str]
    prepared: bool


def sections(data: ReportData) -> Iterator[Section]:
    """Build the reading guide."""
    if not data.groups:
        return
    present = {flag for experiment in data.experiments for flag in experiment.flags}
    guide = ReadingGuide(
        metrics=_definitions(data.groups),
        flags={flag: text for flag, text in FLAGS.items() if flag in present},
        prepared=any(group.prepared for group in data.groups),
    )
    yield Section("How to read this report", guide, "reading.html.j2", "reading")


def _definitions(groups: Sequence[ComparableGroup]) -> dict[str, str]:
    """Title and definition of each metric; the definition is the first line of its docstring."""
    shown = {metric.name: metric for group in groups for metric in group.metrics}
    return {m.title.partition(", ")[0]: m.meaning for m in shown.values()}
