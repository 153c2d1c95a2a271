"""Intervals of proportions: published and closed forms."""

import numpy as np
import pytest

from bench.statistics.proportions import wilson


def test_25_of_28():  # EVALUATION.md, section 12
    assert wilson(25, 28) == pytest.approx((0.72804, 0.96288), abs=5e-6)


def test_wilson_of_none_and_all():
    # Closed form at 0 of n: the upper end is z^2 / (n + z^2).
    z2 = 1.959963984540054**2
    assert wilson(0, 10) == pytest.approx((0, z2 / (10 + z2)), abs=1e-12)
    assert wilson(10, 10) == pytest.approx((1 - z2 / (10 + z2), 1), abs=1e-12)


def test_no_patients_no_interval():
    assert np.isnan(wilson(0, 0)).all()
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(3, 2)
