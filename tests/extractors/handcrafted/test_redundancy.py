"""No column of the default set is redundant."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from extractors.cells import Cell
from extractors.handcrafted.catalogue import Handcrafted

CELLS = 150
TOGETHER = {(f"color.cosine.{region}.hue", f"color.sine.{region}.hue") for region in ("cell", "nucleus")}
"""Pairs of columns that encode a direction together."""


@pytest.mark.slow
def test_no_column_is_a_function_of_another() -> None:
    spec = PhantomSpec(cells=3, spread=0, signature=2, mixture="size")
    images = [image for image, _ in itertools.islice(phantom_cells(spec), CELLS)]
    features = Handcrafted().transform([Cell(str(i), image) for i, image in enumerate(images)])
    table = pd.DataFrame(features, columns=Handcrafted().get_feature_names_out())
    varied = table.loc[:, table.nunique() > 20]
    # Equal order on every cell: each is a monotone function of the other.
    order = np.abs(varied.rank().corr().to_numpy())
    one, other = np.nonzero(np.triu(order, 1) > 1 - 1e-4)
    same = {(varied.columns[i], varied.columns[j]) for i, j in zip(one, other, strict=True)}
    assert same - TOGETHER == set()
