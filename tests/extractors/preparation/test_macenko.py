"""Macenko normalisation: planted stains are recovered and mapped to the reference; errors; real cells."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.cells import Cell, CellFile
from extractors.images.pixels import read_image
from extractors.preparation.macenko import REFERENCE_STAINS, REFERENCE_STRENGTH, Macenko, stain_directions
from extractors.preparation.step import Picture

Doubles = npt.NDArray[np.float64]

GIEMSA = np.array([[0.83, 0.20], [0.52, 0.93], [0.20, 0.31]])
PALE = np.array([[0.65, 0.28], [0.70, 0.90], [0.30, 0.35]])
VIOLET = np.array([[0.60, 0.55], [0.70, 0.52], [0.39, 0.65]])
"""Nucleus and cytoplasm of a smear, of which the nucleus has more red and more green."""

MASK = np.ones((60, 60), dtype=np.bool_)
MASK[:, 50:] = False


def concentrations(seed: int = 0) -> Doubles:
    """A tenth of the cell has the first stain alone, a tenth the second, shape (2, 60, 60)."""
    random = np.random.default_rng(seed)
    both = random.uniform(0.25, 1.2, (2, 60, 60))
    both[1, :6] = 0
    both[0, 6:12] = 0
    return both


def light(stains: Doubles, amounts: Doubles) -> Doubles:
    """Beer-Lambert, in grey levels."""
    return np.asarray(240 * np.exp(-np.tensordot(amounts, stains, axes=(0, 1))) - 1)


def stained(stains: Doubles, amounts: Doubles) -> Picture:
    unit = stains / np.linalg.norm(stains, axis=0)
    return Picture(np.rint(light(unit, amounts)).astype(np.uint8), MASK)


def greener_last(stains: Doubles) -> Doubles:
    """Eosin and the purple of nuclei stop green."""
    return stains[:, np.argsort(stains[1] / np.linalg.norm(stains, axis=0))]


@pytest.mark.parametrize("stains", [GIEMSA, PALE, GIEMSA[:, ::-1], REFERENCE_STAINS, VIOLET])
def test_planted_stains_are_recovered(stains: Doubles) -> None:
    result = stain_directions(*stained(stains, concentrations())[:2])
    expected = greener_last(stains)
    cosines = (result * expected / np.linalg.norm(expected, axis=0)).sum(axis=0)
    assert np.degrees(np.arccos(np.minimum(cosines, 1))).max() < 1


@pytest.mark.parametrize("stains", [GIEMSA, PALE])
@pytest.mark.parametrize("strength", [0.8, 1.3])
def test_planted_stains_become_the_references(stains: Doubles, strength: float) -> None:
    """As near as the rounding of the drawn levels lets them."""
    amounts = strength * concentrations()
    scale = REFERENCE_STRENGTH / np.percentile(amounts[:, MASK], 99, axis=1)
    expected = light(REFERENCE_STAINS, amounts * scale[:, None, None]).clip(0, 255)
    off = np.abs(Macenko()(stained(stains, amounts)).image - expected)[MASK]
    assert np.median(off) < 0.5
    assert np.percentile(off, 99) < 2


def test_a_cell_in_the_references_stains_stays() -> None:
    amounts = concentrations()
    amounts *= (REFERENCE_STRENGTH / np.percentile(amounts[:, MASK], 99, axis=1))[:, None, None]
    picture = Picture(np.rint(light(REFERENCE_STAINS, amounts)).clip(0, 255).astype(np.uint8), MASK)
    off = np.abs(Macenko()(picture).image.astype(int) - picture.image)
    assert off.max() <= 1


def by_the_book(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> Doubles:
    """The paper's steps in its words: densities, threshold, SVD, angles, percentiles, two stains, least squares."""
    densities = -np.log((image[mask].astype(np.float64) + 1) / 240)
    _, _, directions = np.linalg.svd(densities[(densities >= 0.15).all(axis=1)], full_matrices=False)
    plane = directions[:2].T * np.sign(directions[:2].sum(axis=1))
    across = densities[(densities >= 0.15).all(axis=1)] @ plane
    angles = np.arctan2(across[:, 1], across[:, 0])
    ends = [plane @ (np.cos(a), np.sin(a)) for a in np.percentile(angles, (1, 99))]
    stains = greener_last(np.stack(ends, axis=1))
    amounts = np.linalg.lstsq(stains, densities.T)[0]
    amounts *= (REFERENCE_STRENGTH / np.percentile(amounts, 99, axis=1))[:, None]
    return np.asarray((240 * np.exp(-REFERENCE_STAINS @ amounts) - 1).T.clip(0, 255))


