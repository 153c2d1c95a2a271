"""The transformers: contract, names, statuses, degenerate cells, real cells."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from extractors.cells import Cell, CellFile, Cells
from extractors.handcrafted.catalogue import EXTRACTORS, FAMILIES, Handcrafted
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.size import Size

OUTLINES = ("size", "shape", "zernike", "fourier", "clefting")
"""Families that are measured on outlines."""


@pytest.fixture(scope="module")
def cells(draw: Any) -> list[Cell]:
    """Cells with a dark, cleft nucleus in a paler, textured body."""
    cells = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        nucleus = draw.cleft_nucleus(seed + 1, 0.2, rng)
        mask = np.pad(draw.ellipse(nucleus.shape[0] / 2 + 8, nucleus.shape[0] / 2 + 3), 2)
        edge = (np.array(mask.shape) - nucleus.shape) // 2
        placed = np.zeros_like(mask)
        placed[edge[0] : edge[0] + nucleus.shape[0], edge[1] : edge[1] + nucleus.shape[1]] = nucleus
        image = np.where(mask[..., None], 0.6 * np.array([130, 80, 150]) + 0.4 * draw.speckled(mask, seed), 0)
        stained = image * np.where(placed[..., None], [0.4, 0.2, 0.7], 1)  # chromatin absorbs green most, blue least
        cells.append(Cell(f"c{seed}", stained.astype(np.uint8), mask))
    return cells


@pytest.fixture(scope="module")
def measured(cells: list[Cell]) -> tuple[np.ndarray, np.ndarray]:
    return Handcrafted().transform_with_status(cells)


def test_a_plain_cell_has_every_feature(measured: Any) -> None:
    features, status = measured
    names = Handcrafted().get_feature_names_out()
    assert features.dtype == np.float32
    assert status.dtype == np.uint8
    assert features.shape == status.shape == (3, len(names))
    assert len(set(names)) == len(names)
    assert not status.any()
    assert np.isfinite(features).all()


def test_planted_clefts_are_counted_in_the_cell(measured: Any) -> None:
    counts = measured[0][:, list(Handcrafted().get_feature_names_out()).index("clefting.count.nucleus")]
    assert counts.tolist() == [1, 2, 3]


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_columns_of_the_catalogue(cells: list[Cell], measured: Any, family: str) -> None:
    single = EXTRACTORS[family]()
    names = Handcrafted().get_feature_names_out()
    validated_names = np.array([name.split(".")[0] == family for name in names])
    np.testing.assert_array_equal(single.get_feature_names_out(), names[validated_names])
    np.testing.assert_array_equal(single.fit(cells).transform(cells), measured[0][:, validated_names])


def test_a_cell_does_not_depend_on_its_batch(cells: list[Cell], measured: Any) -> None:
    alone = np.vstack([Handcrafted().transform([cell]) for cell in reversed(cells)])[::-1]
    np.testing.assert_array_equal(alone, measured[0])


def test_features_do_not_depend_on_the_position_in_the_image(cells: list[Cell], measured: Any) -> None:
    moved = [
        Cell(cell.id, np.pad(cell.image, ((9, 2), (0, 31), (0, 0))), np.pad(cell.mask, ((9, 2), (0, 31))))
        for cell in cells
    ]
    np.testing.assert_array_equal(Handcrafted().transform(moved), measured[0])


def flat_cell(size: int) -> Cell:
    image = np.zeros((size + 8, size + 8, 3), dtype=np.uint8)
    image[4:-4, 4:-4] = (90, 60, 120)
    return Cell("flat", image, image.any(axis=2))


@pytest.mark.parametrize("pixels", [(1, 1), (1, 2), (1, 40), (2, 2), (3, 3), (2, 30), (5, 5)])
def test_tiny_regions_have_reasons_and_never_raise(pixels: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    image[4 : 4 + pixels[0], 4 : 4 + pixels[1]] = rng.integers(1, 255, (*pixels, 3))
    features, status = Handcrafted().transform_with_status([Cell("tiny", image, image.any(axis=2))])
    np.testing.assert_array_equal(np.isnan(features), status != Status.OK)
    assert np.isfinite(features[status == Status.OK]).all()


@pytest.mark.parametrize("seed", range(6))
def test_random_masks_have_reasons_and_never_raise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (24, 31, 3), dtype=np.uint8)
    mask = rng.random((24, 31)) < rng.choice([0.01, 0.1, 0.5, 0.9, 0.99])
    mask[12, 15] = True
    features, status = Handcrafted().transform_with_status([Cell("noise", image, mask)])
    np.testing.assert_array_equal(np.isnan(features), status != Status.OK)
    assert not np.isinf(features).any()


def test_an_empty_mask_has_the_status_empty() -> None:
    cell = Cell("void", np.zeros((9, 9, 3), dtype=np.uint8), np.zeros((9, 9), dtype=bool))
    features, status = Handcrafted().transform_with_status([cell])
    assert np.isnan(features).all()
    assert (status == Status.EMPTY).all()


def test_a_flat_cell_has_size_but_no_texture_and_no_nucleus() -> None:
    _, status = Handcrafted().transform_with_status([flat_cell(30)])
    by_name = dict(zip(Handcrafted().get_feature_names_out(), status[0], strict=True))
    assert by_name["size.area.cell"] == Status.OK
    assert by_name["size.area.nucleus"] == Status.NO_NUCLEUS
    assert by_name["glcm.contrast_mean.cell.luma.d1"] == Status.FLAT
    assert by_name["color.mean.cell.red"] == Status.OK


def test_a_cell_that_fills_its_frame_has_only_colour_and_texture() -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    _, status = Handcrafted().transform_with_status([Cell("whole", image, np.ones((40, 40), dtype=bool))])
    for name, code in zip(Handcrafted().get_feature_names_out(), status[0], strict=True):
        if name.endswith(".cell"):
            outline = name.split(".")[0] in OUTLINES
            assert code == (Status.TOUCHES_BORDER if outline else Status.OK), name


def test_every_column_is_documented() -> None:
    features = [column.feature for column in Handcrafted().catalogue()]
    assert all(feature.formula and feature.unit and feature.range and feature.source for feature in features)


def test_no_cells_are_no_rows() -> None:
    assert Handcrafted().transform([]).shape == (0, len(Handcrafted().get_feature_names_out()))


def test_cells_on_disk_are_read(tmp_path: Path, cells: list[Cell], measured: Any) -> None:
    import cv2  # noqa: PLC0415 (only here are files written)

    for cell in cells:
        cv2.imwrite(str(tmp_path / f"{cell.id}.png"), cell.image[..., ::-1])
    on_disk = Cells(CellFile(cell.id, str(tmp_path / f"{cell.id}.png")) for cell in cells)
    np.testing.assert_array_equal(Handcrafted().transform(on_disk), measured[0])


def test_families_are_chosen_by_list_or_by_name() -> None:
    listed = Handcrafted(families=["clefting", "shape"]).get_feature_names_out()
    assert {name.split(".")[0] for name in listed} == {"shape", "clefting"}
    assert listed[0].startswith("shape.")
    np.testing.assert_array_equal(
        Handcrafted(families="shape").get_feature_names_out(), EXTRACTORS["shape"]().get_feature_names_out()
    )


@pytest.mark.parametrize("families", ["sift", ["shape", "sift"]])
def test_an_unknown_family_is_an_error_that_lists_the_known_ones(families: Any) -> None:
    with pytest.raises(ValueError, match=rf"'sift'.*{', '.join(FAMILIES)}"):
        Handcrafted(families=families).fit([])


def test_regions_and_channels_are_those_of_the_families() -> None:
    outlined = Handcrafted(families=["size", "glcm"], regions=["cell", "cytoplasm"]).get_feature_names_out()
    assert {name.split(".")[2] for name in outlined if name.startswith("size.")} == {"cell"}
    assert {name.split(".")[2] for name in outlined if name.startswith("glcm.")} == {"cell", "cytoplasm"}
    green = Handcrafted(families=["color", "glcm"], channels="green")
    assert {c.name.split(".")[3] for c in green.catalogue() if c.name.startswith("glcm.")} == {"green"}
    names = [c.name for c in green.catalogue() if c.name.startswith("color.")]
    assert names == EXTRACTORS["color"]().get_feature_names_out().tolist()
    with pytest.raises(ValueError, match="expected at least one outlined region"):
        Handcrafted(families="shape", regions="cytoplasm").fit([])
    with pytest.raises(ValueError, match="unknown region 'nuclei'"):
        Handcrafted(regions="nuclei").fit([])


def test_one_distance_may_be_a_number() -> None:
    assert len(Glcm(distances=2).get_feature_names_out()) * 3 == len(Glcm().get_feature_names_out())


def test_scikit_learn_can_clone_and_inspect() -> None:
    extractor = Handcrafted(families=["size", "glcm"], levels=16, distances=[1, 2], channels=["luma"])
    copy = clone(extractor)
    assert copy.get_params() == extractor.get_params()
    assert json.loads(json.dumps(extractor.get_params())) == extractor.get_params()
    assert copy.__sklearn_tags__().requires_fit is False
    assert clone(Handcrafted()).families == FAMILIES


def test_scales_are_all_or_none() -> None:
    image = flat_cell(10).image
    known, unknown = Cell("a", image, um_per_px=0.1), Cell("b", image)
    with pytest.raises(ValueError, match=r"cell b: some cells have a scale"):
        Size().transform([known, unknown])
    np.testing.assert_allclose(Size().transform([known])[0, 0], 1.0, rtol=1e-6)


def test_the_entry_points_name_these_classes() -> None:
    points = {point.name: point for point in entry_points(group="bench.extractors")}
    for name, cls in {"handcrafted": Handcrafted, **EXTRACTORS}.items():
        assert points[name].load() is cls


def test_real_cells(shared: Path) -> None:
    paths = sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::4]
    features, status = Handcrafted().transform_with_status(Cells(CellFile(p.stem, str(p)) for p in paths))
    named = dict(zip(Handcrafted().get_feature_names_out(), range(features.shape[1]), strict=True))
    assert np.isin(status, (Status.OK, Status.NO_NUCLEUS)).all()
    assert np.isfinite(features[status == Status.OK]).all()
    # In lymphocytes and lymphoblasts the nucleus fills most of the cell.
    ratio = features[:, named["size.area.nucleus"]] / features[:, named["size.area.cell"]]
    assert np.mean(np.isfinite(ratio)) > 0.7
    assert np.nanmedian(ratio) > 0.8
    assert (features[:, named["shape.solidity.cell"]] <= 1).all()
