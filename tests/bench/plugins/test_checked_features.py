"""Values that an extractor may not return."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import BenchError
from bench.plugins.checked_features import check_weights, checked_features
from extractors.cells import CellFile, Cells

CELLS = Cells([CellFile("c0", "c0.png"), CellFile("c1", "c1.png")])


class _Stub:
    def __init__(self, value: float, status: int | None) -> None:
        self.values = np.array([[1, 2], [3, value]], np.float32)
        if status is not None:
            codes = np.array([[0, 0], [0, status]], np.uint8)
            self.transform_with_status = lambda cells: (self.values, codes)

    def transform(self, cells: Cells) -> object:
        return self.values

    def get_feature_names_out(self) -> list[str]:
        return ["a", "b"]


class _Network(_Stub):
    def weights_file(self) -> None:
        """No file: random weights."""


@pytest.mark.parametrize(
    ("extractor", "word"),
    [
        (_Stub(np.inf, None), "infinite"),
        (_Stub(-np.inf, 3), "infinite"),
        (_Stub(np.nan, 0), "NaN"),
        (_Network(np.nan, None), "NaN"),
        (_Network(np.inf, None), "infinite"),
    ],
)
def test_infinity_and_nan_without_a_reason_are_refused(extractor: _Stub, word: str) -> None:
    message = rf"^stub: feature b is {word} for cell c1 \(c1\.png\), and 0 more values are infinite or NaN without"
    with pytest.raises(BenchError, match=message):
        checked_features(extractor, CELLS, "stub")


@pytest.mark.parametrize("extractor", [_Stub(np.nan, 3), _Stub(np.nan, None), _Stub(5, 0), _Network(5, None)])
def test_an_undefined_feature_with_a_reason_is_passed_on(extractor: _Stub) -> None:
    features = checked_features(extractor, CELLS, "stub")
    np.testing.assert_array_equal(features.values, extractor.values)


def test_a_configuration_that_changed_is_refused() -> None:
    class Network:
        config_sha256_ = "a"

        def config_digest(self) -> str:
            return "b"

    check_weights(Network(), None, "net", config="a")
    with pytest.raises(BenchError, match=r"net: the config\.json of its network changed since it was scanned"):
        check_weights(Network(), None, "net", config="c")
    unfitted = Network()
    unfitted.config_sha256_ = ""
    check_weights(unfitted, None, "net", config="b")
