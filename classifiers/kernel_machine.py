"""Support vector machines on one Gram matrix: one class against the rest, decision values only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.svm import SVC

from classifiers.feature_classifier import Codes, Floats

KERNELS = ("rbf", "linear", "poly", "sigmoid")

GRAM_ROWS = 20_000
"""Up to so many rows the kernel is one matrix (3 GB here); beyond, libsvm computes its rows as it needs them."""

CACHE_MB = 500


@dataclass(frozen=True)
class Kernel:
    """k(a, b): exp(-gamma |a-b|^2), a.b, (gamma a.b + coef0)^degree or tanh(gamma a.b + coef0).

    Parameters
    ----------
    name : {"rbf", "linear", "poly", "sigmoid"}
        Which of them.
    gamma : float
        Above 0; unused by "linear".
    degree : int
        Of "poly".
    coef0 : float
        Of "poly" and "sigmoid".
    """

    name: str
    gamma: float
    degree: int
    coef0: float

    def __call__(self, A: Floats, B: Floats) -> Floats:
        """Gram matrix, float64 of shape (n_a, n_b)."""
        values = pairwise_kernels(
            A, B, metric=self.name, filter_params=True, gamma=self.gamma, degree=self.degree, coef0=self.coef0
        )
        return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class KernelMachine:
    """Trained machines that share their support vectors.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    support : ndarray of float64, shape (n_support, n_features)
        Rows that are a support vector of at least one machine.
    coefficients : ndarray of float64, shape (n_support, n_machines)
        Signed weights.
    intercepts : ndarray of float64, shape (n_machines,)
        Added to the sums.
    """

    kernel: Kernel
    support: Floats
    coefficients: Floats
    intercepts: Floats

    def decisions(self, X: Floats) -> Floats:
        """Decision values, float64 of shape (n_rows, n_machines); each is positive on its machine's class."""
        return np.asarray(self.kernel(X, self.support) @ self.coefficients + self.intercepts, dtype=np.float64)


def fit_kernel_machine(X: Floats, codes: Codes, weights: Floats, *, kernel: Kernel, C: float) -> KernelMachine:
    """Train one machine for two classes, else one for each class against the rest.

    A Gram matrix by matrix product, shared by the machines, takes a fraction of the time that libsvm needs for the
    kernel values one by one; the solution is the same.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
        Features without NaN, on one scale.
    codes : ndarray of int, shape (n_rows,)
        Class codes 0..n_classes-1, all present.
    weights : ndarray of float64, shape (n_rows,)
        Factor on C for each row, above 0.
    kernel : Kernel
        The kernel.
    C : float
        Cost of a margin violation, above 0.

    Returns
    -------
    KernelMachine

    Raises
    ------
    ValueError
        Unknown kernel, or C that is not above 0.
    """
    if kernel.name not in KERNELS:
        raise ValueError(f"kernel={kernel.name!r}; it is one of {', '.join(KERNELS)}")
    n_classes = int(codes.max()) + 1
    positives = [codes == 1] if n_classes == 2 else [codes == k for k in range(n_classes)]
    if len(X) <= GRAM_ROWS:
        rows, machine = kernel(X, X), SVC(C=C, kernel="precomputed", cache_size=CACHE_MB)
    else:
        machine = SVC(
            C=C, kernel=kernel.name, gamma=kernel.gamma, degree=kernel.degree, coef0=kernel.coef0, cache_size=CACHE_MB
        )
        rows = X
    coefficients = np.zeros((len(X), len(positives)))
    intercepts = np.zeros(len(positives))
    for column, positive in enumerate(positives):
        machine.fit(rows, positive, sample_weight=weights)
        coefficients[machine.support_, column] = machine.dual_coef_[0]
        intercepts[column] = machine.intercept_[0]
    used = np.flatnonzero(np.any(coefficients != 0, axis=1))
    return KernelMachine(kernel, X[used], coefficients[used], intercepts)
