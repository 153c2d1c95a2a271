"""First-order statistics against SciPy, NumPy, pyradiomics and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from extractors.handcrafted.framework.first_order import STATISTICS, first_order
from extractors.handcrafted.framework.status import Status

SAMPLES = {
    "normal": np.random.default_rng(0).normal(3, 2, 25_000),
    "grey levels": np.random.default_rng(1).integers(0, 256, 10_001),
    "skewed": np.random.default_rng(2).gamma(2, size=77),
    "two": np.array([1.0, 2.0]),
    "one far away": np.append(np.zeros(1000), 1e6),
    "negative": -np.random.default_rng(3).uniform(5, 6, 500),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_they_are_those_of_scipy_and_numpy(name: str) -> None:
    values = SAMPLES[name].astype(np.float32)
    exact = values.astype(np.float64)
    p10, p25, p50, p75, p90 = np.percentile(exact, [10, 25, 50, 75, 90])
    counts, _ = np.histogram(exact, 32)
    expected = {
        "mean": exact.mean(),
        "sd": exact.std(),
        "skewness": stats.skew(exact),
        "kurtosis": stats.kurtosis(exact),
        "p10": p10,
        "p50": p50,
        "p90": p90,
        "iqr": p75 - p25,
        "entropy": stats.entropy(counts, base=2),
    }
    result = first_order(values)
    assert tuple(result) == tuple(expected) == tuple(feature.name for feature in STATISTICS)
    for key, value in expected.items():
        assert result[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


def test_entropy_is_that_of_the_grey_levels() -> None:
    """The same bins as the quantised plane of textures, whose levels are cut in whole numbers."""
    values = np.random.default_rng(0).integers(13, 210, 5000)
    levels = np.minimum(32 * (values - values.min()) // np.ptp(values), 31)
    assert first_order(values.astype(np.float32))["entropy"] == pytest.approx(
        stats.entropy(np.bincount(levels), base=2), rel=1e-12
    )


def test_closed_forms() -> None:
    """0, 1, ..., 320: variance (n^2 - 1) / 12, excess kurtosis -6/5 (n^2 + 1) / (n^2 - 1), percentiles on a line."""
    n = 321
    result = first_order(np.arange(n, dtype=np.float32))
    assert result["sd"] == pytest.approx(np.sqrt((n**2 - 1) / 12), rel=1e-12)
    assert result["skewness"] == pytest.approx(0, abs=1e-12)
    assert result["kurtosis"] == pytest.approx(-6 / 5 * (n**2 + 1) / (n**2 - 1), rel=1e-12)
    assert (result["p10"], result["p50"], result["p90"], result["iqr"]) == (32, 160, 288, 160)
    assert result["entropy"] == pytest.approx(5, abs=1e-3)


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e4, 1e4, width=32)))
def test_percentiles_are_those_of_numpy(values: np.ndarray) -> None:
    result = first_order(values)
    expected = np.percentile(values.astype(np.float64), [10, 50, 90])
    np.testing.assert_allclose([result["p10"], result["p50"], result["p90"]], expected, rtol=1e-12, atol=1e-9)


def test_a_unit_scales_what_has_one() -> None:
    values = SAMPLES["skewed"].astype(np.float32)
    in_units, plain = first_order(values, 1000.0), first_order(values)
    for name in ("mean", "sd", "p10", "p50", "p90", "iqr"):
        assert in_units[name] == pytest.approx(plain[name] / 1000, rel=1e-12)
    for name in ("skewness", "kurtosis", "entropy"):
        assert in_units[name] == plain[name]


def test_equal_values_have_no_form() -> None:
    result = first_order(np.full(9, 7.25, dtype=np.float32))
    assert {result[name] for name in ("skewness", "kurtosis", "entropy")} == {Status.FLAT}
    assert [result[name] for name in ("mean", "p10", "p50", "p90")] == [7.25] * 4
    assert (result["sd"], result["iqr"]) == (0, 0)


def test_they_are_those_of_pyradiomics() -> None:
    firstorder = pytest.importorskip("radiomics.firstorder", reason="pyradiomics, a test oracle, is not installed")
    sitk = pytest.importorskip("SimpleITK", reason="pyradiomics, a test oracle, is not installed")
    rng = np.random.default_rng(4)
    image = rng.gamma(3, 20, (1, 30, 40))
    mask = rng.random(image.shape) < 0.7
    oracle = firstorder.RadiomicsFirstOrder(
        sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask.astype(np.uint8)), binCount=32
    )
    oracle.enableAllFeatures()
    expected = {key: float(value) for key, value in oracle.execute().items()}
    result = first_order(image[mask].astype(np.float32))
    assert result["mean"] == pytest.approx(expected["Mean"], rel=1e-6)
    assert result["sd"] == pytest.approx(np.sqrt(expected["Variance"]), rel=1e-6)
    assert result["skewness"] == pytest.approx(expected["Skewness"], rel=1e-5)
    assert result["kurtosis"] == pytest.approx(expected["Kurtosis"] - 3, rel=1e-5)
    assert result["p10"] == pytest.approx(expected["10Percentile"], rel=1e-6)
    assert result["p50"] == pytest.approx(expected["Median"], rel=1e-6)
    assert result["p90"] == pytest.approx(expected["90Percentile"], rel=1e-6)
    assert result["iqr"] == pytest.approx(expected["InterquartileRange"], rel=1e-6)
    assert result["entropy"] == pytest.approx(expected["Entropy"], rel=1e-3)
