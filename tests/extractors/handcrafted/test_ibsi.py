"""Every matrix family on the digital phantom of the Image Biomarker Standardisation Initiative.

Reference values are those of its manual for the 2-D case: of each slice, averaged over slices and, where there are
directions, over these. Some values of the manual are no columns of ours, since others give them; they are made from
those others here, which shows that they do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import size_zone_statistics
from extractors.handcrafted.glcm import cooccurrences, haralick
from extractors.handcrafted.gldm import DEPENDENCE_FEATURES, dependences
from extractors.handcrafted.glrlm import RUN_FEATURES, runs
from extractors.handcrafted.glszm import FEATURES as ZONE_FEATURES
from extractors.handcrafted.glszm import zones
from extractors.handcrafted.ngtdm import neighbourhoods, tone_features

LEVELS = 6
Values = dict[str, Any]


def of_pairs(slice_: Quantised) -> Values:
    result = haralick(cooccurrences(slice_, distances=[1])[0])
    second_moment = result["sum_variance"] + result["sum_average"] ** 2
    return result | {"autocorrelation": (second_moment - result["contrast"]) / 4}


def of_runs(slice_: Quantised) -> Values:
    counts = runs(slice_)
    result = named(RUN_FEATURES, size_zone_statistics(counts, np.arange(1, counts.shape[2] + 1)))
    return raw(result, "run", "run_length", np.count_nonzero(slice_.levels))


def of_zones(slice_: Quantised) -> Values:
    counts, sizes = zones(slice_)
    result = named(ZONE_FEATURES, size_zone_statistics(counts[None], sizes))
    return raw(result, "zone", "zone_size", np.count_nonzero(slice_.levels))


def of_dependences(slice_: Quantised) -> Values:
    return named(DEPENDENCE_FEATURES, size_zone_statistics(dependences(slice_)[None], np.arange(1, 10)))


def of_neighbourhoods(slice_: Quantised) -> Values:
    return tone_features(*neighbourhoods(slice_))


def named(features: Any, values: np.ndarray) -> Values:
    return {feature.name: row for feature, row in zip(features, values, strict=True)}


def raw(result: Values, item: str, size: str, area: int) -> Values:
    """With the non-uniformities that are not normalised."""
    items = result[f"{item}_percentage"] * area
    return result | {
        "grey_level_nonuniformity": result["grey_level_nonuniformity_normalised"] * items,
        f"{size}_nonuniformity": result[f"{size}_nonuniformity_normalised"] * items,
    }


FAMILIES: dict[str, tuple[Callable[[Quantised], Values], dict[str, str]]] = {
    "glcm": (
        of_pairs,
        {
            "ASM": "asm",
            "contrast": "contrast",
            "correlation": "correlation",
            "joint_variance": "variance",
            "IDM": "idm",
            "sum_average": "sum_average",
            "sum_variance": "sum_variance",
            "sum_entropy": "sum_entropy",
            "joint_entropy": "entropy",
            "difference_variance": "difference_variance",
            "difference_entropy": "difference_entropy",
            "IMC1": "imc1",
            "IMC2": "imc2",
            "joint_maximum": "max_probability",
            "autocorrelation": "autocorrelation",
            "cluster_shade": "cluster_shade",
            "cluster_prominence": "cluster_prominence",
            "ID": "homogeneity",
            "IDN": "idn",
            "IDMN": "idmn",
            "inverse_variance": "inverse_variance",
        },
    ),
    "glrlm": (
        of_runs,
        {
            "SRE": "short_run_emphasis",
            "LRE": "long_run_emphasis",
            "LGRE": "low_grey_level_emphasis",
            "HGRE": "high_grey_level_emphasis",
            "SRLGE": "short_run_low_grey_level_emphasis",
            "SRHGE": "short_run_high_grey_level_emphasis",
            "LRLGE": "long_run_low_grey_level_emphasis",
            "LRHGE": "long_run_high_grey_level_emphasis",
            "GLNU": "grey_level_nonuniformity",
            "RLNU": "run_length_nonuniformity",
            "RP": "run_percentage",
            "GLV": "grey_level_variance",
            "RV": "run_length_variance",
            "RE": "run_entropy",
        },
    ),
    "glszm": (
        of_zones,
        {
            "SZE": "small_zone_emphasis",
            "LZE": "large_zone_emphasis",
            "LGZE": "low_grey_level_emphasis",
            "HGZE": "high_grey_level_emphasis",
            "GLNU": "grey_level_nonuniformity",
            "ZSNU": "zone_size_nonuniformity",
            "ZP": "zone_percentage",
            "ZE": "zone_entropy",
        },
    ),
    "ngtdm": (
        of_neighbourhoods,
        {name: name for name in ("coarseness", "contrast", "busyness", "complexity", "strength")},
    ),
    "ngldm": (
        of_dependences,
        {"SDE": "small_dependence_emphasis", "LDE": "large_dependence_emphasis", "DE": "dependence_entropy"},
    ),
}


@pytest.fixture(scope="module")
def phantom(shared: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((shared / "data/ibsi-phantom.json").read_text())
    return read


def slices(phantom: dict[str, Any]) -> list[Quantised]:
    return [
        Quantised(np.where(np.array(inside, dtype=bool), grey, 0).astype(np.uint16), LEVELS)
        for grey, inside in zip(phantom["levels"], phantom["mask"], strict=True)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_digital_phantom(phantom: dict[str, Any], family: str) -> None:
    of, names = FAMILIES[family]
    expected = phantom["expected_2d_averaged"][family]
    assert set(names) == set(expected)
    result = [of(slice_) for slice_ in slices(phantom)]
    for theirs, ours in names.items():
        mean = float(np.mean([values[ours] for values in result]))
        assert float(f"{mean:.3g}") == pytest.approx(expected[theirs], rel=1e-9), theirs


def test_every_family_of_the_phantom_is_tested(phantom: dict[str, Any]) -> None:
    assert set(phantom["expected_2d_averaged"]) == set(FAMILIES)
