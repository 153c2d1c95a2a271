"""Decision values equal those of libsvm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from classifiers import kernel_machine
from classifiers.kernel_machine import Kernel, fit_kernel_machine


@pytest.mark.parametrize("name", ["rbf", "linear", "poly", "sigmoid"])
@pytest.mark.parametrize("gram_rows", [20_000, 10])
def test_decision_values_equal_libsvm(name: str, gram_rows: int, planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_machine, "GRAM_ROWS", gram_rows)
    data = planted(signal=1.0)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(data.y))
    kernel = Kernel(name, 0.05, 2, 0.5)
    ours = fit_kernel_machine(data.X, data.y, weights, kernel=kernel, C=0.7)
    theirs = SVC(C=0.7, kernel=name, gamma=0.05, degree=2, coef0=0.5).fit(data.X, data.y, sample_weight=weights)
    unseen = planted(seed=5).X
    np.testing.assert_allclose(ours.decisions(unseen)[:, 0], theirs.decision_function(unseen), atol=1e-9)


def test_multiclass_is_one_vs_rest(planted: Any) -> None:
    data = planted((4, 4, 4))
    weights = np.ones(len(data.y))
    machine = fit_kernel_machine(data.X, data.y, weights, kernel=Kernel("rbf", 0.1, 3, 0.0), C=1.0)
    decisions = machine.decisions(data.X)
    for code in range(3):
        theirs = SVC(gamma=0.1).fit(data.X, data.y == code)
        np.testing.assert_allclose(decisions[:, code], theirs.decision_function(data.X), atol=1e-9)
    assert len(machine.support) < len(data.X)


def test_unknown_kernel_raises(planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match="kernel='rfb' is not known; it is one of rbf, linear, poly, sigmoid"):
        fit_kernel_machine(data.X, data.y, np.ones(len(data.y)), kernel=Kernel("rfb", 1.0, 3, 0.0), C=1.0)
