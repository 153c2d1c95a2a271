"""The exact interval of a proportion: published value."""

import pytest
from reference.clopper_pearson import clopper_pearson


def test_25_of_28():
    assert clopper_pearson(25, 28) == pytest.approx((0.71774, 0.97734), abs=1e-5)
