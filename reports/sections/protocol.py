"""Section on the protocol of each group: split, tuning, decision, parameters and keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bench.evaluation.protocol import tuning_budget
from bench.experiments.records import decision_of
from bench.scores.decisions import Decision
from bench.scores.thresholds import parse_threshold
from reports.groups import ComparableGroup
from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on the protocols."""
    if data.groups:
        view = [(group, protocol_sentences(group)) for group in data.groups]
        yield Section("Protocol and parameters", view, "protocol.html.j2", "protocol")


def protocol_sentences(group: ComparableGroup) -> list[str]:
    """Describe the protocol of a group, one sentence for each part."""
    protocol, inner = group.protocol, int(group.protocol["inner_folds"])
    budget = tuning_budget(protocol)
    tuning = (
        f"{budget} of Optuna in each outer fold, scored on the inner folds"
        if budget
        else "none; every pipeline uses its default or specified parameters"
    )
    return [
        f"Split: {_split(protocol, group.repeats)} All pipelines of this table use the same folds{_first(group)}.",
        f"Inner folds: at most {inner}, by patient, within the training patients."
        if protocol["split"] != "image"
        else f"Inner folds: at most {inner}, by image.",
        f"Tuning: {tuning}.",
        *_decision_sentences(group),
        f"Seed: {protocol['seed']}.",
    ]


def decision_summary(group: ComparableGroup) -> str:
    """Non-default parts of the decision, in a few words; empty where all parts are the default."""
    decision, default = decision_of(group.record), Decision()
    texts = {
        "calibrate": f"calibration {decision.calibrate}",
        "threshold": f"threshold {decision.threshold}" if len(group.classes) == 2 else "",
        "aggregate": f"patient score {decision.aggregate}",
    }
    changed = (text for name, text in texts.items() if getattr(decision, name) != getattr(default, name))
    return ", ".join(text for text in changed if text)


def _first(group: ComparableGroup) -> str:
    return "; those with fewer repeats use the first ones" if len(group.repeats) > 1 else ""


def _split(protocol: Mapping[str, Any], repeats: Collection[int]) -> str:
    folds = int(protocol["folds"])
    again = "" if set(repeats) == {1} else f", repeated {' or '.join(map(str, repeats))} times"
    return {
        "patient": f"each patient is held out once in {folds} folds{again}; linked patients are held out together.",
        "image": f"{folds} folds of single cells{again}, so a patient's cells are in both training and test sets.",
        "official": f"the {folds} official folds of the dataset.",
        "official-linked": f"the {folds} official folds of the dataset; training cells of patients linked to a test "
        "patient are left out.",
        "lopo": f"each patient is left out once, {folds} in all; linked patients are left out together.",
        "held-out": "one model, trained on all other patients, is evaluated on the held-out patients.",
    }[str(protocol["split"])]


def _decision_sentences(group: ComparableGroup) -> list[str]:
    decision = decision_of(group.record)
    calibration = {
        "none": "none; probabilities are those of the classifier",
        "sigmoid": "a sigmoid of the log-odds, fitted on the inner out-of-fold predictions with patient weight 1",
        "temperature": "one temperature, fitted on the inner out-of-fold predictions with patient weight 1",
    }[decision.calibrate]
    aggregation = {
        "mean": "mean probability of the patient's cells",
        "logit": "mean log-odds of the patient's cells",
        "share": "share of the patient's cells that are classified as positive",
    }[decision.aggregate]
    parts = {"Calibration": calibration, "Threshold": _threshold(group, decision), "Patient score": aggregation}
    return [f"{name}: {text}." for name, text in parts.items()]


def _threshold(group: ComparableGroup, decision: Decision) -> str:
    if len(group.classes) != 2:
        return "none; a cell is assigned to its most probable class"
    rule = parse_threshold(decision.threshold)
    where = "on the inner out-of-fold predictions; the same rule applies to patient scores"
    return {
        "fixed": f"fixed at {rule.level:g}, for cells and for patients",
        "balanced": f"highest patient-mean balanced accuracy {where}",
        "sens": f"the highest one with a patient-weighted sensitivity of at least {rule.level:g} {where}",
        "spec": f"the lowest one with a patient-weighted specificity of at least {rule.level:g} {where}",
    }[rule.kind]
