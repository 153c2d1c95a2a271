"""Colour statistics against scikit-image, SciPy, NumPy and colours by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from skimage.color import rgb2hsv, rgb2lab

from extractors.cells import CellFile, Cells
from extractors.handcrafted.color import CHANNELS, SCALES, Color
from extractors.handcrafted.framework.cell_regions import REGIONS, CellRegions
from extractors.handcrafted.framework.channels import Channels
from extractors.handcrafted.framework.first_order import STATISTICS
from extractors.handcrafted.framework.status import Status

NAMES = tuple(feature.name for feature in STATISTICS)


@pytest.fixture(scope="module")
def cell(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, mask and nucleus."""
    mask = draw.ellipse(40, 30, 0.4)
    nucleus = draw.ellipse(27, 20, 0.4)
    placed = np.pad(nucleus, (len(mask) - len(nucleus)) // 2)
    image = np.where(placed[..., None], draw.speckled(mask) * [0.6, 0.5, 0.9], draw.speckled(mask, 1))
    return image.astype(np.uint8), mask, placed


def test_every_statistic_of_every_channel_in_every_region(cell: Any) -> None:
    image, mask, nucleus = cell
    extractor = Color(regions=REGIONS, channels=CHANNELS, statistics=NAMES)
    result = extractor.measure(CellRegions(image, mask, nucleus=nucleus))
    lab, hsv, od = rgb2lab(image), rgb2hsv(image), -np.log10((image + 1.0) / 256)
    planes = dict(zip(("red", "green", "blue"), np.moveaxis(image.astype(float), -1, 0), strict=True))
    planes |= {"saturation": hsv[..., 1], "value": image.max(axis=-1), "luma": image @ [0.299, 0.587, 0.114]}
    planes |= {"lightness": lab[..., 0], "a": lab[..., 1], "b": lab[..., 2]}
    planes |= dict(zip(("od_red", "od_green", "od_blue"), np.moveaxis(od, -1, 0), strict=True))
    planes |= dict(zip(("methylene_blue", "eosin"), Channels(image).stains, strict=True))
    regions = {"cell": mask, "nucleus": nucleus, "cytoplasm": mask & ~nucleus}
    assert len(result) == 3 * (14 * 9 + 3)
    for region, inside in regions.items():
        for name, plane in planes.items():
            values = plane[inside].astype(np.float64)
            p10, p25, p50, p75, p90 = np.percentile(values, [10, 25, 50, 75, 90])
            expected = {"mean": values.mean(), "sd": values.std(), "skewness": stats.skew(values)}
            expected |= {"kurtosis": stats.kurtosis(values), "p10": p10, "p50": p50, "p90": p90, "iqr": p75 - p25}
            expected["entropy"] = stats.entropy(np.histogram(values, 32)[0], base=2)
            for statistic, value in expected.items():
                key = f"color.{statistic}.{region}.{name}"
                near = 0.02 if statistic == "entropy" else 2e-4
                assert result[key] == pytest.approx(value, rel=1e-5, abs=near), key
        hue = np.exp(2j * np.pi * hsv[inside, 0]).mean()
        assert result[f"color.resultant.{region}.hue"] == pytest.approx(abs(hue), rel=1e-5)
        assert result[f"color.cosine.{region}.hue"] == pytest.approx((hue / abs(hue)).real, abs=1e-5)
        assert result[f"color.sine.{region}.hue"] == pytest.approx((hue / abs(hue)).imag, abs=1e-5)


def test_every_column_has_unit_range_and_formula() -> None:
    columns = {column.name: column.feature for column in Color().catalogue()}
    assert len(columns) == 123
    assert all(feature.formula and feature.unit and feature.range and feature.source for feature in columns.values())
    assert columns["color.sd.cell.red"].unit == "grey level"
    assert columns["color.p10.nucleus.lightness"].range == "[0, 100]"
    assert columns["color.skewness.cell.eosin"].unit == "1"
    assert columns["color.difference.nucleus.eosin"].formula.startswith(
        "mean in the nucleus less mean in the cytoplasm"
    )


def test_differences_are_left_out_where_both_means_are_columns() -> None:
    def differences(**parameters: Any) -> list[str]:
        return [name for name in Color(**parameters).get_feature_names_out() if "difference" in name]

    assert len(differences()) == 9
    assert differences(regions="cell") == []
    assert differences(regions=["nucleus", "cytoplasm"]) == []
    assert len(differences(regions=["nucleus", "cytoplasm"], statistics="sd")) == 9
    assert differences(channels=["hue", "green"]) == ["color.difference.nucleus.green"]


def test_hues_on_both_sides_of_red_average_to_red() -> None:
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, :4], image[:, 4:] = (200, 0, 40), (200, 40, 0)
    result = Color().measure(CellRegions(image, np.ones((4, 8), dtype=bool)))
    assert result["color.cosine.cell.hue"] == pytest.approx(1)
    assert result["color.sine.cell.hue"] == pytest.approx(0, abs=1e-6)
    assert result["color.resultant.cell.hue"] == pytest.approx(np.cos(np.deg2rad(12)), rel=1e-6)


