"""A region of a cell, cropped, with its geometry measured once for all families."""

from __future__ import annotations

from functools import cached_property
from itertools import compress

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.geometry.contour import outline, smooth_contour
from extractors.handcrafted.geometry.distance import squared_distance
from extractors.handcrafted.geometry.enclosing import smallest_rectangle
from extractors.handcrafted.geometry.hull import corner_hull, hull_widths
from extractors.handcrafted.geometry.level_lines import Points
from extractors.handcrafted.geometry.moments import moments_of
from extractors.handcrafted.geometry.perimeter import crofton_perimeter
from extractors.handcrafted.geometry.runs import Runs, runs_of
from extractors.segmentation.bounds import bounds

BoolMask = npt.NDArray[np.bool_]

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class Region:
    """A non-empty set of pixels and its geometry, in pixels of the crop.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Of the whole image or a part of it; at least one pixel is True.
    um_per_px : float or None
        Micrometres per pixel.
    framed : tuple of bool
        Whether the upper, lower, left and right side of `mask` is that of the image's frame.
    """

    def __init__(
        self,
        mask: BoolMask,
        um_per_px: float | None = None,
        framed: tuple[bool, bool, bool, bool] = (True, True, True, True),
    ) -> None:
        self.um_per_px = um_per_px
        self.mask = _cropped(mask)
        self._at_frame = list(compress((mask[0], mask[-1], mask[:, 0], mask[:, -1]), framed))

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def perimeter(self) -> float:
        """Crofton's perimeter in pixels."""
        return crofton_perimeter(self.runs)

    @cached_property
    def runs(self) -> Runs:
        """The rows of the mask as runs of pixels."""
        return runs_of(self.mask)

    @cached_property
    def radius(self) -> float:
        """Radius in pixels of the disc of the same area."""
        return float(np.sqrt(self.area / np.pi))

    @cached_property
    def is_cut(self) -> bool:
        """Whether the frame cuts off so much that the outline is no longer the region's own.

        A region cropped to its bounding box touches the frame in runs of about 2 sqrt(2 r) pixels and is whole; a run
        longer than the radius r means that more than an eighth of the radius is missing on that side.
        """
        longest = max(map(_longest_run, self._at_frame), default=0)
        return bool(longest > max(self.radius, 2 * np.sqrt(2 * self.radius) + 1))

    @cached_property
    def moments(self) -> dict[str, float]:
        """Moments of the pixels up to the third order as OpenCV names them: m00, m10, mu20, nu20 and so on."""
        return moments_of(self.runs)

    @cached_property
    def centroid(self) -> npt.NDArray[np.float64]:
        """Mean (x, y) of the pixel centres."""
        return np.array([self.moments["m10"] / self.area, self.moments["m01"] / self.area])

    @cached_property
    def principal_variances(self) -> tuple[float, float]:
        """Largest and smallest variance of the pixel centres over all directions, in px squared."""
        m = self.moments
        xx, yy, xy = m["mu20"] / self.area, m["mu02"] / self.area, m["mu11"] / self.area
        middle, spread = (xx + yy) / 2, float(np.hypot((xx - yy) / 2, xy))
        return middle + spread, max(middle - spread, 0.0)

    @cached_property
    def squared_distance(self) -> npt.NDArray[np.int32]:
        """Squared distance of each pixel centre to the nearest one outside the region, a whole number."""
        return squared_distance(self.mask)

    @cached_property
    def distance(self) -> npt.NDArray[np.float64]:
        """Distance of each pixel centre to the nearest one outside the region."""
        return np.asarray(np.sqrt(self.squared_distance, dtype=np.float64))

    @cached_property
    def hull(self) -> Points:
        """Convex hull of the pixels' corners."""
        return corner_hull(self.runs)

    @cached_property
    def outline(self) -> Points | None:
        """Sub-pixel outline with all its corners; None where the region is too thin to have one."""
        return outline(self.mask)

    @cached_property
    def smooth_contour(self) -> Points | None:
        """The outline at 256 points equally spaced along it, from a point that turns and flips with the region."""
        return None if self.outline is None else smooth_contour(self.outline)

    @cached_property
    def feret(self) -> tuple[float, float]:
        """Largest and smallest width of the hull."""
        return hull_widths(self.hull)

    @cached_property
    def rectangle(self) -> tuple[float, float]:
        """Longer and shorter side of the smallest rectangle around the hull, at any angle."""
        return smallest_rectangle(self.hull)

    @cached_property
    def cleaned(self) -> Region | None:
        """The largest component after opening with a radius of 1 px: no threads of two pixels; None where none is left.

        A thread that sticks out would raise the hull and pass for two clefts. The region itself where opening changes
        nothing.
        """
        pixels = self.mask.view(np.uint8)
        opened = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, _CROSS)
        count, labels = cv2.connectedComponents(opened, connectivity=8)
        if count == 1:
            return None
        largest = np.asarray(labels == _largest(labels, count), dtype=np.bool_) if count > 2 else opened.view(np.bool_)
        return self if np.array_equal(largest, self.mask) else Region(largest, self.um_per_px)


def _cropped(mask: BoolMask) -> BoolMask:
    """The mask's bounding box with a border of one pixel."""
    inside = np.ascontiguousarray(mask[bounds(mask)]).view(np.uint8)
    return np.asarray(cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0).view(np.bool_))


def _largest(labels: npt.NDArray[np.int32], count: int) -> int:
    """The largest of the components 1 to count - 1; of several as large, the one that is most spread out."""
    areas = np.bincount(labels.ravel(), minlength=count)[1:]
    tied = 1 + np.flatnonzero(areas == areas.max())
    if len(tied) == 1:
        return int(tied[0])
    spreads = [sum(axis.var() for axis in np.nonzero(labels == label)) for label in tied]
    return int(tied[np.argmax(spreads)])


def _longest_run(line: BoolMask) -> int:
    if not line.any():
        return 0
    edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2]))