def test_every_step_follows_the_paper(shared: Path) -> None:
    for path in sorted((shared / "data/cnmc-sample").rglob("*.bmp"))[::8]:
        cell = Cell.from_file(CellFile(path.name, str(path)))
        done = Macenko()(Picture(cell.image, cell.mask)).image[cell.mask]
        assert np.abs(done - by_the_book(cell.image, cell.mask)).max() < 0.6


def test_every_real_cell_can_be_normalised(shared: Path) -> None:
    """52 of C-NMC on black and 400 in smears with the experts' masks."""
    pictures = [
        Picture(cell.image, cell.mask)
        for path in sorted((shared / "data/cnmc-sample").rglob("*.bmp"))
        for cell in [Cell.from_file(CellFile(path.name, str(path)))]
    ]
    for path in sorted((shared / "data/wbc-masks").rglob("*.png")):
        drawn = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        pictures.append(Picture(read_image(path.with_suffix(".bmp")), drawn > 64))
    assert len(pictures) == 452
    for picture in pictures:
        done = Macenko()(picture).image[picture.mask]
        # A stretch that is not finite would leave one colour.
        assert done.std(axis=0).min() > 3


def test_nuclei_keep_one_colour_from_cell_to_cell(shared: Path) -> None:
    """By the experts' masks of 400 cells in smears; where the red density decides, 129 have the other colour."""
    nuclei = 0
    for path in sorted((shared / "data/wbc-masks").rglob("*.png")):
        drawn = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        image, cell = read_image(path.with_suffix(".bmp")), drawn > 64
        densities = -np.log((image[cell].astype(np.float64) + 1) / 240)
        first, second = np.linalg.pinv(stain_directions(image, cell)) @ densities.T
        share, nucleus = second / (np.abs(first) + np.abs(second) + 1e-9), drawn[cell] > 192
        nuclei += share[nucleus].mean() > share[~nucleus].mean()
    assert nuclei == 387
    for path in sorted((shared / "data/cnmc-sample").rglob("*.bmp")):
        cell_of = Cell.from_file(CellFile(path.name, str(path)))
        red, _, blue = Macenko()(Picture(cell_of.image, cell_of.mask)).image[cell_of.mask].mean(axis=0)
        assert red > blue


@pytest.mark.parametrize(
    ("colour", "complaint"),
    [
        ((255, 255, 255), "no pixel of the cell is stained"),
        ((210, 90, 90), "no pixel of the cell is stained"),
        ((120, 60, 140), "all pixels of the cell have one colour"),
        ((0, 0, 0), "all pixels of the cell have one colour"),
    ],
)
def test_cells_without_two_stains_are_an_error(colour: tuple[int, int, int], complaint: str) -> None:
    image = np.full((60, 60, 3), colour, dtype=np.uint8)
    image[:, 50:] = np.random.default_rng(0).integers(0, 255, (60, 10, 3))
    with pytest.raises(ValueError, match=f"{complaint}.*; exclude the cell or omit the step"):
        Macenko()(Picture(image, MASK))


def test_one_pixel_has_one_colour() -> None:
    mask = np.zeros((60, 60), dtype=np.bool_)
    mask[3, 3] = True
    with pytest.raises(ValueError, match="all pixels of the cell have one colour"):
        Macenko()(Picture(stained(GIEMSA, concentrations()).image, mask))
