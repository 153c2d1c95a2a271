"""What every step keeps to: its input and the background stay, it can be hashed and sent, parameters are checked."""

from __future__ import annotations

import pickle
import tracemalloc
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.cells import Cell, CellFile
from extractors.preparation.background import Mask
from extractors.preparation.geometry import CentreCrop, Crop, PadSquare
from extractors.preparation.intensity import Clahe, Equalise
from extractors.preparation.step import Picture, row_strips
from extractors.preparation.steps import STEPS

GEOMETRY = {"crop", "centre_crop", "pad_square"}
SMALL = {"centre_crop": {"size": 16}}


def picture(seed: int = 0, *, height: int = 24, width: int = 31) -> Picture:
    """An ellipse of a hundred colours before a background of noise, its nucleus inside."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    away = np.hypot((y - height / 2) / (height / 2 - 2), (x - width / 2) / (width / 2 - 3))
    image = random.integers(20, 200, (height, width, 3)).astype(np.uint8)
    return Picture(image, away <= 1, away <= 0.5)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_does_not_modify_its_input(name: str) -> None:
    before, expected = picture(), picture()
    for part in before:
        assert part is not None
        part.setflags(write=False)
    after = STEPS[name](**SMALL.get(name, {}))(before)
    for part, same in zip(before, expected, strict=True):
        np.testing.assert_array_equal(part, same)
    assert after.image.dtype == np.uint8
    assert after.mask.dtype == np.bool_
    assert after.nucleus is not None
    assert after.image.shape == (*after.mask.shape, 3) == (*after.nucleus.shape, 3)
    assert after.nucleus.any()


@pytest.mark.parametrize("name", sorted(set(STEPS) - GEOMETRY - {"mask"}))
def test_colours_change_on_the_cell_alone(name: str) -> None:
    before = picture()
    after = STEPS[name]()(before)
    np.testing.assert_array_equal(after.image[~before.mask], before.image[~before.mask])
    assert (after.image != before.image)[before.mask].mean() > 0.5
    np.testing.assert_array_equal(after.mask, before.mask)


@pytest.mark.parametrize("name", sorted({"equalise", "reinhard", "macenko"}))
def test_the_background_is_ignored(name: str) -> None:
    one, other = picture(), picture(seed=1)
    image = np.where(one.mask[..., None], one.image, other.image)
    done, again = (STEPS[name]()(p) for p in (one, one._replace(image=image)))
    np.testing.assert_array_equal(done.image[one.mask], again.image[one.mask])


@pytest.mark.parametrize("name", STEPS)
def test_a_picture_without_a_cell_is_an_error(name: str) -> None:
    empty = picture()._replace(mask=np.zeros((24, 31), dtype=np.bool_))
    with pytest.raises(ValueError, match="the mask is empty"):
        STEPS[name](**SMALL.get(name, {}))(empty)


@pytest.mark.parametrize("name", ["reinhard", "macenko"])
def test_processing_by_strip_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that have no cell, and a last strip of one row, among them."""
    before = picture(height=25)
    expected = STEPS[name]()(before).image
    monkeypatch.setattr("extractors.preparation.step.STRIP", 4 * 31)
    assert [rows.stop - rows.start for rows in row_strips((25, 31))] == [4] * 6 + [1]
    np.testing.assert_array_equal(STEPS[name]()(before).image, expected)


