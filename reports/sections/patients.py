"""How many of each patient's cells one experiment decided rightly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.experiments.records import ExperimentResult
from bench.scores.predictions import group_statistics


@dataclass(frozen=True)
class PatientShare:
    """What became of one patient's cells of one class.

    Parameters
    ----------
    patient : str
        The split unit: linked patients are one, their ids joined by `+`.
    label : str
        Class of the cells.
    cells : int
        Cells that the patient has of the class.
    right : float
        Share of them that was decided rightly, in [0, 1]; the mean over the repeats.
    """

    patient: str
    label: str
    cells: int
    right: float


def patient_shares(result: ExperimentResult) -> list[PatientShare]:
    """The share of rightly decided cells of each split unit and class, by class, then the lowest first.

    A unit that holds no cell of a class has no entry for it.
    """
    predictions = result.predictions
    data = result.record["data"]
    classes = [str(c) for c in data["classes"]]
    units, unit_of = np.unique(predictions["unit"].to_numpy().astype(str), return_inverse=True)
    repeat = predictions["repeat"].to_numpy()
    repeats = np.unique(repeat)
    each = [
        group_statistics(predictions[repeat == r], unit_of[repeat == r], len(units), classes, data["positive"])
        for r in repeats
    ]
    confusion = np.sum([sums.cells.confusion for sums in each], axis=0)
    cells = confusion.sum(axis=2)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    shares = [
        PatientShare(str(units[u]), classes[c], round(cells[u, c] / len(repeats)), float(right[u, c] / cells[u, c]))
        for u, c in np.argwhere(cells > 0)
    ]
    return sorted(shares, key=lambda s: (classes.index(s.label), s.right, s.patient))
