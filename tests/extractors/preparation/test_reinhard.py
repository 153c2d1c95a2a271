"""Reinhard's transfer: the reference's moments are reached, by the paper's own formulas, on phantoms and real cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from extractors.cells import Cell, CellFile
from extractors.preparation.reinhard import REFERENCE_MEAN, REFERENCE_SD, Reinhard
from extractors.preparation.step import Picture

LMS = ((0.3811, 0.5783, 0.0402), (0.1967, 0.7244, 0.0782), (0.0241, 0.1288, 0.8444))


def l_alpha_beta(colours: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Written out from the paper, of (I + 1) / 256."""
    long, medium, short = np.log10((colours.astype(np.float64) + 1) / 256 @ np.array(LMS).T).T
    total = (long + medium + short) / np.sqrt(3)
    return np.stack([total, (long + medium - 2 * short) / np.sqrt(6), (long - medium) / np.sqrt(2)], axis=-1)


def purple(seed: int, mean: tuple[int, int, int], spread: float) -> Picture:
    """One brightness a pixel and some noise of each channel: what a stained cell looks like."""
    random = np.random.default_rng(seed)
    bright = random.normal(1, spread, (50, 60, 1))
    image = (np.array(mean) * bright + random.normal(0, 1.5, (50, 60, 3))).clip(1, 250).astype(np.uint8)
    mask = np.ones((50, 60), dtype=np.bool_)
    mask[:9] = False
    return Picture(image, mask)


@pytest.mark.parametrize("mean", [(120, 80, 150), (60, 60, 60), (180, 120, 170)])
def test_mean_and_sd_become_the_references(mean: tuple[int, int, int]) -> None:
    """As near as rounding to grey levels lets them: one level of a blue of 60 is 0.007."""
    picture = purple(0, mean, 0.1)
    done = l_alpha_beta(Reinhard()(picture).image[picture.mask])
    np.testing.assert_allclose(done.mean(axis=0), REFERENCE_MEAN, atol=6e-4)
    np.testing.assert_allclose(done.std(axis=0), REFERENCE_SD, atol=2e-3)


def test_every_pixel_is_where_the_paper_puts_it() -> None:
    picture = purple(1, (120, 80, 150), 0.1)
    before, after = (l_alpha_beta(image[picture.mask]) for image in (picture.image, Reinhard()(picture).image))
    expected = (before - before.mean(axis=0)) * (REFERENCE_SD / before.std(axis=0)) + REFERENCE_MEAN
    lms = 10 ** (expected @ np.linalg.inv(l_alpha_beta_matrix()).T)
    colours = lms @ np.linalg.inv(LMS).T * 256 - 1
    assert colours.min() > 0
    assert colours.max() < 255
    assert np.abs(Reinhard()(picture).image[picture.mask] - colours).max() < 0.51
    np.testing.assert_allclose(after, expected, atol=0.02)


def l_alpha_beta_matrix() -> npt.NDArray[np.float64]:
    three, six, two = 3**-0.5, 6**-0.5, 2**-0.5
    return np.array([[three, three, three], [six, six, -2 * six], [two, -two, 0]])


def test_the_step_is_idempotent_up_to_rounding() -> None:
    once = Reinhard()(purple(2, (120, 80, 150), 0.1))
    assert np.abs(Reinhard()(once).image.astype(int) - once.image).max() <= 1


@pytest.mark.parametrize("colour", [(0, 0, 0), (7, 120, 250), (255, 255, 255)])
def test_a_flat_cell_becomes_the_mean_of_the_reference(colour: tuple[int, int, int]) -> None:
    mask = np.zeros((9, 9), dtype=np.bool_)
    mask[2:7, 2:7] = True
    flat = Picture(np.where(mask[..., None], np.array(colour, dtype=np.uint8), np.uint8(3)), mask)
    done = Reinhard()(flat).image[mask]
    assert len(np.unique(done, axis=0)) == 1
    np.testing.assert_allclose(l_alpha_beta(done[:1])[0], REFERENCE_MEAN, atol=0.006)


def test_the_reference_is_the_mean_of_the_real_cells(shared: Path) -> None:
    files = sorted((shared / "data/cnmc-sample").rglob("*.bmp"))
    cells = [Cell.from_file(CellFile(path.name, str(path))) for path in files]
    colours = [l_alpha_beta(cell.image[cell.mask]) for cell in cells]
    assert len(colours) == 52
    np.testing.assert_allclose(np.mean([c.mean(axis=0) for c in colours], axis=0), REFERENCE_MEAN, atol=5.1e-5)
    np.testing.assert_allclose(np.mean([c.std(axis=0) for c in colours], axis=0), REFERENCE_SD, atol=5.1e-5)
