"""Nucleus in relation to its cell: area ratio, eccentric position, width of the cytoplasm, nucleoli."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float64Array, Int64Array
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature, keyed
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import FeatureValues, Status
from extractors.handcrafted.geometry.contour import border
from extractors.segmentation.bounds import bounds
from extractors.segmentation.components import components

CENTRES = "|centroid of the nucleus - centroid of the cell| / sqrt(area of the cell / pi)"
WIDTH = "over the border pixels of the nucleus, of the distance to the nearest pixel outside the cell, less 1"
DISTANCE = "Euclidean distance transform"
BOXES = "difference of boxes, Bay 2008"

PLACE = (
    Feature("nc_ratio", "area of the nucleus / area of the cell", "1", "(0, 1]", "cytology's N:C ratio"),
    Feature("offset", CENTRES, "1", "[0, inf)", "eccentric position of the nucleus in cytology"),
)
RING = tuple(Feature(f"ring_{name}", f"{name} {WIDTH}", "px", "[0, inf)", DISTANCE) for name in ("mean", "min", "max"))
SPOTS = (
    Feature("nucleolus_count", "number of pale spots in the nucleus", "1", "[0, inf)", BOXES),
    Feature("nucleolus_share", "area of the pale spots / area of the nucleus", "1", "[0, 1)", BOXES),
)
FEATURES = (*PLACE, *RING, *SPOTS)
"""Omitted: nucleus-to-cytoplasm ratio, a function of `nc_ratio`; ratio of the perimeters, which are columns of `size`;
difference in optical density between nucleus and cytoplasm, a column of `color`."""

MIN_AREA = 400
"""Smallest area in pixels of a nucleus in which spots can be distinguished from noise."""

RIM = 0.1
"""Outer share of the radius of the nucleus that is excluded, where it blends into the cytoplasm."""

SPOT = 0.03
"""Half width, as a share of the radius, of the square over which the spot is averaged."""

SURROUNDINGS = 0.4
"""Half width, as a share of the radius, of the square over which the surroundings are averaged."""

UNIT = 1e-6
"""Quantisation step of the optical density; sums of integers do not depend on their order."""


@dataclass(eq=False, repr=False)
class Nucleus(HandcraftedBase):
    """Nucleus in relation to its cell, and its nucleoli; widths in micrometres if the scale is known, else in pixels.

    Parameters
    ----------
    nucleolus_contrast : float
        Smallest relative difference in optical density of a nucleolus from its surroundings, in (0, 1).
    nucleolus_area : float
        Smallest area of a nucleolus as a share of the area of the nucleus, in [0, 1).
    """

    nucleolus_contrast: float = 0.12
    nucleolus_area: float = 0.005

    def _families(self) -> list[Family]:
        contrast, smallest = self.nucleolus_contrast, self.nucleolus_area
        if isinstance(contrast, bool) or not 0 < contrast < 1:
            raise ValueError(f"nucleolus_contrast={contrast!r}: expected a number between 0 and 1")
        if isinstance(smallest, bool) or not 0 <= smallest < 1:
            raise ValueError(f"nucleolus_area={smallest!r}: expected a number in [0, 1)")
        columns = tuple(Column(f"nucleus.{feature.name}", feature) for feature in FEATURES)
        return [Family(columns, lambda cell: nucleus(cell, contrast=contrast, smallest=smallest))]


def nucleus(cell: CellRegions, *, contrast: float, smallest: float) -> FeatureValues:
    """Compute `FEATURES` of a cell.

    Parameters
    ----------
    cell : CellRegions
    contrast, smallest : float
        See `nucleoli`.

    Returns
    -------
    FeatureValues
        By column. `TOUCHES_BORDER` if the frame truncates the cell, or for the spots the nucleus; `NO_NUCLEUS`;
        `TOO_SMALL` for the ring of a nucleus that fills the cell, and for the spots of one smaller than `MIN_AREA`.
    """
    regions = cell.outline("cell"), cell.outline("nucleus")
    reason = next((region for region in regions if isinstance(region, Status)), None)
    if reason is None and cell.nucleus_mask is not None:
        values = in_cell(cell.cell_region, np.pad(cell.nucleus_mask, 1))
    else:
        values = dict.fromkeys(keyed((*PLACE, *RING)), reason or Status.NO_NUCLEUS)
    values |= _spots(cell, contrast=contrast, smallest=smallest)
    return {f"nucleus.{feature.name}": values[feature.name] for feature in FEATURES}


def in_cell(cell: Region, inner: BoolArray) -> FeatureValues:
    """Compute `PLACE` and `RING` of a nucleus.

    The width of the ring at a border pixel of the nucleus is the distance from its edge to the nearest edge of the
    cell: 0 if the nucleus touches the border of the cell. Exact for edges along rows and columns, within a pixel for
    others.

    Parameters
    ----------
    cell : Region
    inner : ndarray of bool, same shape as `cell.mask`
        The nucleus; at least one pixel is True.
    """
    moments = cv2.moments(inner.astype(np.uint8), binaryImage=True)
    area = moments["m00"]
    centroid = np.array([moments["m10"], moments["m01"]]) / area
    values: FeatureValues = {
        "nc_ratio": area / cell.area,
        "offset": float(np.hypot(*(centroid - cell.centroid))) / cell.radius,
    }
    if area == cell.area:
        return values | dict.fromkeys(keyed(RING), Status.TOO_SMALL)
    widths = (cell.distance[border(inner)] - 1) * (cell.um_per_px or 1.0)
    return values | {
        "ring_mean": float(widths.mean()),
        "ring_min": float(widths.min()),
        "ring_max": float(widths.max()),
    }


def _spots(cell: CellRegions, *, contrast: float, smallest: float) -> FeatureValues:
    region = cell.outline("nucleus", min_area=MIN_AREA)
    if isinstance(region, Status) or cell.nucleus_mask is None:
        return dict.fromkeys(keyed(SPOTS), region if isinstance(region, Status) else Status.NO_NUCLEUS)
    density, _ = cell.channels.plane("od_green")
    cropped = np.pad(density[bounds(cell.nucleus_mask)], 1)
    areas = nucleoli(cropped, region.mask, region.distance, contrast=contrast, smallest=smallest)
    return {"nucleolus_count": float(len(areas)), "nucleolus_share": float(areas.sum()) / region.area}


def nucleoli(
    density: npt.NDArray[np.floating], nucleus: BoolArray, distance: Float64Array, *, contrast: float, smallest: float
) -> Int64Array:
    """Measure the areas of the spots in a nucleus that are paler than their surroundings.

    The mean optical density over a small square is compared with that over a large one, both restricted to the nucleus
    without its rim: a difference of boxes, which approximates the Laplacian of a Gaussian. Spots are the 8-connected
    components where the small mean is lower by the contrast. Pale chromatin is not distinguished from nucleoli.

    Parameters
    ----------
    density : ndarray of float, shape (height, width)
        Optical density in green, which chromatin absorbs most.
    nucleus : ndarray of bool, shape (height, width)
        At least one pixel is True.
    distance : ndarray of float64, shape (height, width)
        Distance of each pixel of the nucleus to the nearest one outside.
    contrast : float
        Smallest relative difference of a spot from its surroundings, independent of the strength of the stain.
    smallest : float
        Smallest area of a spot as a share of the area of the nucleus.

    Returns
    -------
    ndarray of int64, shape (n_spots,)
        In pixels.

    References
    ----------
    Bay et al. 2008, Computer Vision and Image Understanding 110 (difference of boxes); Lindeberg 1998, International
    Journal of Computer Vision 30 (blobs).
    """
    area = int(np.count_nonzero(nucleus))
    radius = np.sqrt(area / np.pi)
    core = nucleus & (distance > RIM * radius)
    levels = np.where(core, np.rint(density / UNIT), 0.0)
    spot, pixels = _sums(levels, core, max(round(SPOT * radius), 1))
    around, all_pixels = _sums(levels, core, max(round(SURROUNDINGS * radius), 1))
    paler = spot * all_pixels <= (1 - contrast) * around * pixels
    _, areas = components(core & paler & (around > 0))
    return areas[areas >= smallest * area]


def _sums(levels: Float64Array, inside: BoolArray, half: int) -> tuple[Float64Array, Float64Array]:
    """Sum of the levels and number of inside pixels over a square around each pixel."""
    side = (2 * half + 1, 2 * half + 1)
    sums = cv2.boxFilter(levels, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(inside.view(np.uint8), cv2.CV_64F, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums), np.asarray(counts)
