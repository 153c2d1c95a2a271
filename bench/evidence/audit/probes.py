"""Probes for artefacts that predict the class: image size, file format, file size, stain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from bench.errors import BenchError
from bench.evidence.audit.findings import Check, Finding
from bench.evidence.audit.traits import Traits
from bench.evidence.text import capital
from bench.scores.metrics import score
from bench.scores.predictions import probability_columns
from bench.scores.primary import Estimate, primary_estimate
from bench.splits.folds import PatientKFold, min_units_per_class
from bench.statistics.arrays import Floats, Values

PREDICTIVE = 0.55
"""Lower interval end of the AUROC above which a property is reported as predictive: see docs/audit/A014.md."""

ARTEFACT = 0.9
"""The same limit for an error: the dataset is not usable."""

FOLDS = 5
TREES = 50
DRAWS = 2000


def probes(
    table: pd.DataFrame, sizes: pd.DataFrame, traits: Traits, positive: str | None
) -> Iterator[tuple[Check, Finding | None]]:
    """Yield the outcome of each probe, and its finding if there is one.

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
        "A014": ("image size", sizes[["height", "width"]].to_numpy(dtype=np.float64)),
        "A015": ("file format", pd.get_dummies(pd.Series(traits.format)).to_numpy(dtype=np.float64)),
        "A016": ("file size", np.log(np.maximum(traits.file_bytes, 1.0))[:, None]),
        "A017": ("mean colour of the cell", traits.colour),
    }
    for code, (what, values) in properties.items():
        yield _run_probe(code, what, values, table, positive)


def probe(values: Floats, table: pd.DataFrame, positive: str | None, *, seed: int = 0) -> Estimate:
    """Estimate how well a few values per cell predict the class of unseen patients.

    A random forest of shallow trees with equal weights of patients within a class and of classes, on patient-grouped
    folds; patient-weighted AUROC over pairs scored by one forest, macro one-vs-rest with more than two classes.

    Parameters
    ----------
    values : ndarray of float64, shape (n_cells, n_values)
        Finite values. If all rows are equal, the AUROC is exactly 0.5.
    table : DataFrame
        Columns `label` and `unit`.
    positive : str or None
        Positive class of two.
    seed : int
        Seed of folds, forests and bootstrap.

    Raises
    ------
    BenchError
        A class has fewer than two split units.
    """
    y, units = (table[name].to_numpy().astype(str) for name in ("label", "unit"))
    folds = min(FOLDS, min_units_per_class(y, units))
    if folds < 2:
        raise BenchError("a class has only one patient")
    classes = sorted(set(y))
    predictions = pd.DataFrame({"unit": units, "label": y, "repeat": 0, "fold": 0, "threshold": 0.5})
    predictions[probability_columns(classes)] = 0.0
    for fold, (train, test) in enumerate(PatientKFold(folds, random_state=seed).split(values, y, units)):
        forest = RandomForestClassifier(TREES, max_depth=4, random_state=seed, max_features=None)
        forest.fit(values[train], y[train], sample_weight=_weights(y[train], units[train]))
        rows = predictions.index[test]
        predictions.loc[rows, "fold"] = fold
        predictions.loc[rows, probability_columns(classes)] = forest.predict_proba(values[test])
    return primary_estimate(score(predictions, classes=classes, positive=positive, draws=DRAWS, seed=seed))


def _run_probe(
    code: str, what: str, values: Floats, table: pd.DataFrame, positive: str | None
) -> tuple[Check, Finding | None]:
    if len(np.unique(values, axis=0)) == 1:
        return Check(code, "nothing found", f"the {what} is constant"), None
    try:
        estimate = probe(values, table, positive)
    except BenchError as error:
        return Check(code, "not checked", str(error)), None
    measured = f"patient-weighted AUROC {estimate} on unseen patients"
    # A property that separates all patients is reported whatever the number of patients allows as a lower bound.
    low = 1.0 if estimate.value == 1 else estimate.low
    if not low > PREDICTIVE:
        return Check(code, "nothing found", measured), None
    artefact = code != "A017" and low > ARTEFACT
    detail = f"{capital(measured)}. {_ADVICE[code]}"
    finding = Finding(code, "error" if artefact else "warning", f"the {what} alone predicts the class", detail)
    return Check(code, "found", measured), finding


_ADVICE: Mapping[str, str] = {
    **dict.fromkeys(
        ("A014", "A015", "A016"),
        "A network can learn this instead of the cell; convert all images to one size, format and compression before "
        "training.",
    ),
    "A017": "No split separates stain from disease if each patient was stained once; compare scores with this one, "
    "which bench matrix shows in the row of the extractor stain.",
}


def _weights(y: Values, units: Values) -> Floats:
    """Weights with equal sums per class, and equal shares of the split units of a class."""
    rows = pd.DataFrame({"y": y, "unit": units})
    cells = rows.groupby(["y", "unit"])["y"].transform("size")
    patients = rows.groupby("y")["unit"].transform("nunique")
    return np.asarray(1.0 / (cells * patients), dtype=np.float64)
