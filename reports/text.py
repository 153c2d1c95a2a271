"""The report's sentences: no score without level, split and interval, no order without its doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.evidence.text import capital
from bench.experiments.records import RANDOM_WEIGHTS, decision_of
from bench.scores.decisions import Decision
from bench.scores.metrics import METRICS, PRIMARY, U_STATISTIC
from bench.scores.thresholds import parse_threshold
from reports.figures.plots import CHANCE
from reports.sections.comparison import ComparisonView
from reports.sections.leaderboard import ComparableGroup

INTERVALS = "95 % patient-bootstrap intervals, conditional on the fitted models"


def intervals(track: ComparableGroup) -> str:
    """How the intervals of a track came about."""
    if all(row.primary.method != U_STATISTIC for row in track.rows):
        return INTERVALS
    what, _, level = METRICS[PRIMARY].title.partition(", ")
    return (
        "95 % intervals, conditional on the fitted models: by patient bootstrap, and those of the "
        f"{level} {what} by the U-statistic on the logit scale"
    )


def plural(n: int, word: str, words: str | None = None) -> str:
    """`1 cell`, `2 cells`."""
    return f"{n} {word if n == 1 else words or word + 's'}"


def counts(data: Mapping[str, Any]) -> str:
    """Cells and patients, and split units where linked patients make these fewer."""
    patients, units = int(data["patients"]), int(data["split_units"])
    linked = "" if patients == units else f" ({plural(units, 'split unit')})"
    held = data.get("held_out")
    tested = f", {plural(held['cells'], 'cell')} of {plural(held['patients'], 'patient')} held out" if held else ""
    return f"{plural(int(data['cells']), 'cell')} of {plural(patients, 'patient')}{linked}{tested}"


def split_in_words(protocol: Mapping[str, Any]) -> str:
    """The outer folds in a few words."""
    folds = plural(int(protocol["folds"]), "fold")
    kind = {
        "patient": f"{folds} by patient",
        "image": f"{folds} by image",
        "official": f"{folds} of the data set's own",
        "official-linked": f"{folds} of the data set's own, links held apart",
        "lopo": f"one patient left out, {folds}",
        "held-out": "held-out patients, tested once",
    }
    repeats = int(protocol["repeats"])
    return kind[str(protocol["split"])] + (f", {repeats} repeats" if repeats > 1 else "")


def best_of(track: ComparableGroup) -> str:
    """What follows the best pipeline's name in the headline."""
    best = track.best
    if best is None:
        return ""
    told = " from ".join(_positive_first(track)) if len(track.classes) == 2 else f"{len(track.classes)} classes apart"
    rivals = len(track.rows)
    place = f" best of {rivals} pipelines" if rivals > 1 else ""
    what, _, level = METRICS[PRIMARY].title.partition(", ")
    return f"told {told}{place}: {level} {what} {best.primary}, on {tested(track)}."


def tested(track: ComparableGroup) -> str:
    """The cells and patients that the scores of a track are of, and the split."""
    held = track.data.get("held_out")
    if held:
        return f"{plural(held['cells'], 'cell')} of {plural(held['patients'], 'held-out patient')}, tested once"
    return f"{counts(track.data)}, {split_in_words(track.protocol)}"


def without_best(track: ComparableGroup) -> str:
    """What the headline says of a track in which nobody leads."""
    what, _, level = METRICS[PRIMARY].title.partition(", ")
    split = split_in_words(track.protocol)
    if track.protocol["split"] == "lopo":
        return f"{capital(split)}: has no AUROC, so none is named the best; the table has the scores at the threshold."
    return f"{capital(split)}: no pipeline has a {level} {what}, so none is named the best."


def doubts(track: ComparableGroup, comparison: ComparisonView | None = None) -> list[str]:
    """What a reader of the headline has to hold against it; with a comparison, what its tests say of the order."""
    best = track.best
    if best is None:
        return []
    found = []
    if best.primary.low <= CHANCE:
        found.append(f"Its interval reaches down to {CHANCE}, the score of guessing.")
    if comparison is not None:
        found += _not_told_apart(comparison)
    if len(track.rows) > 1:
        found.append("Being picked by the very score that is shown, the best one looks a little better than it is.")
    if RANDOM_WEIGHTS in best.badges:
        found.append("The weights of its network are random.")
    if best.baseline:
        found.append("It is a baseline: nothing that looks at more of a cell does better here.")
    elif track.baselines and track.baselines[0].primary.defined:
        found.append(f"The best baseline, {track.baselines[0].name}, reaches {track.baselines[0].primary}.")
    return found


