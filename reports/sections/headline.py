"""Headline of the report: the best pipeline of each group with level, split, interval and caveats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_detectable, units
from bench.evidence.text import capital
from bench.experiments.records import NO_PATIENTS, POST_HOC, RANDOM_WEIGHTS, SEEN_IN_PRETRAINING
from reports.figures.plots import CHANCE
from reports.groups import ComparableGroup
from reports.rows import Row
from reports.section import ReportData
from reports.text import evaluated_on, plural, primary_name, split_name


@dataclass(frozen=True)
class Headline:
    """Headline of one group.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    best : Row or None
        The best pipeline; None where no pipeline has a primary score.
    sentence : str
        Follows the name of the best pipeline, or of the dataset where there is none.
    caveats : sequence of str
        Sentences that qualify the headline.
    scope : str
        On what the score was measured.
    """

    dataset: str
    best: Row | None
    sentence: str
    caveats: Sequence[str] = ()
    scope: str = "On unseen patients"


_WITHOUT_PATIENTS = "On cells without patient ids, which may be of patients in the training set"


def headlines(data: ReportData) -> list[Headline]:
    """Build the headlines of all groups on unseen patients; leaky groups have none."""
    return [headline(g, c) for g, c in zip(data.groups, data.comparisons, strict=True) if not g.leaky]


def headline(group: ComparableGroup, comparison: Comparison | None = None) -> Headline:
    """Build the headline of one group; with a comparison, its tests qualify the order."""
    name = str(group.data["name"])
    if group.best is None:
        return Headline(name, None, _without_best(group))
    scope = _WITHOUT_PATIENTS if NO_PATIENTS in group.best.result.flags else Headline.scope
    return Headline(name, group.best, _best(group, group.best), _caveats(group, group.best, comparison), scope)


def _best(group: ComparableGroup, best: Row) -> str:
    ordered = sorted(group.classes, key=lambda label: label != group.data["positive"])
    task = f"{ordered[0]} (positive class) from {ordered[1]}" if len(ordered) == 2 else f"{len(ordered)} classes"
    rivals = len(group.rows)
    verb = f"ranks first of {rivals} pipelines at separating" if rivals > 1 else "separates"
    return f"{verb} {task}: {primary_name()} {best.primary}, on {evaluated_on(group)}."


def _without_best(group: ComparableGroup) -> str:
    split = capital(split_name(group.protocol, group.repeats, group.data))
    if group.protocol["split"] == "lopo":
        return f"{split}: the AUROC is not defined, so no pipeline is ranked first; see the scores at the threshold."
    return f"{split}: no pipeline has a {primary_name()}, so none is ranked first."


def _caveats(group: ComparableGroup, best: Row, comparison: Comparison | None) -> list[str]:
    caveats = []
    if best.primary.low <= CHANCE:
        caveats.append(f"Its interval includes {CHANCE}, the score of random guessing.")
    if comparison is not None:
        caveats += _ties(comparison)
    if len(group.rows) > 1:
        caveats.append("The best pipeline was selected by the score shown, so this score is slightly optimistic.")
    if RANDOM_WEIGHTS in best.result.flags:
        caveats.append("The weights of its network are random.")
    if SEEN_IN_PRETRAINING in best.result.flags:
        caveats.append("Its network was pretrained on images of this dataset; its score may be optimistic.")
    if POST_HOC in best.result.flags:
        caveats.append(
            "It combines other rows, which were chosen after their scores were known; its score is optimistic."
        )
    if best.baseline:
        caveats.append("It is a baseline: no pipeline that uses more of the cell scores higher.")
    elif group.baselines and group.baselines[0].primary.defined:
        caveats.append(f"The best baseline, {group.baselines[0].name}, reaches {group.baselines[0].primary}.")
    return caveats


def _ties(comparison: Comparison) -> list[str]:
    ties, others = len(comparison.indistinguishable), len(comparison.standings) - 1
    sentences = []
    if ties:
        which = "the other pipeline" if others == 1 else f"{ties} of the {others} other pipelines"
        unit = units(comparison)
        sentences.append(f"A paired test does not distinguish {which} from it; the unit of the test is the {unit}.")
    if comparison.disagreeing:
        sentences.append(
            f"Two tests disagree on {plural(len(comparison.disagreeing), 'pipeline')}; see the comparison."
        )
    if detectable := describe_detectable(comparison):
        sentences.append(detectable)
    return sentences
