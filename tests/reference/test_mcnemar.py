"""McNemar's tests: by hand, and published tables with clusters."""

import numpy as np
import pytest
from reference.mcnemar import clustered_mcnemar, exact_mcnemar
from scipy.stats import chi2, ttest_1samp

# Both tables are those of the R package clust.bin.pair 0.1.2 (MIT), copied at second hand; that they give all four
# published statistics each confirms them.
# Petryshen et al., in Eliasziw and Donner 1991: 29 psychiatrists and their 135 patients; pairs in which only the
# patient, and only the psychiatrist, found an item relevant.
ONLY_PATIENT = [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0]
ONLY_PSYCHIATRIST = [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1]
PAIRS = [7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1]
# Obuchowski 1998: glands of 21 patients that two ways of imaging read rightly (1) or not (0).
PET = "000 110 111 1 110 1111 111 11 11 1 110 11 111 11 00 110 110 110 11 1 11"
SPECT = "011 111 111 1 111 1111 111 11 10 1 110 11 111 11 11 110 110 111 11 1 11"


def test_exact_by_hand():
    assert exact_mcnemar(1, 9) == pytest.approx(0.021484375, abs=1e-12)  # 2 (C(10,0) + C(10,1)) / 2^10


@pytest.mark.parametrize(("method", "published"), [("obuchowski", 7.19), ("durkalski", 7.542), ("yang", 8.43)])
def test_psychiatrists(method, published):  # the first two in Durkalski 2003, the last in Yang 2010
    result = clustered_mcnemar(ONLY_PATIENT, ONLY_PSYCHIATRIST, PAIRS, method=method)
    assert result.statistic == pytest.approx(published, abs=0.0005 if method == "durkalski" else 0.005)
    assert result.p == pytest.approx(chi2.sf(published, 1), rel=0.005)


@pytest.mark.parametrize(("method", "published"), [("obuchowski", 2.86), ("durkalski", 2.32), ("yang", 3.13)])
def test_thyroids(method, published):  # the same; Obuchowski 1998 herself printed 2.88
    pairs = [list(zip(one, two, strict=True)) for one, two in zip(PET.split(), SPECT.split(), strict=True)]
    pet = [sum(pair == ("1", "0") for pair in patient) for patient in pairs]
    spect = [sum(pair == ("0", "1") for pair in patient) for patient in pairs]
    result = clustered_mcnemar(pet, spect, [len(patient) for patient in pairs], method=method)
    assert result.statistic == pytest.approx(published, abs=0.005)


def test_the_naive_statistics_of_both_are_larger():  # Durkalski 2003: 11.8451 and 4.5
    # With every cell a patient of its own, the clustered statistic is McNemar's (b - c)^2 / (b + c).
    for only_first, only_second, cells, published in (
        (sum(ONLY_PATIENT), sum(ONLY_PSYCHIATRIST), sum(PAIRS), 11.8451),
        (1, 7, 51, 4.5),
    ):
        first, second = np.zeros(cells), np.zeros(cells)
        first[:only_first], second[only_first : only_first + only_second] = 1, 1
        assert clustered_mcnemar(first, second, np.ones(cells)).statistic == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_clustered_statistics_follow_from_students_t(seed):
    # With t of the one-sample test of the patients' differences, (sum d)^2 / sum d^2 is K t^2 / (K - 1 + t^2).
    rng = np.random.default_rng(seed)
    cells = rng.integers(3, 30, size=25)
    first = rng.binomial(cells, 0.2)
    second = rng.binomial(cells - first, 0.3)
    k = len(cells)
    for method, differences, factor in (
        ("durkalski", (first - second) / cells, 1.0),
        ("obuchowski", first - second, (k - 1) / k),
    ):
        t = ttest_1samp(differences, 0).statistic
        result = clustered_mcnemar(first, second, cells, method=method)
        assert result.statistic == pytest.approx(factor * k * t**2 / (k - 1 + t**2), rel=1e-12)


def test_one_cell_a_patient_is_mcnemars_statistic():
    first, second = np.array([1] * 9 + [0] * 11), np.array([0] * 15 + [1] * 5)
    result = clustered_mcnemar(first, second, np.ones(20))
    assert result.statistic == pytest.approx((9 - 5) ** 2 / (9 + 5))


def test_copies_of_a_patients_cells_change_nothing():
    first, second, cells = np.array([3, 0, 2]), np.array([0, 1, 1]), np.array([9, 4, 6])
    once, many = clustered_mcnemar(first, second, cells), clustered_mcnemar(7 * first, 7 * second, 7 * cells)
    assert many.statistic == pytest.approx(once.statistic)


def test_no_discordant_cell():
    assert clustered_mcnemar([0, 0], [0, 0], [4, 5]).p == 1.0


def test_one_entry_a_patient():
    with pytest.raises(ValueError, match="one entry a patient"):
        clustered_mcnemar([1], [1, 2], [3, 4])


@pytest.mark.parametrize(("first", "second", "cells"), [([2, 0], [1, 1], [2, 4]), ([-1], [0], [3]), ([0], [0], [0])])
def test_counts_that_cannot_be_are_refused(first, second, cells):
    with pytest.raises(ValueError, match="fewer cells than decisions"):
        clustered_mcnemar(first, second, cells)
