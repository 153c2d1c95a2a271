"""Share of each patient's cells that one experiment classifies correctly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.experiments.records import ExperimentResult
from bench.scores.predictions import read_predictions


@dataclass(frozen=True)
class PatientShare:
    """Correctly classified cells of one patient and class.

    Parameters
    ----------
    patient : str
        The split unit; ids of linked patients are joined by `+`.
    label : str
        Class of the cells.
    cells : int
        Number of cells of the class.
    correct : float
        Share classified correctly, in [0, 1]; the mean over repeats.
    """

    patient: str
    label: str
    cells: int
    correct: float


def patient_shares(result: ExperimentResult) -> list[PatientShare]:
    """Share of correctly classified cells of each split unit and class, by class and then ascending.

    A unit without cells of a class has no entry for it.
    """
    data = result.record["data"]
    classes = [str(c) for c in data["classes"]]
    read = read_predictions(result.predictions, classes=classes, positive=data["positive"])
    confusion = np.sum([repeat.cells.confusion for repeat in read.repeats], axis=0)
    cells, n = confusion.sum(axis=2), len(read.repeats)
    correct = np.diagonal(confusion, axis1=1, axis2=2)
    shares = [
        PatientShare(str(read.units[u]), classes[c], round(cells[u, c] / n), float(correct[u, c] / cells[u, c]))
        for u, c in np.argwhere(cells > 0)
    ]
    return sorted(shares, key=lambda s: (classes.index(s.label), s.correct, s.patient))
