"""Support vector machine on standardised features, calibrated on out-of-fold decision values."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, standardised
from classifiers.inner_splits import inner_splits
from classifiers.kernel_machine import Kernel, KernelMachine, fit_kernel_machine
from classifiers.platt import fit_sigmoid
from classifiers.weighting import row_weights
from extractors.grouped_splits import Cv, Split


@dataclass(frozen=True)
class PreparedMachine:
    """Fitted preprocessing and machine."""

    preparation: Pipeline
    machine: KernelMachine

    def decisions(self, X: Floats) -> Floats:
        """Compute decision values of raw features, shape (n_rows, n_machines)."""
        return self.machine.decisions(self.preparation.transform(X))


@dataclass(eq=False, repr=False, kw_only=True)
class Svm(FeatureClassifier):
    """Support vector machine with calibrated probabilities; one-vs-rest for more than two classes.

    Features are imputed by the median and standardised. Sigmoids on out-of-fold decision values of the training
    patients give the probabilities. If a class has fewer than two patients, there are no such splits: the sigmoids are
    fitted on the decision values of the training cells, with a warning, and `calibration_` is "training". The sigmoids
    use the same weights as the machine, so that with `balance` other than "none" the probabilities are those of
    balanced classes.

    Parameters
    ----------
    C : float
        Cost of margin violations, above 0.
    kernel : {"rbf", "linear", "poly", "sigmoid"}
        Kernel.
    gamma : "scale" or float
        Kernel coefficient, not used by "linear"; "scale" is 1 / (number of features x variance), as in scikit-learn.
    gamma_factor : float
        Factor on `gamma`, above 0, so that one search space is valid for any number of features.
    degree : int
        Degree of "poly".
    coef0 : float
        Constant of "poly" and "sigmoid".
    balance : {"patients", "cells", "none"}
        Weighting of cells; see `classifiers.weighting.row_weights`.
    cv : splitter, iterable of (train, test), or None
        Splits for the calibration. None: four patient-disjoint folds, see `classifiers.inner_splits`.

    Attributes
    ----------
    calibration_ : {"out-of-fold", "training"}
        Source of the decision values for the sigmoids.
    machine_ : PreparedMachine
        The machine trained on all cells.
    sigmoids_ : list of Sigmoid
        One per machine.

    Notes
    -----
    Up to 20,000 cells, 8 bytes of memory are used for each pair of cells.
    """

    C: float = 1.0
    kernel: str = "rbf"
    gamma: float | str = "scale"
    gamma_factor: float = 1.0
    degree: int = 3
    coef0: float = 0.0
    balance: str = "patients"
    cv: Cv = None

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Draw C and, for kernels other than "linear", the factor on gamma."""
        if self.kernel == "linear":
            return {"C": trial.suggest_float("C", 1e-4, 1e1, log=True)}
        return {
            "C": trial.suggest_float("C", 1e-2, 1e3, log=True),
            "gamma_factor": trial.suggest_float("gamma_factor", 1e-2, 1e1, log=True),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        weights = row_weights(codes, units, self.balance)
        splits = inner_splits(self.cv, X, self.classes_[codes], units)
        self._begin()
        self.machine_ = self._fit_machine(X, codes, weights)
        if splits:
            rows, decisions = self._out_of_fold(X, codes, units, splits)
            self.calibration_ = "out-of-fold"
        else:
            warnings.warn(
                f"{type(self).__name__}: a class has fewer than two patients, so the probabilities are calibrated on "
                "the training cells themselves and will be overconfident",
                stacklevel=3,
            )
            rows, decisions = np.arange(len(X)), self.machine_.decisions(X)
            self.calibration_ = "training"
        absent = np.setdiff1d(codes, codes[rows])
        if len(absent):
            raise ValueError(f"no test part of cv has a cell of class {self.classes_[absent[0]]}; use other splits")
        # Platt's targets depend on the number of independent observations: patients, not cells.
        scale = len(np.unique(units[rows])) / weights[rows].sum()
        classes = [1] if decisions.shape[1] == 1 else range(decisions.shape[1])
        self.sigmoids_ = [
            fit_sigmoid(decisions[:, column], codes[rows] == code, weights[rows] * scale)
            for column, code in enumerate(classes)
        ]

    def _probabilities(self, X: Floats) -> Floats:
        decisions = self.machine_.decisions(X)
        values = np.stack([sigmoid(column) for sigmoid, column in zip(self.sigmoids_, decisions.T, strict=True)], 1)
        if values.shape[1] == 1:
            return np.hstack([1.0 - values, values])
        values = np.maximum(values, np.finfo(np.float64).tiny)
        return np.asarray(values / values.sum(axis=1, keepdims=True), dtype=np.float64)

    def _out_of_fold(self, X: Floats, codes: Codes, units: Units, splits: list[Split]) -> tuple[Codes, Floats]:
        decisions = []
        for train, test in splits:
            weights = row_weights(codes[train], units[train], self.balance)
            decisions.append(self._fit_machine(X[train], codes[train], weights).decisions(X[test]))
        return np.concatenate([test for _, test in splits]), np.concatenate(decisions)

    def _fit_machine(self, X: Floats, codes: Codes, weights: Floats) -> PreparedMachine:
        preparation = self._prepare(X, codes, weights)
        Z = preparation.transform(X)
        kernel = Kernel(self.kernel, self._gamma(Z), self.degree, self.coef0)
        return PreparedMachine(preparation, fit_kernel_machine(Z, codes, weights, kernel=kernel, C=self.C))

    def _gamma(self, Z: Floats) -> float:
        if isinstance(self.gamma, str) and self.gamma != "scale":
            raise ValueError(f'gamma={self.gamma!r} is not valid; it is "scale" or a number above 0')
        variance = float(Z.var())
        base = 1.0 / (Z.shape[1] * variance or 1.0) if isinstance(self.gamma, str) else float(self.gamma)
        gamma = base * self.gamma_factor
        if not gamma > 0 or not np.isfinite(gamma):
            raise ValueError(f"gamma={self.gamma!r} with gamma_factor={self.gamma_factor!r}: both must be above 0")
        return gamma

    def _begin(self) -> None:
        """Draw the random state that all machines of one fit share."""

    def _prepare(self, X: Floats, codes: Codes, weights: Floats) -> Pipeline:
        """Fit the preprocessing on these rows."""
        return standardised().fit(X)
