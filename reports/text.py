"""Phrases that several sections of the report share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bench.scores.intervals import (
    APPROXIMATE,
    MIN_PATIENTS,
    NONE_AT_LIMIT,
    NONE_WITHOUT_SPREAD,
    ONE_SIDED,
    U_STATISTIC,
)
from bench.scores.metrics import METRICS, PRIMARY
from reports.groups import ComparableGroup

INTERVALS = "95 % patient-bootstrap intervals, conditional on the fitted models"


def primary_name() -> str:
    """Name of the primary metric with its level first: `patient-weighted AUROC`."""
    quantity, _, level = METRICS[PRIMARY].title.partition(", ")
    return f"{level} {quantity}"


def interval_method(group: ComparableGroup) -> str:
    """Methods of the intervals of a group."""
    methods = {row.scores[m.name].method for row in group.rows for m in group.metrics if m.name in row.scores}
    parts = [INTERVALS]
    if any(method.startswith(U_STATISTIC) for method in methods):
        parts = [
            "95 % intervals, conditional on the fitted models: patient bootstrap, and for the AUROC of patients the "
            "U-statistic on the logit scale"
        ]
    if any(method.startswith(ONE_SIDED) for method in methods):
        parts.append("a score at its limit has a one-sided bound, which covers at least 95 %")
    if methods & {NONE_AT_LIMIT, NONE_WITHOUT_SPREAD}:
        parts.append("a score without interval does not vary between draws of the patients")
    if any(method.endswith(APPROXIMATE) for method in methods):
        parts.append(f"approximate, because a class has fewer than {MIN_PATIENTS} patients")
    return "; ".join(parts)


def plural(n: int, word: str, words: str | None = None) -> str:
    """`1 cell`, `2 cells`."""
    return f"{n} {word if n == 1 else words or word + 's'}"


def percent(share: float) -> str:
    """Share in percent: `40 %`; `under 1 %` and `over 99 %` where rounding would give none or all."""
    rounded = round(100 * share)
    if 0 < share < 1 and rounded in (0, 100):
        return "over 99 %" if rounded else "under 1 %"
    return f"{rounded} %"


def _has_patients(data: Mapping[str, Any]) -> bool:
    return bool(data.get("grouping", "patient") == "patient")


def counts(data: Mapping[str, Any]) -> str:
    """Cells and patients, and split units where linked patients reduce their number or there are no patient ids."""
    if not _has_patients(data):
        known = f" of {plural(int(data['split_units']), 'split unit')}" if data["grouping"] == "unit" else ""
        return f"{plural(int(data['cells']), 'cell')}{known}, no patient ids"
    patients, units = int(data["patients"]), int(data["split_units"])
    linked = "" if patients == units else f" ({plural(units, 'split unit')})"
    held = data.get("held_out")
    tested = f", {plural(held['cells'], 'cell')} of {plural(held['patients'], 'patient')} held out" if held else ""
    return f"{plural(int(data['cells']), 'cell')} of {plural(patients, 'patient')}{linked}{tested}"


def split_name(
    protocol: Mapping[str, Any], repeats: Collection[int] = (), data: Mapping[str, Any] | None = None
) -> str:
    """Short name of the outer folds.

    `repeats` are the numbers of repeats of a group, default: that of the protocol. `data` states whether there are
    patient ids.
    """
    patient = "patient" if _has_patients(data or {}) else "split unit"
    folds = plural(int(protocol["folds"]), "fold")
    kind = {
        "patient": f"{folds} by {patient}",
        "image": f"{folds} by image",
        "official": f"{plural(int(protocol['folds']), 'official fold')}",
        "official-linked": f"{plural(int(protocol['folds']), 'official fold')}, linked patients excluded from training",
        "lopo": f"leave-one-{patient.replace(' ', '-')}-out, {folds}",
        "held-out": f"held-out {patient}s, evaluated once",
    }
    numbers = sorted(repeats or {int(protocol["repeats"])})
    return kind[str(protocol["split"])] + (f", {' or '.join(map(str, numbers))} repeats" if numbers != [1] else "")


def evaluated_on(group: ComparableGroup) -> str:
    """Cells, patients and split of the scores of a group."""
    held = group.data.get("held_out")
    if held and not _has_patients(group.data):
        return f"{plural(held['cells'], 'held-out cell')}, evaluated once"
    if held:
        return f"{plural(held['cells'], 'cell')} of {plural(held['patients'], 'held-out patient')}, evaluated once"
    return f"{counts(group.data)}, {split_name(group.protocol, group.repeats, group.data)}"
