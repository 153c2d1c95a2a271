import numpy as np
import pytest
from scipy.stats import ttest_1samp

from bench.statistics.mcnemar import clustered_mcnemar, exact_mcnemar


def test_exact_by_hand():
    assert exact_mcnemar(1, 9) == pytest.approx(0.021484375, abs=1e-12)  # 2 (C(10,0) + C(10,1)) / 2^10


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
        found = clustered_mcnemar(first, second, cells, method=method)
        assert found.statistic == pytest.approx(factor * k * t**2 / (k - 1 + t**2), rel=1e-12)


def test_one_cell_a_patient_is_mcnemars_statistic():
    first, second = np.array([1] * 9 + [0] * 11), np.array([0] * 15 + [1] * 5)
    found = clustered_mcnemar(first, second, np.ones(20))
    assert found.statistic == pytest.approx((9 - 5) ** 2 / (9 + 5))


def test_copies_of_a_patients_cells_change_nothing():
    first, second, cells = np.array([3, 0, 2]), np.array([0, 1, 1]), np.array([9, 4, 6])
    once, many = clustered_mcnemar(first, second, cells), clustered_mcnemar(7 * first, 7 * second, 7 * cells)
    assert many.statistic == pytest.approx(once.statistic)


def test_no_discordant_cell():
    assert clustered_mcnemar([0, 0], [0, 0], [4, 5]).p == 1.0


def test_one_entry_a_patient():
    with pytest.raises(ValueError, match="one entry a patient"):
        clustered_mcnemar([1], [1, 2], [3, 4])
