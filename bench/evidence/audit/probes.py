"""Whether something that is no biology gives the class away: image size, file format, file size, stain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from bench.errors import BenchError
from bench.evidence.audit.findings import Check, Finding
from bench.evidence.audit.traits import Traits
from bench.scores.metrics import PRIMARY, probability_columns, score
from bench.splits.folds import PatientKFold, scarcest

CODES = ("A014", "A015", "A016", "A017")

TELLING = 0.55
"""Lower end of the AUROC's interval from which a class counts as given away: see docs/audit/A014.md."""

ARTEFACT = 0.9
"""The same, from which a property of the file gives away so much that the data set is not fit for use."""

FOLDS = 5
TREES = 50
DRAWS = 2000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Patient-weighted AUROC of a probe with its 95 % patient-bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"patient-weighted AUROC {self.value:.2f} [{self.low:.2f}, {self.high:.2f}] on unseen patients"


def probes(
    table: pd.DataFrame, sizes: pd.DataFrame, traits: Traits, positive: str | None
) -> Iterator[tuple[Check, Finding | None]]:
    """What each probe came to, and its finding where there is one.

    Parameters
    ----------
    table : DataFrame
        Columns `label` and `unit`; n rows.
    sizes : DataFrame
        Columns `height` and `width`, px; n rows.
    traits : Traits
        Of the n cells.
    positive : str or None
        Positive class of two.
    """
    properties = {
        "A014": ("image size", _numbers(sizes["height"], sizes["width"])),
        "A015": ("file format", pd.get_dummies(pd.Series(traits.format)).to_numpy(dtype=np.float64)),
        "A016": ("file size", np.log(np.maximum(traits.file_bytes, 1.0))[:, None]),
        "A017": ("mean colour of the cell", traits.colour),
    }
    for code, (what, values) in properties.items():
        yield _probed(code, what, values, table, positive)


def probe(values: Floats, table: pd.DataFrame, positive: str | None, *, seed: int = 0) -> Estimate:
    """How well a few numbers of each cell tell the classes of patients that were not learned from.

    A random forest of shallow trees, every patient weighing the same within its class and the classes the same, on
    patient-grouped folds; the AUROC is patient-weighted, over pairs that one forest scored, macro one-vs-rest with more
    than two classes.

    Parameters
    ----------
    values : ndarray of float64, shape (n_cells, n_values)
        Finite. Where all rows are equal, the AUROC is 0.5 exactly.
    table : DataFrame
        Columns `label` and `unit`.
    positive : str or None
        Positive class of two.
    seed : int
        Of folds, forests and bootstrap.

    Raises
    ------
    BenchError
        A class has fewer than two split units.
    """
    y, units = (table[name].to_numpy().astype(str) for name in ("label", "unit"))
    folds = min(FOLDS, scarcest(y, units))
    if folds < 2:
        raise BenchError("a class has one patient only")
    classes = sorted(set(y))
    predictions = pd.DataFrame({"unit": units, "label": y, "repeat": 0, "fold": 0, "threshold": 0.5})
    predictions[probability_columns(classes)] = 0.0
    for fold, (train, test) in enumerate(PatientKFold(folds, random_state=seed).split(values, y, units)):
        forest = RandomForestClassifier(TREES, max_depth=4, random_state=seed, max_features=None)
        forest.fit(values[train], y[train], sample_weight=_weights(y[train], units[train]))
        rows = predictions.index[test]
        predictions.loc[rows, "fold"] = fold
        predictions.loc[rows, probability_columns(classes)] = forest.predict_proba(values[test])
    scores = score(predictions, classes=classes, positive=positive, draws=DRAWS, seed=seed).set_index("metric")
    value, low, high = (float(scores[name][PRIMARY]) for name in ("value", "low", "high"))
    return Estimate(value, low, high)


def _probed(
    code: str, what: str, values: Floats, table: pd.DataFrame, positive: str | None
) -> tuple[Check, Finding | None]:
    if len(np.unique(values, axis=0)) == 1:
        return Check(code, "nothing found", f"the {what} is the same throughout"), None
    try:
        found = probe(values, table, positive)
    except BenchError as error:
        return Check(code, "not checked", str(error)), None
    if not found.low > TELLING:
        return Check(code, "nothing found", str(found)), None
    artefact = code != "A017" and found.low > ARTEFACT
    finding = Finding(
        code,
        "error" if artefact else "warning",
        f"the {what} alone gives the class away",
        f"P{str(found)[1:]}. {_ADVICE[code]}",
    )
    return Check(code, "found", str(found)), finding


_FILES = (
    "A network can learn this in place of the cell; bring all images to one size, format and compression before "
    "anything is trained."
)
_ADVICE: Mapping[str, str] = {
    "A014": _FILES,
    "A015": _FILES,
    "A016": _FILES,
    "A017": "No split separates a stain from a disease where each patient was stained once; any score has to beat this "
    "one; bench matrix shows it as the row of the extractor stain.",
}


def _weights(y: npt.NDArray[Any], units: npt.NDArray[Any]) -> Floats:
    """Weights that give each class the same sum, and each split unit of a class the same share of it."""
    rows = pd.DataFrame({"y": y, "unit": units})
    cells = rows.groupby(["y", "unit"])["y"].transform("size")
    patients = rows.groupby("y")["unit"].transform("nunique")
    return np.asarray(1.0 / (cells * patients), dtype=np.float64)


def _numbers(*columns: pd.Series) -> Floats:
    return np.stack([column.to_numpy(dtype=np.float64) for column in columns], axis=1)
