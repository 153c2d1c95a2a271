"""The nucleus in its cell: how much of it, how far off the middle, how wide the cytoplasm around it; its nucleoli."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.handcrafted.framework.cell_regions import Parts
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature
from extractors.handcrafted.framework.region import BoolMask, Region
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.nucleoli import nucleoli
from extractors.segmentation.bounds import bounds

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
"""Left out: nucleus to cytoplasm, a function of `nc_ratio`; the ratio of the perimeters, which are columns of `size`;
nucleus less cytoplasm in optical density, which is a column of `color`."""

MIN_AREA = 400
"""Pixels of a nucleus in which spots can be told from noise."""


class Nucleus(HandcraftedBase):
    """The nucleus in its cell, and its nucleoli; widths in micrometres where the scale is known, else in pixels.

    Parameters
    ----------
    nucleolus_contrast : float
        By which share of the optical density around it a spot in the nucleus must be paler to count, in (0, 1).
    nucleolus_area : float
        Smallest area of such a spot as a share of the nucleus's, in [0, 1).
    """

    def __init__(self, nucleolus_contrast: float = 0.12, nucleolus_area: float = 0.005) -> None:
        self.nucleolus_contrast = nucleolus_contrast
        self.nucleolus_area = nucleolus_area

    def _families(self) -> list[Family]:
        """The one family."""
        contrast, smallest = self.nucleolus_contrast, self.nucleolus_area
        if isinstance(contrast, bool) or not 0 < contrast < 1:
            raise ValueError(f"nucleolus_contrast={contrast!r}: a number between 0 and 1 is expected")
        if isinstance(smallest, bool) or not 0 <= smallest < 1:
            raise ValueError(f"nucleolus_area={smallest!r}: a number from 0 to below 1 is expected")
        columns = tuple(Column(f"nucleus.{feature.name}", feature) for feature in FEATURES)
        return [Family(columns, lambda parts: nucleus(parts, contrast=contrast, smallest=smallest))]


def nucleus(parts: Parts, *, contrast: float, smallest: float) -> Measured:
    """All of `FEATURES` of a cell.

    Parameters
    ----------
    parts : Parts
        The cell.
    contrast, smallest : float
        As `extractors.handcrafted.nucleoli.nucleoli` takes them.

    Returns
    -------
    Measured
        By column. `TOUCHES_BORDER` where the frame cuts the cell, or for the spots the nucleus; `NO_NUCLEUS`;
        `TOO_SMALL` for the ring of a nucleus that leaves no cytoplasm, and for the spots of one below `MIN_AREA`.
    """
    regions = parts.outline("cell"), parts.outline("nucleus")
    reason = next((region for region in regions if isinstance(region, Status)), None)
    if reason is None and parts.nucleus_mask is not None:
        found = in_cell(parts.cell, np.pad(parts.nucleus_mask, 1))
    else:
        found = missing((feature.name for feature in (*PLACE, *RING)), reason or Status.NO_NUCLEUS)
    found |= _spots(parts, contrast=contrast, smallest=smallest)
    return {f"nucleus.{feature.name}": found[feature.name] for feature in FEATURES}


def in_cell(cell: Region, inner: BoolMask) -> Measured:
    """`PLACE` and `RING` of a nucleus.

    The ring is as wide, at a pixel of the nucleus that has a side in common with the outside of it, as the cytoplasm is
    thick from there to the nearest place outside the cell: 0 where the nucleus reaches the cell's edge. Exact for
    upright edges, within a pixel for others.

    Parameters
    ----------
    cell : Region
        With its scale, if known.
    inner : ndarray of bool, of the shape of `cell.mask`
        The nucleus; at least one pixel is True.
    """
    moments = cv2.moments(inner.astype(np.uint8), binaryImage=True)
    area = moments["m00"]
    centroid = np.array([moments["m10"], moments["m01"]]) / area
    found: Measured = {
        "nc_ratio": area / cell.area,
        "offset": float(np.hypot(*(centroid - cell.centroid))) / cell.radius,
    }
    if area == cell.area:
        return found | missing((feature.name for feature in RING), Status.TOO_SMALL)
    within = np.zeros_like(inner)
    within[1:-1, 1:-1] = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    widths = (cell.distance[inner & ~within] - 1) * (cell.um_per_px or 1.0)
    return found | {
        "ring_mean": float(widths.mean()),
        "ring_min": float(widths.min()),
        "ring_max": float(widths.max()),
    }


def _spots(parts: Parts, *, contrast: float, smallest: float) -> Measured:
    region = parts.outline("nucleus", min_area=MIN_AREA)
    if isinstance(region, Status) or parts.nucleus_mask is None:
        reason = region if isinstance(region, Status) else Status.NO_NUCLEUS
        return missing((feature.name for feature in SPOTS), reason)
    density, _ = parts.channel("od_green")
    cropped = np.pad(density[bounds(parts.nucleus_mask)], 1)
    areas = nucleoli(cropped, region.mask, region.distance, contrast=contrast, smallest=smallest)
    return {"nucleolus_count": float(len(areas)), "nucleolus_share": float(areas.sum()) / region.area}
