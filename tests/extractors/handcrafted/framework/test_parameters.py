"""Validation of parameters, and the limits of each family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.catalogue import EXTRACTORS
from extractors.handcrafted.framework.parameters import validated_integer, validated_integers, validated_names


@pytest.mark.parametrize("value", [1, 7, 4.0, True, "4", None])
def test_an_integer_out_of_range_or_of_another_type_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"steps=.*: expected an integer from 2 to 6$"):
        validated_integer("steps", value, 2, 6)


@pytest.mark.parametrize("values", [(), 0, 8, (1, 1), (1.0,), True, (False,), 4.5, "12", np.array([1, 2])])
def test_distinct_integers_in_range_are_required(values: Any) -> None:
    with pytest.raises(ValueError, match=r"scales=.*: expected one or more distinct integers from 1 to 7$"):
        validated_integers("scales", values, 1, 7)


def test_valid_parameters_are_normalised() -> None:
    assert validated_integer("steps", 2, 2) == 2
    assert validated_integers("scales", 3, 1) == (3,)
    assert validated_integers("scales", [5, 1], 1, 5) == (5, 1)
    assert validated_names("b", "abc", "letter") == ("b",)
    assert validated_names(["c", "a", "c"], "abc", "letter") == ("a", "c")


def test_unknown_names_are_reported_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown letter 'd'; choose from a, b, c"):
        validated_names(["a", "d"], "abc", "letter")
    with pytest.raises(ValueError, match="expected at least one letter; choose from a, b, c"):
        validated_names([], "abc", "letter")


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("zernike", {"degree": 1}, "from 2 to 20"),
        ("zernike", {"degree": 21}, "from 2 to 20"),
        ("fourier", {"harmonics": 1}, "from 2 to 64"),
        ("fourier", {"harmonics": 65}, "from 2 to 64"),
        ("nucleus", {"nucleolus_contrast": 0}, "between 0 and 1"),
        ("nucleus", {"nucleolus_contrast": 1.5}, "between 0 and 1"),
        ("nucleus", {"nucleolus_area": -0.1}, r"in \[0, 1\)"),
        ("color", {"regions": "nuclei"}, "unknown region 'nuclei'"),
        ("color", {"channels": "purple"}, "unknown channel 'purple'"),
        ("color", {"statistics": ["median"]}, "unknown statistic 'median'"),
        ("color", {"statistics": []}, "at least one statistic"),
        *((name, {"levels": 1}, "from 2 to 256") for name in ("glcm", "glrlm", "glszm", "ngtdm", "gldm")),
        *((name, {"levels": 257}, "from 2 to 256") for name in ("glcm", "glrlm", "glszm", "ngtdm", "gldm")),
        *((name, {"bin_width": 0.0}, "a positive number") for name in ("glcm", "glrlm", "glszm", "ngtdm", "gldm")),
        ("glcm", {"distances": (0, 1)}, "of at least 1"),
        ("lbp", {"scales": 0}, "from 1 to 7"),
        ("lbp", {"scales": 8}, "from 1 to 7"),
        ("hog", {"regions": "nuclei"}, "unknown region 'nuclei'"),
        ("pftas", {"channels": "purple"}, "unknown channel 'purple'"),
        ("gabor", {"wavelengths": (2, 4)}, "of at least 3"),
        ("gabor", {"orientations": 5}, "an even number"),
        ("gabor", {"orientations": 0}, "of at least 2"),
        ("wavelets", {"wavelet": "sym4"}, "unknown wavelet 'sym4'; choose from haar, bior1.3, bior2.2"),
        ("wavelets", {"depth": 0}, "from 1 to 6"),
        ("wavelets", {"depth": 7}, "from 1 to 6"),
        ("granularity", {"steps": 0}, "steps=0: expected an integer of at least 1"),
        ("granularity", {"block": 0.5}, "block=0.5: expected an integer of at least 1"),
        ("granularity", {"granules": "grey"}, "unknown type of granules 'grey'; choose from dark, bright"),
        ("tamura", {"largest": 0}, "from 1 to 8"),
        ("tamura", {"largest": 9}, "from 1 to 8"),
    ],
)
def test_invalid_parameters_of_a_family_are_errors(family: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EXTRACTORS[family](**parameters).fit([])
