"""One-vs-rest support vector machines on a shared Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.svm import SVC

from classifiers.feature_classifier import Codes, Floats

KERNELS = ("rbf", "linear", "poly", "sigmoid")

GRAM_ROWS = 20_000
"""Maximum number of rows for a precomputed Gram matrix (3 GB); above, libsvm computes kernel rows on demand."""

CACHE_MB = 500


@dataclass(frozen=True)
class Kernel:
    """k(a, b): exp(-gamma |a-b|^2), a.b, (gamma a.b + coef0)^degree or tanh(gamma a.b + coef0).

    Parameters
    ----------
    name : {"rbf", "linear", "poly", "sigmoid"}
        Name of the kernel.
    gamma : float
        Coefficient, above 0; not used by "linear".
    degree : int
        Degree; used by "poly".
    coef0 : float
        Constant; used by "poly" and "sigmoid".
    """

    name: str
    gamma: float
    degree: int
    coef0: float

    def __call__(self, A: Floats, B: Floats) -> Floats:
        """Compute the Gram matrix, float64 of shape (n_a, n_b)."""
        values = pairwise_kernels(
            A, B, metric=self.name, filter_params=True, gamma=self.gamma, degree=self.degree, coef0=self.coef0
        )
        return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class KernelMachine:
    """Fitted machines that share their support vectors.

    Parameters
    ----------
    kernel : Kernel
        Kernel of all machines.
    support : ndarray of float64, shape (n_support, n_features)
        Support vectors of at least one machine.
    coefficients : ndarray of float64, shape (n_support, n_machines)
        Dual coefficients.
    intercepts : ndarray of float64, shape (n_machines,)
        Intercepts.
    """

    kernel: Kernel
    support: Floats
    coefficients: Floats
    intercepts: Floats

    def decisions(self, X: Floats) -> Floats:
        """Compute decision values, float64 of shape (n_rows, n_machines), positive for the machine's class."""
        return np.asarray(self.kernel(X, self.support) @ self.coefficients + self.intercepts, dtype=np.float64)


def fit_kernel_machine(X: Floats, codes: Codes, weights: Floats, *, kernel: Kernel, C: float) -> KernelMachine:
    """Fit one machine for two classes, or one per class against the rest.

    A shared Gram matrix, computed by matrix products, takes a fraction of the time of libsvm's single kernel values;
    the solution is the same.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
        Standardised features without NaN.
    codes : ndarray of int, shape (n_rows,)
        Class codes 0..n_classes-1, all present.
    weights : ndarray of float64, shape (n_rows,)
        Factor on C for each row, above 0.
    kernel : Kernel
        Kernel of all machines.
    C : float
        Cost of margin violations, above 0.

    Returns
    -------
    KernelMachine

    Raises
    ------
    ValueError
        Unknown kernel, or C is not above 0.
    """
    if kernel.name not in KERNELS:
        raise ValueError(f"kernel={kernel.name!r} is not known; it is one of {', '.join(KERNELS)}")
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