def test_a_nucleus_that_fills_its_cell_has_no_difference(cell: Any) -> None:
    image, mask, _ = cell
    result = Color().measure(CellRegions(image, mask, nucleus=mask))
    assert result["color.mean.nucleus.green"] == result["color.mean.cell.green"]
    assert result["color.difference.nucleus.green"] is Status.TOO_SMALL
    cytoplasm = Color(regions="cytoplasm", channels=CHANNELS).measure(CellRegions(image, mask, nucleus=mask))
    assert set(cytoplasm.values()) == {Status.TOO_SMALL}


@pytest.mark.parametrize("channel", SCALES)
def test_no_colour_is_outside_the_range_of_its_channel(channel: str) -> None:
    levels = np.append(np.arange(0, 255, 17), 255).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    exact, unit = Channels(cube).plane(channel)
    low, high = (float(end) for end in SCALES[channel].range.strip("[()]").split(","))
    slack = 0.01 if "2.41" in SCALES[channel].range else 1e-5
    assert low - slack <= exact.min() / unit
    assert exact.max() / unit <= high + slack
    if np.isfinite(low):  # and the range is no wider than the colours are
        assert exact.min() / unit - low < 0.01 * (high - low)
        assert high - exact.max() / unit < 0.01 * (high - low)


def test_no_two_columns_are_redundant_on_real_cells(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))
    features = Color().transform(Cells([CellFile(path.stem, str(path)) for path in paths]))
    known = features[np.isfinite(features).all(axis=1)].astype(np.float64)
    assert len(known) > 40
    assert np.abs(np.triu(np.corrcoef(known.T), 1)).max() < 0.999


def test_real_cells_have_every_column_but_for_a_nucleus_that_is_missing(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_1/*/*.bmp"))[::5]
    cells = [CellFile(path.stem, str(path)) for path in paths]
    features, status = Color().transform_with_status(Cells(cells))
    names = Color().get_feature_names_out()
    assert set(np.unique(status)) <= {Status.OK, Status.NO_NUCLEUS}
    # Chromatin is purple: it absorbs green more, and binds more methylene blue, than the cytoplasm.
    for channel, sign in (("green", -1), ("lightness", -1), ("methylene_blue", 1)):
        column = features[:, list(names).index(f"color.difference.nucleus.{channel}")]
        assert (sign * column[np.isfinite(column)] > 0).all()


def test_nucleus_against_cytoplasm(draw: Any) -> None:
    mask, inner = draw.disc(40), np.pad(draw.disc(24), 16)
    image = np.where(inner[..., None], [63, 31, 127], np.where(mask[..., None], [127, 127, 127], 0)).astype(np.uint8)
    result = Color(channels=["od_red", "od_green", "od_blue", "luma"]).measure(CellRegions(image, mask))
    expected = {"od_red": np.log10(2), "od_green": np.log10(4), "od_blue": 0}
    for name, value in expected.items():
        assert result[f"color.difference.nucleus.{name}"] == pytest.approx(value, abs=0.01)
    assert result["color.difference.nucleus.luma"] == pytest.approx(0.299 * -64 + 0.587 * -96, abs=0.5)


def test_flat_grey_has_neither_hue_nor_form(draw: Any) -> None:
    mask = draw.disc(12)
    extractor = Color(regions="cell", statistics=NAMES)
    result = extractor.measure(
        CellRegions(np.where(mask[..., None], np.uint8(120), np.uint8(0)).repeat(3, axis=2), mask)
    )
    undefined = ("skewness", "kurtosis", "entropy", "cosine", "sine", "resultant")
    for name, value in result.items():
        assert (value is Status.FLAT) == (name.split(".")[1] in undefined), name
    assert result["color.mean.cell.red"] == result["color.p10.cell.blue"] == 120
    assert result["color.sd.cell.red"] == result["color.iqr.cell.lightness"] == 0
    default = Color().measure(CellRegions(np.full((9, 9, 3), 120, dtype=np.uint8), np.ones((9, 9), dtype=bool)))
    assert {value for name, value in default.items() if ".nucleus." in name} == {Status.NO_NUCLEUS}


def test_opposite_hues_have_no_direction() -> None:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0], image[1] = (90, 0, 0), (0, 90, 90)
    result = Color().measure(CellRegions(image, np.ones((2, 2), dtype=bool)))
    assert result["color.resultant.cell.hue"] == pytest.approx(0, abs=1e-6)
    assert result["color.cosine.cell.hue"] is Status.FLAT


def test_names_are_what_is_measured(cell: Any) -> None:
    assert list(Color().measure(CellRegions(*cell[:2]))) == list(Color().get_feature_names_out())
