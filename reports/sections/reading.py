"""Section that explains how to read the report: intervals, metrics and flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.experiments.records import (
    BASELINE,
    LEAKY,
    NO_PATIENTS,
    POST_HOC,
    PUBLISHED,
    RANDOM_WEIGHTS,
    SEEN_IN_PRETRAINING,
    TIME_LIMITED,
)
from reports.section import ReportData, Section

FLAGS: Mapping[str, str] = {
    LEAKY: "Cells of one patient, or of linked patients, are in both training and test sets. The score measures how "
    "well known patients are recognised, not how well new patients are classified.",
    SEEN_IN_PRETRAINING: "The network was pretrained on images of this dataset, so its cells are not new to it. The "
    "score may be higher than on cells that it has not seen.",
    NO_PATIENTS: "The dataset has no patient ids. What tables and figures call a patient is a split unit, such as a "
    "source image, or a block of consecutive cells of a class; the score is not one of unseen patients.",
    RANDOM_WEIGHTS: "The network was not trained; its features are those of random weights.",
    TIME_LIMITED: "Training or tuning ended after a time, not after a number of steps. Another run, on a faster or "
    "slower machine or on the same one, may give another score.",
    POST_HOC: "The saved predictions of other rows were combined after their scores were known. Such a choice of "
    "members is a selection on the tested patients, so the score is optimistic.",
    PUBLISHED: "Evaluated by the protocol of the authors of a published system, not by that of the other rows.",
    BASELINE: "Reference row: what class frequencies, mean stain colour or cell size alone reach on unprepared cells.",
}


def sections(data: ReportData) -> Iterator[Section]:
    """Build the reading guide: the definition of each metric, and the meaning of each flag that occurs."""
    if not data.groups:
        return
    metrics = {metric.name: metric for group in data.groups for metric in group.metrics}
    present = {flag for experiment in data.experiments for flag in experiment.flags}
    guide = {
        "metrics": {m.title.partition(", ")[0]: m.meaning for m in metrics.values()},
        "flags": {flag: text for flag, text in FLAGS.items() if flag in present},
        "prepared": any(group.prepared for group in data.groups),
    }
    yield Section("How to read this report", guide, "reading.html.j2", "reading")