@pytest.mark.parametrize("name", STEPS)
def test_memory_for_a_pixel_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell may have 64 million pixels: no step takes more than 25 bytes for each, which is 1.6 GB."""
    monkeypatch.setattr("extractors.preparation.step.STRIP", 2**14)
    large = picture(height=1000, width=1000)._replace(mask=np.ones((1000, 1000), dtype=np.bool_))
    step = STEPS[name]()
    step(picture(height=300, width=300))
    tracemalloc.start()
    step(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 3e6 <= peak * (1 if name != "centre_crop" else 12) < 25e6


@pytest.mark.parametrize("name", STEPS)
def test_equal_steps_have_equal_hashes(name: str) -> None:
    step, same = STEPS[name](), pickle.loads(pickle.dumps(STEPS[name]()))  # noqa: S301 (what was pickled just now)
    assert step == same
    assert hash(step) == hash(same)
    assert {step, same} == {step}
    other = {"margin": 3, "size": 7, "to": "mean", "channels": "rgb", "clip": 3.5}
    for parameter in fields(step):
        if parameter.name in other:
            assert step != STEPS[name](**{parameter.name: other[parameter.name]})


def test_the_text_of_a_step_has_every_parameter() -> None:
    assert [str(step()) for step in STEPS.values()] == [
        "crop[margin=0]", "centre_crop[size=300]", "pad_square[size=0]", "mask[to=black]",
        "equalise[channels=luminance]", "clahe[clip=2.0,tiles=8]", "reinhard", "macenko",
    ]  # fmt: skip
    assert str(Clahe(clip=3)) == "clahe[clip=3.0,tiles=8]" == str(Clahe(3.0, 8))


@pytest.mark.parametrize(
    ("kind", "parameters", "complaint"),
    [
        (Crop, {"margin": -1}, r"margin is from 0 to 8192 \(given: -1\)"),
        (Crop, {"margin": 1.5}, r"margin is an integer \(given: 1\.5\)"),
        (CentreCrop, {"size": True}, r"size is an integer \(given: True\)"),
        (PadSquare, {"size": 8193}, r"size is from 0 to 8192 \(given: 8193\)"),
        (Mask, {"to": "white"}, r"to is one of black, mean, leave \(given: white\)"),
        (Equalise, {"channels": 3}, r"channels is a string \(given: 3\)"),
        (Clahe, {"clip": float("nan")}, r"clip is from 0\.01 to 256\.0 \(given: nan\)"),
        (Clahe, {"clip": "a"}, r"clip is a number \(given: 'a'\)"),
    ],
)
def test_parameters_are_validated_on_construction(kind: type, parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        kind(**parameters)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> CellFile:
    folder = tmp_path_factory.mktemp("cell")
    image, mask, nucleus = picture()
    assert nucleus is not None
    for name, pixels in (
        ("image", image[..., ::-1]),
        ("mask", mask.view(np.uint8)),
        ("nucleus", nucleus.view(np.uint8)),
    ):
        cv2.imwrite(str(folder / f"{name}.png"), np.ascontiguousarray(pixels))
    paths = (str(folder / f"{name}.png") for name in ("image", "mask", "nucleus"))
    path, mask_path, nucleus_path = paths
    return CellFile("cell 7", path, mask_path, nucleus_path=nucleus_path)


@given(steps=st.permutations([Crop(2), PadSquare(), CentreCrop(20), Mask(), Equalise()]))
def test_a_cell_is_prepared_in_order(on_disk: CellFile, steps: list[Crop | PadSquare | CentreCrop]) -> None:
    expected = picture()
    for step in steps:
        expected = step(expected)
    cell = Cell.from_file(replace(on_disk, prepare=tuple(steps)))
    assert cell.nucleus is not None
    for part, same in zip((cell.image, cell.mask, cell.nucleus), expected, strict=True):
        np.testing.assert_array_equal(part, same)


def test_the_order_matters() -> None:
    """Padding before the crop is taken away again."""
    assert PadSquare()(Crop()(picture())).mask.shape == (26, 26)
    assert Crop()(PadSquare()(picture())).mask.shape == (19, 26)


def test_errors_contain_cell_and_step(on_disk: CellFile) -> None:
    cell = Cell.from_file(replace(on_disk, prepare=(CentreCrop(300),)))
    with pytest.raises(ValueError, match=r"cell cell 7: centre_crop\[size=300\]: the image is 24 x 31 px"):
        cell.mask  # noqa: B018 (reading it prepares it)