def protocol_in_words(track: ComparableGroup) -> list[str]:
    """How the track's experiments were evaluated, a sentence each."""
    protocol, inner = track.protocol, int(track.protocol["inner_folds"])
    tune = int(protocol["tune"])
    tuned = (
        f"{plural(tune, 'Optuna trial')} in each outer fold, scored on the inner folds"
        if tune
        else "none: every pipeline has its default or given parameters"
    )
    return [
        f"Split: {_split_sentence(protocol)} Every pipeline of this table had the same folds.",
        f"Inner folds: at most {inner}, by patient, inside the training patients."
        if protocol["split"] != "image"
        else f"Inner folds: at most {inner}, by image.",
        f"Tuning: {tuned}.",
        *_decision_in_words(track),
        f"Seed: {protocol['seed']}.",
    ]


def decided_by(track: ComparableGroup) -> str:
    """What of the decision is not as usual, in a few words; empty where all is."""
    decision, usual = decision_of(track.record), Decision()
    said = {
        "calibrate": f"calibrated by {decision.calibrate}",
        "threshold": f"threshold {decision.threshold}" if len(track.classes) == 2 else "",
        "aggregate": f"patients by {decision.aggregate}",
    }
    return ", ".join(text for name, text in said.items() if text and getattr(decision, name) != getattr(usual, name))


def _decision_in_words(track: ComparableGroup) -> list[str]:
    decision = decision_of(track.record)
    calibration = {
        "none": "none: the probabilities are those of the classifier",
        "sigmoid": "a sigmoid of the log-odds, learned on the inner out-of-fold predictions, every patient weighing 1",
        "temperature": "one temperature, learned on the inner out-of-fold predictions, every patient weighing 1",
    }[decision.calibrate]
    score = {
        "mean": "the mean probability of its cells",
        "logit": "the mean log-odds of its cells",
        "share": "the share of its cells that were decided positive",
    }[decision.aggregate]
    return [
        f"Calibration: {calibration}.",
        f"Threshold: {_threshold(track, decision)}.",
        f"Score of a patient: {score}.",
    ]


def _threshold(track: ComparableGroup, decision: Decision) -> str:
    if len(track.classes) != 2:
        return "none: a cell goes to its most probable class"
    rule = parse_threshold(decision.threshold)
    there = "on the inner out-of-fold predictions; that of patients by the same rule"
    return {
        "fixed": f"{rule.level:g}, given, for cells and for patients",
        "balanced": f"the one with the highest patient-mean balanced accuracy {there}",
        "sens": f"the highest one that reaches a patient-weighted sensitivity of {rule.level:g} {there}",
        "spec": f"the lowest one that reaches a patient-weighted specificity of {rule.level:g} {there}",
    }[rule.kind]


def _positive_first(track: ComparableGroup) -> list[str]:
    return sorted(track.classes, key=lambda label: label != track.data["positive"])


def _not_told_apart(comparison: ComparisonView) -> list[str]:
    rivals, others = len(comparison.indistinguishable), len(comparison.lines) - 1
    if not rivals:
        return []
    which = "the other pipeline" if others == 1 else f"{rivals} of the {others} other pipelines"
    return [
        f"A test does not tell {which} from it, so the order among these is not settled; its unit is the "
        f"{comparison.unit}."
    ]


def _split_sentence(protocol: Mapping[str, Any]) -> str:
    folds, repeats = int(protocol["folds"]), int(protocol["repeats"])
    again = f", drawn {repeats} times" if repeats > 1 else ""
    return {
        "patient": f"each patient was held out once in {folds} folds{again}; linked patients are held out together.",
        "image": f"{folds} folds were drawn on single cells{again}, so that a patient's cells lie on both sides.",
        "official": f"the {folds} folds that came with the data set.",
        "official-linked": f"the {folds} folds that came with the data set; training cells of patients who are linked "
        "to a tested one were left out.",
        "lopo": f"each patient was left out once, {folds} in all; linked patients were left out together.",
        "held-out": "one model, trained on all other patients, was tested on the held-out ones.",
    }[str(protocol["split"])]
