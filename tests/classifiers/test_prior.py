"""The prior compared with closed forms: shares, Brier score, log loss, AUROC and F1."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from classifiers.prior import Prior


class Unreadable:
    """Cells that have only a length."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, at: object) -> object:
        raise AssertionError("the prior accessed a cell")


def test_patients_are_counted_and_no_cell_is_read() -> None:
    """Three of a, one of b: 3/4 and 1/4, however many cells each has."""
    cells = [1, 2, 5, 40]
    groups, y = np.repeat(["p", "q", "r", "s"], cells), np.repeat(["a", "a", "a", "b"], cells)
    fitted = Prior().fit(Unreadable(48), y, groups=groups)
    assert fitted.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(fitted.predict_proba(Unreadable(3)), [[0.75, 0.25]] * 3, rtol=0, atol=1e-15)
    assert fitted.predict(Unreadable(2)).tolist() == ["a", "a"]


def test_without_groups_each_cell_is_a_patient() -> None:
    fitted = Prior().fit(Unreadable(4), [0, 2, 2, 1])
    assert fitted.shares_.tolist() == [0.25, 0.25, 0.5]


def test_a_patient_with_two_classes_contributes_in_proportion() -> None:
    """One patient of a alone, one with a quarter of a: (1 + 1/4) / 2 = 0.625."""
    fitted = Prior().fit(Unreadable(6), list("aa" + "abbb"), groups=list("ppqqqq"))
    assert fitted.shares_.tolist() == [0.625, 0.375]


def test_brier_score_and_log_loss_are_those_of_section_12() -> None:
    """pi = 7272/10661: pi (1 - pi) = .21684 and the entropy .62527; the AUROC of a constant is 1/2."""
    y = np.repeat(["ALL", "HEM"], [7272, 3389])
    p = Prior().fit(y, y).predict_proba(y)
    share = 7272 / 10661
    assert brier_score_loss(y == "ALL", p[:, 0]) == pytest.approx(share * (1 - share), abs=1e-12)
    assert brier_score_loss(y == "ALL", p[:, 0]) == pytest.approx(0.21684, abs=5e-6)
    assert log_loss(y, p) == pytest.approx(0.62527, abs=5e-6)
    assert roc_auc_score(y == "ALL", p[:, 0]) == 0.5


def test_weighted_f1_of_its_constant_decision_is_that_of_section_12() -> None:
    """2 pi^2 / (1 + pi) = .5532."""
    y = np.repeat(["ALL", "HEM"], [7272, 3389])
    decided = Prior().fit(y, y).predict(y)
    share = 7272 / 10661
    assert f1_score(y, decided, average="weighted") == pytest.approx(2 * share**2 / (1 + share), abs=1e-12)
    assert f1_score(y, decided, average="weighted") == pytest.approx(0.5532, abs=5e-5)


def test_leave_one_out_auroc_of_the_prior_is_zero() -> None:
    """10 + 10 patients, one left out at a time: the pooled AUROC is exactly 0, since the share falls with the class."""
    y = np.repeat([0, 1], 10)
    p = [Prior().fit(np.delete(y, i), np.delete(y, i)).predict_proba([0])[0, 1] for i in range(20)]
    assert roc_auc_score(y, p) == 0.0


def test_it_has_no_parameters() -> None:
    assert clone(Prior()).get_params() == {}
    assert (Prior.consumes, Prior.tunable) == ("cells", False)


@pytest.mark.parametrize(
    ("n", "y", "groups", "complaint"),
    [
        (0, [], None, "one label for each cell"),
        (3, ["a", "b"], None, "one label for each cell"),
        (2, ["a", "b"], ["p"], "one patient for each of the 2 cells"),
        (2, ["a", "b"], ["p", None], "groups has no value for 1 of 2 cells, the first of them cell 1"),
    ],
)
def test_invalid_input_raises(n: int, y: list[str], groups: list[str] | None, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Prior().fit(Unreadable(n), y, groups=groups)
