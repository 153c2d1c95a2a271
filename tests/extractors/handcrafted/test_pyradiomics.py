"""Matrix families and grey levels against pyradiomics, on phantoms and on real cells."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extractors.cells import Cell, CellFile, Cells
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.quantisation import Binning, Quantised, quantise
from extractors.handcrafted.glcm import cooccurrences, haralick
from extractors.handcrafted.gldm import Gldm
from extractors.handcrafted.glrlm import Glrlm
from extractors.handcrafted.glszm import Glszm
from extractors.handcrafted.ngtdm import Ngtdm

pytest.importorskip("radiomics", reason="pyradiomics, of the extra `speed`, is not installed")

import SimpleITK
from radiomics import glcm as peer_glcm
from radiomics import gldm as peer_gldm
from radiomics import glrlm as peer_glrlm
from radiomics import glszm as peer_glszm
from radiomics import imageoperations
from radiomics import ngtdm as peer_ngtdm

logging.getLogger("radiomics").setLevel(logging.ERROR)

BINS = [Binning(32), Binning(8), Binning(32, 8.0)]
NAMES = {
    "glcm": {
        "asm": "JointEnergy",
        "contrast": "Contrast",
        "correlation": "Correlation",
        "variance": "SumSquares",
        "idm": "Idm",
        "sum_average": "SumAverage",
        "sum_variance": "ClusterTendency",
        "sum_entropy": "SumEntropy",
        "entropy": "JointEntropy",
        "difference_variance": "DifferenceVariance",
        "difference_entropy": "DifferenceEntropy",
        "imc1": "Imc1",
        "imc2": "Imc2",
        "mcc": "MCC",
        "homogeneity": "Id",
        "dissimilarity": "DifferenceAverage",
        "idn": "Idn",
        "idmn": "Idmn",
        "inverse_variance": "InverseVariance",
        "cluster_shade": "ClusterShade",
        "cluster_prominence": "ClusterProminence",
        "max_probability": "MaximumProbability",
    },
    "glrlm": {
        "short_run_emphasis": "ShortRunEmphasis",
        "long_run_emphasis": "LongRunEmphasis",
        "grey_level_nonuniformity_normalised": "GrayLevelNonUniformityNormalized",
        "run_length_nonuniformity_normalised": "RunLengthNonUniformityNormalized",
        "run_percentage": "RunPercentage",
        "grey_level_variance": "GrayLevelVariance",
        "run_length_variance": "RunVariance",
        "run_entropy": "RunEntropy",
        "low_grey_level_emphasis": "LowGrayLevelRunEmphasis",
        "high_grey_level_emphasis": "HighGrayLevelRunEmphasis",
        "short_run_low_grey_level_emphasis": "ShortRunLowGrayLevelEmphasis",
        "short_run_high_grey_level_emphasis": "ShortRunHighGrayLevelEmphasis",
        "long_run_low_grey_level_emphasis": "LongRunLowGrayLevelEmphasis",
        "long_run_high_grey_level_emphasis": "LongRunHighGrayLevelEmphasis",
    },
    "glszm": {
        "small_zone_emphasis": "SmallAreaEmphasis",
        "large_zone_emphasis": "LargeAreaEmphasis",
        "grey_level_nonuniformity_normalised": "GrayLevelNonUniformityNormalized",
        "zone_size_nonuniformity_normalised": "SizeZoneNonUniformityNormalized",
        "zone_percentage": "ZonePercentage",
        "grey_level_variance": "GrayLevelVariance",
        "zone_size_variance": "ZoneVariance",
        "zone_entropy": "ZoneEntropy",
        "low_grey_level_emphasis": "LowGrayLevelZoneEmphasis",
        "high_grey_level_emphasis": "HighGrayLevelZoneEmphasis",
        "small_zone_low_grey_level_emphasis": "SmallAreaLowGrayLevelEmphasis",
        "small_zone_high_grey_level_emphasis": "SmallAreaHighGrayLevelEmphasis",
        "large_zone_low_grey_level_emphasis": "LargeAreaLowGrayLevelEmphasis",
        "large_zone_high_grey_level_emphasis": "LargeAreaHighGrayLevelEmphasis",
    },
    "ngtdm": {
        "coarseness": "Coarseness",
        "contrast": "Contrast",
        "busyness": "Busyness",
        "complexity": "Complexity",
        "strength": "Strength",
    },
    "gldm": {
        "small_dependence_emphasis": "SmallDependenceEmphasis",
        "large_dependence_emphasis": "LargeDependenceEmphasis",
        "dependence_nonuniformity_normalised": "DependenceNonUniformityNormalized",
        "grey_level_variance": "GrayLevelVariance",
        "dependence_variance": "DependenceVariance",
        "dependence_entropy": "DependenceEntropy",
        "low_grey_level_emphasis": "LowGrayLevelEmphasis",
        "high_grey_level_emphasis": "HighGrayLevelEmphasis",
        "small_dependence_low_grey_level_emphasis": "SmallDependenceLowGrayLevelEmphasis",
        "small_dependence_high_grey_level_emphasis": "SmallDependenceHighGrayLevelEmphasis",
        "large_dependence_low_grey_level_emphasis": "LargeDependenceLowGrayLevelEmphasis",
        "large_dependence_high_grey_level_emphasis": "LargeDependenceHighGrayLevelEmphasis",
    },
}
PEERS = {
    "glcm": peer_glcm.RadiomicsGLCM,
    "glrlm": peer_glrlm.RadiomicsGLRLM,
    "glszm": peer_glszm.RadiomicsGLSZM,
    "ngtdm": peer_ngtdm.RadiomicsNGTDM,
    "gldm": peer_gldm.RadiomicsGLDM,
}


def glcm_means(levels: Quantised) -> dict[str, Any]:
    return {name: values.mean() for name, values in haralick(cooccurrences(levels, distances=[1])[0]).items()}


OURS: dict[str, Any] = {
    "glcm": glcm_means,
    **{cls().family: cls()._measure_levels for cls in (Glrlm, Glszm, Ngtdm, Gldm)},
}


def peer_values(family: str, levels: Quantised) -> dict[str, float]:
    """What the peer makes of our grey levels; its bins of width 1 keep them as they are."""
    # Padded, since the peer finds no region in a mask that fills the image.
    image = SimpleITK.GetImageFromArray(levels.framed.astype(np.float64))
    region = SimpleITK.GetImageFromArray((levels.framed > 0).astype(np.uint8))
    return {name: float(value) for name, value in PEERS[family](image, region, binWidth=1).execute().items()}


def assert_equal_to_peer(family: str, plane: MaskedChannel, bins: Binning) -> None:
    levels = plane.quantised(bins)
    result, expected = OURS[family](levels), peer_values(family, levels)
    for ours, theirs in NAMES[family].items():
        # The peer adds 2e-16 to what it takes the logarithm of, and subtracts moments from moments.
        assert result[ours] == pytest.approx(expected[theirs], rel=1e-9, abs=1e-9), ours


def broken(draw: Any) -> np.ndarray:
    """Two bodies, one with a hole."""
    mask = np.hstack([draw.ellipse(15, 9, 0.4), np.pad(draw.disc(7), ((8, 8), (0, 0)))])
    mask[10:13, 20:22] = False
    return mask


@pytest.mark.parametrize("bins", BINS, ids=str)
@pytest.mark.parametrize("family", PEERS)
def test_phantoms(draw: Any, family: str, bins: Binning) -> None:
    for mask in (draw.disc(14), draw.ellipse(20, 13, 0.7), broken(draw)):
        assert_equal_to_peer(family, CellRegions(draw.speckled(mask), mask).masked_channel("cell", "luma"), bins)


@pytest.mark.parametrize("family", PEERS)
def test_real_cells(shared: Path, family: str) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::20]
    assert paths
    for cell in Cells(CellFile(path.stem, str(path)) for path in paths):
        assert_equal_to_peer(family, plane_of(cell), Binning(32))


def plane_of(cell: Cell) -> MaskedChannel:
    plane = CellRegions(cell.image, cell.mask).masked_channel("cell", "luma")
    assert isinstance(plane, MaskedChannel)
    return plane


@pytest.mark.parametrize("channel", ["luma", "green", "lightness", "od_red"])
@pytest.mark.parametrize(
    ("bins", "settings"),
    [
        (Binning(32), {"binCount": 32}),
        (Binning(7), {"binCount": 7}),
        (Binning(32, 10.0), {"binWidth": 10.0}),
        (Binning(32, 0.25), {"binWidth": 0.25}),
    ],
    ids=str,
)
def test_levels(draw: Any, channel: str, bins: Binning, settings: dict[str, Any]) -> None:
    mask = draw.ellipse(20, 13, 0.7)
    plane = CellRegions(draw.speckled(mask), mask).masked_channel("cell", channel)
    ours = quantise(plane.exact, plane.mask, bins, plane.unit)
    values = plane.exact / np.float64(plane.unit)
    theirs, _ = imageoperations.binImage(values, plane.mask, **settings)
    differ = np.flatnonzero(ours.levels[plane.mask] != theirs[plane.mask])
    # A value on an edge goes up; the peer's edges are rounded, so that it may go down there, by one.
    assert len(differ) <= 0.01 * plane.mask.sum()
    np.testing.assert_allclose(theirs[plane.mask][differ], ours.levels[plane.mask][differ], atol=1)
    assert ours.levels[plane.mask].min() == 1
    assert ours.levels.max() <= ours.count
