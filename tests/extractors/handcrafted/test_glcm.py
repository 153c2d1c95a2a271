"""Co-occurrence texture against mahotas, scikit-image and hand-made matrices."""

from __future__ import annotations

from typing import Any

import mahotas
import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.channels import luma
from extractors.handcrafted.framework.quantisation import Binning, Quantised, quantise
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.glcm import MATRIX_FEATURES, Glcm, cooccurrences, haralick

NAMES = [feature.name for feature in MATRIX_FEATURES]
HARALICK = NAMES[:13]


def of(image: np.ndarray, mask: np.ndarray, **parameters: Any) -> dict[str, Any]:
    return Glcm(**parameters).measure(CellRegions(image, mask))


def levels_of(levels: Any, mask: Any, count: int) -> Quantised:
    return Quantised(np.where(np.asarray(mask, dtype=bool), levels, 0).astype(np.uint16), count)


@pytest.fixture(scope="module")
def textured(draw: Any) -> Quantised:
    mask = draw.ellipse(30, 22, 0.4)
    return quantise(luma(draw.speckled(mask)), mask, Binning(32), 1000)


@pytest.mark.parametrize("distance", [1, 3, 5])
def test_haralick_is_that_of_mahotas(textured: Any, distance: int) -> None:
    peer = mahotas.features.haralick(
        textured.levels,
        ignore_zeros=True,
        use_x_minus_y_variance=True,
        distance=distance,
    )
    result = haralick(cooccurrences(textured, distances=[distance])[0])
    ours = np.sort(np.stack([result[name] for name in HARALICK], axis=1), axis=0)
    # The peer walks the same four directions in another order.
    np.testing.assert_allclose(ours, np.sort(peer, axis=0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("distance", [1, 3, 5])
def test_mcc_is_that_of_haralicks_q(textured: Any, distance: int) -> None:
    # mahotas' own f14 exceeds 1, which a correlation cannot.
    counts = cooccurrences(textured, distances=[distance])[0]
    for matrix, result in zip(counts, haralick(counts)["mcc"], strict=True):
        occurs = matrix.any(axis=1)
        p = matrix[np.ix_(occurs, occurs)] / matrix.sum()
        marginal = p.sum(axis=1)
        q = (p / marginal[:, None]) @ (p / marginal[None, :]).T
        assert result == pytest.approx(np.sqrt(np.sort(np.linalg.eigvals(q).real)[-2]), rel=1e-9)


def test_of_two_levels_mcc_is_the_size_of_the_correlation() -> None:
    counts = np.array([[[30, 7], [7, 12]], [[3, 20], [20, 5]], [[4, 4], [4, 4]]])
    result = haralick(counts)
    np.testing.assert_allclose(result["mcc"], np.abs(result["correlation"]), atol=1e-15)


def test_one_level_is_defined_but_for_what_needs_variation() -> None:
    result = haralick(np.array([[[6]], [[0]]]))
    undefined = {"correlation", "imc1", "imc2", "mcc"}
    for name, (one, none) in result.items():
        assert np.isnan(none)
        assert np.isnan(one) == (name in undefined), name
    assert result["asm"][0] == result["idn"][0] == 1
    assert result["entropy"][0] == result["sum_variance"][0] == result["inverse_variance"][0] == 0


def test_counts_are_those_of_scikit_image(textured: Any) -> None:
    coded = textured.levels.astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    # The peer's distance along a diagonal is Euclidean and rounded, which for 1 is the diagonal neighbour.
    peer = graycomatrix(coded, [1], angles, levels=33, symmetric=True)[1:, 1:, 0]
    ours = cooccurrences(textured, distances=[1])[0]
    for counts in np.moveaxis(peer, 2, 0):
        assert any(np.array_equal(counts, mine) for mine in ours)
    totals = peer / peer.sum(axis=(0, 1))
    result = haralick(ours)
    for ours_name, peer_name in (("contrast", "contrast"), ("idm", "homogeneity"), ("asm", "ASM")):
        expected = graycoprops(totals[:, :, None], peer_name)[0]
        np.testing.assert_allclose(np.sort(result[ours_name]), np.sort(expected), rtol=1e-12)


def test_a_checkerboard_by_hand() -> None:
    board = np.indices((10, 10)).sum(axis=0) % 2
    result = haralick(cooccurrences(levels_of(board + 1, np.ones((10, 10)), 2), distances=[1])[0])
    # Along rows and columns every pair differs, along the diagonals none does.
    np.testing.assert_allclose(result["contrast"], [1, 0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(result["correlation"], [-1, 1, -1, 1], atol=1e-3)
    np.testing.assert_allclose(result["entropy"], [1, 1, 1, 1], atol=1e-3)
    np.testing.assert_allclose(result["imc1"], [-1, -1, -1, -1], atol=1e-9)


def test_dark_pixels_inside_count() -> None:
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:2] = 255
    result = of(image, np.ones((4, 4), dtype=bool), levels=2, distances=(1,))
    # 12 pairs each way along rows, none differs; 4 of 12 do along columns, 3 of 9 along each diagonal.
    assert result["glcm.contrast_mean.cell.luma.d1"] == pytest.approx(np.mean([0, 4 / 12, 3 / 9, 3 / 9]))
    assert result["glcm.contrast_range.cell.luma.d1"] == pytest.approx(1 / 3)


def test_without_pairs_is_too_small() -> None:
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3) * 9
    result = of(image, np.ones((3, 3), dtype=bool), distances=(1, 3))
    assert {v for name, v in result.items() if name.endswith("d3")} == {Status.TOO_SMALL}
    assert not any(isinstance(v, Status) for name, v in result.items() if name.endswith("d1"))


def test_a_direction_with_one_level_has_no_correlation() -> None:
    # Every pair along a row is (0, 0): the bright pixel stands alone in its row.
    image = np.zeros((3, 4, 3), dtype=np.uint8)
    image[2, 1] = 200
    mask = np.ones((3, 4), dtype=bool)
    mask[2, [0, 2, 3]] = False
    result = of(image, mask, levels=8, distances=(1,))
    for name in ("correlation", "imc1", "imc2", "mcc"):
        assert result[f"glcm.{name}_mean.cell.luma.d1"] is Status.FLAT
    assert not isinstance(result["glcm.contrast_mean.cell.luma.d1"], Status)


def test_names_follow_the_distances() -> None:
    assert len(Glcm().get_feature_names_out()) == 3 * 2 * len(NAMES)
    assert Glcm(distances=2).get_feature_names_out()[0] == "glcm.asm_mean.cell.luma.d2"
