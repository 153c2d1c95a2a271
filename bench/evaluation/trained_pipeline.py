"""A trained pipeline: predicts cells of any patient, without files, folds or the feature store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.plugins.checked_features import checked_features
from bench.scores.decisions import FittedDecision
from bench.scores.predictions import probability_columns
from classifiers.member_inputs import MemberInputs
from extractors.cells import Cells
from extractors.preparation.step import Step

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-4
"""How far probabilities may be from 0 to 1, and their sum from 1: float32 rounds."""


@dataclass(frozen=True)
class TrainedPipeline:
    """Everything that was learned from the training patients of one fold.

    Parameters
    ----------
    prepare : tuple of Step
        Preparation of each cell.
    extractor : scikit-learn transformer, tuple of them, or None
        Ready to transform; None if the classifier consumes cells. A tuple has one for each member of an ensemble.
    classifier : scikit-learn classifier
        Fitted.
    decision : FittedDecision
        Calibration and thresholds.
    classes : tuple of str
        Labels in the order of the probabilities.
    feature_names : tuple of str
        Names of the features; empty if the classifier consumes cells.
    """

    prepare: tuple[Step, ...]
    extractor: Any | None
    classifier: Any
    decision: FittedDecision
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]

    def predict(self, cells: Cells) -> pd.DataFrame:
        """Prepare cells, extract their features and predict them.

        Parameters
        ----------
        cells : Cells
            As read, not yet prepared.

        Returns
        -------
        DataFrame
            One row per cell: `cell` (its id) and the columns of `predict_inputs`.

        Raises
        ------
        BenchError
            The features or probabilities are invalid.
        ValueError, OSError
            A cell cannot be read or prepared.
        """
        prepared = Cells(replace(file, prepare=self.prepare) for file in cells.files)
        inputs = self._inputs(prepared)
        table = self.predict_inputs(inputs)
        table.insert(0, "cell", [file.id for file in cells.files])
        return table

    def predict_inputs(self, inputs: Any) -> pd.DataFrame:
        """Predict features, or prepared cells for a classifier that consumes cells.

        Returns
        -------
        DataFrame
            One row per cell: `p_<class>`, `threshold`, `patient_threshold`; with calibration also `raw_<class>`.

        Raises
        ------
        BenchError
            The probabilities are invalid.
        """
        raw = predict_probabilities(self.classifier, inputs, self.classes)
        table = pd.DataFrame(raw, columns=probability_columns(self.classes))
        return self.decision.add_to(table, raw, self.classes)

    def _inputs(self, cells: Cells) -> Any:
        if isinstance(self.extractor, tuple):
            own = self.extractor
            values = (cells if x is None else checked_features(x, cells, type(x).__name__).values for x in own)
            return MemberInputs(tuple(values))
        return cells if self.extractor is None else self._features(cells)

    def _features(self, cells: Cells) -> npt.NDArray[np.float32]:
        name = type(self.extractor).__name__
        features = checked_features(self.extractor, cells, name)
        if features.names != self.feature_names:
            raise BenchError(
                f"{name}: returns {len(features.names)} features; the pipeline was trained on "
                f"{len(self.feature_names)} features with other names or in another order"
            )
        return features.values


def predict_probabilities(classifier: Any, inputs: Any, classes: Sequence[str]) -> Floats:
    """Predict the class probabilities of each cell and check them.

    Returns
    -------
    ndarray of float64, shape (n_cells, n_classes)

    Raises
    ------
    BenchError
        The classifier has other classes, or its probabilities have another shape, are not finite, are outside 0 to 1
        or do not sum to 1.
    """
    values = np.asarray(classifier.predict_proba(inputs), dtype=np.float64)
    if not np.array_equal(np.asarray(classifier.classes_).astype(str), list(classes)):
        raise BenchError(f"the classifier has classes {classifier.classes_}, the data {np.asarray(classes)}")
    shape = (len(inputs), len(classes))
    if values.shape != shape:
        raise BenchError(f"the classifier returned probabilities of shape {values.shape}; {shape} is expected")
    infinite = ~np.isfinite(values).all(axis=1)
    outside = ((values < -_ROUNDING) | (values > 1 + _ROUNDING)).any(axis=1)
    off = np.abs(values.sum(axis=1) - 1) > _ROUNDING
    for rows, fault in ((infinite, "are not finite"), (outside, "are outside 0 to 1"), (off, "do not sum to 1")):
        if rows.any():
            first = ", ".join(f"{p:g}" for p in values[np.argmax(rows)])
            raise BenchError(
                f"the classifier's probabilities {fault} for {int(rows.sum())} of {len(values)} cells, such as {first}"
            )
    return values
