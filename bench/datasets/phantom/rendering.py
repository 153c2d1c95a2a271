"""Draw one phantom cell: chromatin of known grain, stain, optics and debris on a black frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bench.datasets.phantom.appearance import CellAppearance
from bench.datasets.phantom.outlines import ANGLE, ANGLES, Floats, draw_outlines

Layer = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice]

PLASMA = (150.0, 112.0, 138.0)
"""RGB of the background before the cell is cut out; the optics blur it into the rim, as in C-NMC cells."""

CHROMATIN = (1.0, 1.15, 0.6)
"""Effect of the chromatin on the logarithm of red, green and blue: thin spots are reddish."""

PIVOT = 70.0
"""Grey level that gamma does not change."""

DEBRIS_REACH = 2.9
"""Largest distance of loose debris from the cell in radii of the debris, in addition to `GAP_PX`."""

GAP_PX = 4.0


@dataclass(frozen=True, slots=True)
class DrawnCell:
    """A drawn cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (size, size, 3)
        RGB; exactly 0 outside cell and debris, at least 1 in every channel inside.
    cell, nucleus : ndarray of bool, shape (size, size)
        True if the centre of a pixel is inside the outline; without debris.
    truth : mapping
        Ground truth: `CellAppearance.columns`, with the shape replaced by `Outlines.truth`.
    """

    image: npt.NDArray[np.uint8]
    cell: Mask
    nucleus: Mask
    truth: Mapping[str, float | int | str]


def draw_cell(appearance: CellAppearance, *, size: int, rng: np.random.Generator) -> DrawnCell:
    """Draw a cell near the centre of a black frame.

    Light is absorbed by the layers (Beer-Lambert: logarithms add), blurred by the optics, scaled by gamma and
    brightness, noise is added, and the cell is cut out along its outline.

    Parameters
    ----------
    appearance : CellAppearance
        Appearance parameters.
    size : int
        Height and width of the frame in pixels.
    rng : Generator
        Random numbers for directions, widths of clefts, chromatin and noise.

    Raises
    ------
    ValueError
        The cell does not fit into the frame.
    """
    outlines = draw_outlines(appearance, rng)
    reach = float(outlines.cell.max()) + 2.0
    if 2.0 * reach > size:
        raise ValueError(f"a cell {2 * reach:.0f} px across does not fit into {size} px; use a larger size")
    slack = min(size / 2.0 - reach, 0.03 * size)
    centre = size / 2.0 + rng.uniform(-slack, slack, 2)
    debris = _draw_debris(appearance.debris, outlines.cell, centre, size=size, rng=rng)

    box = _box(centre, reach + debris.room, size)
    cell, cell_cover = _cover(outlines.cell, centre, box)
    nucleus, nucleus_cover = _cover(outlines.nucleus, centre, box)
    inside, debris_cover = cell, np.zeros_like(cell_cover)
    if appearance.debris != "none":
        blob, debris_cover = _cover(debris.outline, debris.centre, box)
        inside = cell | blob

    field = chromatin(cell.shape, appearance.grain_px, rng)
    texture = field * (np.float32(0.2) * cell_cover + np.float32(0.8) * nucleus_cover)
    patch = _expose(np.dstack([cell_cover, nucleus_cover, texture, debris_cover]), appearance, rng)
    patch[~inside] = 0
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[box] = patch
    truth = {**appearance.columns(), **outlines.truth()}
    return DrawnCell(image, _placed(cell, box, size), _placed(nucleus, box, size), truth)


def chromatin(shape: tuple[int, ...], grain_px: float, rng: np.random.Generator) -> Layer:
    """Draw a Gaussian random field of mean 0 and variance 1 whose autocorrelation is exp(-(lag / grain_px)^2).

    White noise blurred by a Gaussian of sigma s correlates as exp(-lag^2 / (4 s^2)), so that s = grain_px / 2; its
    variance is the sum of the kernel's squares.

    Returns
    -------
    ndarray of float32, shape `shape`
    """
    sigma = grain_px / 2.0
    half = int(np.ceil(4.0 * sigma))
    height, width = shape
    kernel = cv2.getGaussianKernel(2 * half + 1, sigma, cv2.CV_32F)
    noise = rng.standard_normal((height + 2 * half, width + 2 * half), dtype=np.float32)
    field = cv2.sepFilter2D(noise, cv2.CV_32F, kernel, kernel)[half : half + height, half : half + width]
    return np.asarray(field / np.sum(kernel**2), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Debris:
    outline: Floats
    centre: Floats
    room: float


def _draw_debris(kind: str, cell: Floats, centre: Floats, *, size: int, rng: np.random.Generator) -> _Debris:
    """Draw a lobed blob on the edge of the cell or away from it, with as many random draws for every kind."""
    direction, turn = rng.uniform(0.0, 2.0 * np.pi, 2)
    radius = size * rng.uniform(0.015, 0.035)
    outline = radius * (1.0 + 0.25 * np.cos(2.0 * (ANGLE - turn)) + 0.1 * np.cos(3.0 * (ANGLE + turn)))
    touching = cell[int(direction / (2.0 * np.pi) * ANGLES)] + 0.4 * radius
    distance = cell.max() + 1.5 * radius + GAP_PX if kind == "loose" else touching
    room = 0.0 if kind == "none" else DEBRIS_REACH * radius + GAP_PX
    return _Debris(outline, centre + distance * np.array([np.cos(direction), np.sin(direction)]), room)


def _box(centre: Floats, reach: float, size: int) -> Box:
    low = np.maximum(np.floor(centre - reach).astype(int), 0)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, size)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _cover(outline: Floats, centre: Floats, box: Box) -> tuple[Mask, Layer]:
    """Return which pixel centres are inside, and the covered fraction of each pixel, with a soft edge of one pixel."""
    rows, columns = box
    y = np.arange(rows.start, rows.stop, dtype=np.float32) - np.float32(centre[1])
    x = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(centre[0])
    grid_y, grid_x = (np.ascontiguousarray(g) for g in np.meshgrid(y, x, indexing="ij"))
    radius, angle = cv2.cartToPolar(grid_x, grid_y)
    index = (angle * np.float32(ANGLES / (2.0 * np.pi)) + np.float32(0.5)).astype(np.int32) % ANGLES
    gap = outline.astype(np.float32)[index] - radius
    return gap > 0.0, np.clip(gap + np.float32(0.5), 0.0, 1.0)


def _expose(layers: Layer, appearance: CellAppearance, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Render the layers (cell, nucleus, chromatin, debris) as RGB uint8, at least 1 everywhere."""
    plasma, cytoplasm, nucleus = (np.log(c) for c in (PLASMA, appearance.cytoplasm_rgb, appearance.nucleus_rgb))
    absorbed = (
        cytoplasm - plasma,
        nucleus - cytoplasm,
        np.multiply(CHROMATIN, appearance.contrast),
        0.6 * (cytoplasm - plasma),
    )
    light = appearance.gamma * (plasma - np.log(PIVOT)) + np.log(PIVOT * appearance.brightness)
    stain = np.column_stack([*np.multiply(appearance.gamma, absorbed), light]).astype(np.float32)
    grey = cv2.exp(cv2.transform(cv2.GaussianBlur(layers, (0, 0), appearance.blur_px), stain))
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    noise *= np.float32(appearance.noise)
    grey += noise
    np.clip(np.rint(grey, out=grey), 1, 255, out=grey)
    return np.asarray(grey.astype(np.uint8))


def _placed(mask: Mask, box: Box, size: int) -> Mask:
    frame = np.zeros((size, size), dtype=np.bool_)
    frame[box] = mask
    return frame
