"""Statistics of counts by grey level and size, shared by run, zone and dependence matrices."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from extractors.arrays import Float64Array, Int64Array
from extractors.handcrafted.framework.bases import GreyLevelBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.status import FeatureValues


class SizeZoneBase(GreyLevelBase):
    """A family of statistics of counts by grey level and size.

    Parameters: see `GreyLevelBase`.
    """

    statistics: ClassVar[tuple[Feature, ...]]
    """Result of `emphasis_features`, of which `features` may omit some."""

    @abstractmethod
    def _counts(self, quantised: Quantised) -> tuple[Int64Array, Int64Array]:
        """Arguments of `size_zone_statistics`; the features are means over the matrices."""

    def _measure_levels(self, quantised: Quantised) -> FeatureValues:
        values = size_zone_statistics(*self._counts(quantised)).mean(axis=1)
        return dict(zip(keyed(self.statistics), values.tolist(), strict=True))


def emphasis_features(*, item: str, small: str, large: str, size: str, source: str) -> tuple[Feature, ...]:
    """Table of the features of `size_zone_statistics`, in the same order.

    Both non-uniformities are normalised; the others are these times the number of items, which grows with the area.

    Parameters
    ----------
    item : str
        Counted item, such as `run`.
    small, large : str
        Names of small and large items, such as `short_run` and `long_run`.
    size : str
        Name of the size, such as `run_length`.
    source : str
        Reference of the definitions.
    """

    def of(name: str, formula: str, values: str) -> Feature:
        return Feature(name, formula, "1", values, source)

    return (
        of(f"{small}_emphasis", "sum p / s^2", "(0, 1]"),
        of(f"{large}_emphasis", "sum p s^2", "[1, inf)"),
        of("grey_level_nonuniformity_normalised", "sum over levels of (sum over sizes of p)^2", "(0, 1]"),
        of(f"{size}_nonuniformity_normalised", "sum over sizes of (sum over levels of p)^2", "(0, 1]"),
        of(f"{item}_percentage", f"number of {item}s / number of pixels", "(0, 1]"),
        of("grey_level_variance", "variance of the level under p", "[0, inf)"),
        of(f"{size}_variance", "variance of the size under p", "[0, inf)"),
        of(f"{item}_entropy", "entropy of p, bits", "[0, inf)"),
        of("low_grey_level_emphasis", "sum p / i^2", "(0, 1]"),
        of("high_grey_level_emphasis", "sum p i^2", "[1, inf)"),
        of(f"{small}_low_grey_level_emphasis", "sum p / (i^2 s^2)", "(0, 1]"),
        of(f"{small}_high_grey_level_emphasis", "sum p i^2 / s^2", "(0, inf)"),
        of(f"{large}_low_grey_level_emphasis", "sum p s^2 / i^2", "(0, inf)"),
        of(f"{large}_high_grey_level_emphasis", "sum p i^2 s^2", "[1, inf)"),
    )


def size_zone_statistics(counts: Int64Array, sizes: Int64Array) -> Float64Array:
    """Compute each feature of each matrix, with p = counts / their sum and levels numbered from 1.

    Parameters
    ----------
    counts : ndarray of int64, shape (n, levels, k)
        Number of items by level and size; each matrix has at least one.
    sizes : ndarray of int64, shape (k,)
        In pixels, at least 1.

    Returns
    -------
    ndarray of float64, shape (14, n)
        Rows in the order of `emphasis_features`.
    """
    level = np.arange(1, counts.shape[1] + 1)
    by_level, by_size = counts.sum(axis=2), counts.sum(axis=1)
    total = by_level.sum(axis=1)
    # Floats: a level of 1024 squared times a zone of 10^7 pixels squared overflows a 64-bit integer.
    high, large = level.astype(np.float64) ** 2, sizes.astype(np.float64) ** 2
    low, small = 1 / high, 1 / large
    low_by_size, high_by_size = np.einsum("nik,i->nk", counts, low), np.einsum("nik,i->nk", counts, high)
    return np.stack(
        [
            by_size @ small / total,
            by_size @ large / total,
            (by_level**2).sum(axis=1) / total**2,
            (by_size**2).sum(axis=1) / total**2,
            total / (by_size @ sizes),
            _variance(by_level, level),
            _variance(by_size, sizes),
            _entropy(counts),
            by_level @ low / total,
            by_level @ high / total,
            low_by_size @ small / total,
            high_by_size @ small / total,
            low_by_size @ large / total,
            high_by_size @ large / total,
        ]
    )


def _variance(counts: Int64Array, values: Int64Array) -> Float64Array:
    total = counts.sum(axis=1)
    mean = counts @ values / total
    return np.asarray((counts * (values - mean[:, None]) ** 2).sum(axis=1) / total)


def _entropy(counts: Int64Array) -> Float64Array:
    p = counts / counts.sum(axis=(1, 2), keepdims=True)
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=(1, 2)) + 0.0)
