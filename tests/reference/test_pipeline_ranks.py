"""Rank statistics without tie correction: Demsar's published values."""

import numpy as np
import pytest
from reference.pipeline_ranks import elo_difference, iman_davenport


def test_iman_davenport_of_demsar():  # Demsar 2006, table 6: four variants of C4.5 on 14 datasets
    chi2, f, _ = iman_davenport([3.143, 2.000, 2.893, 1.964], 14)
    assert chi2 == pytest.approx(9.28, abs=0.005)
    assert f == pytest.approx(3.69, abs=0.005)


def test_iman_davenport_where_all_tie():
    assert iman_davenport([2, 2, 2], 6) == (0, 0, 1)


def test_elo_difference():
    assert elo_difference(0.75) == pytest.approx(400 * np.log10(3), abs=1e-9)
    assert elo_difference(0.75) == pytest.approx(190.85, abs=0.005)
    assert elo_difference(1.0) == np.inf
    with pytest.raises(ValueError, match="between 0 and 1"):
        elo_difference(1.2)
