"""Sample weights that balance classes and patients."""

from __future__ import annotations

import numpy as np

from classifiers.feature_classifier import Codes, Floats, Units

BALANCES = ("patients", "cells", "none")
"""The values of the parameter `balance`."""


def row_weights(codes: Codes, units: Units, balance: str) -> Floats:
    """Compute the weight of each row; the mean weight is 1.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Class codes 0..n_classes-1, all present.
    units : ndarray of shape (n_rows,)
        The patient of each row.
    balance : {"patients", "cells", "none"}
        "patients": all classes have the same total weight, and within a class all patients have the same total weight,
        as in the patient-weighted metrics. "cells": all classes have the same total weight and the cells of a class
        equal weights, scikit-learn's `class_weight="balanced"`. "none": 1 for each row. If each row is its own patient,
        the first two are equal.

    Returns
    -------
    ndarray of float64, shape (n_rows,)

    Raises
    ------
    ValueError
        Unknown value of `balance`.
    """
    if balance not in BALANCES:
        raise ValueError(f"balance={balance!r} is not known; it is one of {', '.join(BALANCES)}")
    if balance == "none":
        return np.ones(len(codes))
    rows_of_class = np.bincount(codes)
    if balance == "cells":
        return np.asarray(len(codes) / (len(rows_of_class) * rows_of_class[codes]), dtype=np.float64)
    patients = np.unique(units, return_inverse=True)[1]
    pairs, pair_of_row, rows_of_pair = np.unique(
        np.stack([codes, patients]), axis=1, return_inverse=True, return_counts=True
    )
    patients_of_class = np.bincount(pairs[0])
    share = 1.0 / (patients_of_class[codes] * rows_of_pair[pair_of_row.ravel()])
    return np.asarray(share * len(codes) / len(patients_of_class), dtype=np.float64)
