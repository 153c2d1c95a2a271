"""A region of a cell and its geometry, computed once for all families."""

from __future__ import annotations

from functools import cached_property
from itertools import compress

import cv2
import numpy as np

from extractors.arrays import BoolArray, Float64Array, Int32Array
from extractors.handcrafted.geometry.contour import outline, smooth_contour
from extractors.handcrafted.geometry.distance import squared_distance
from extractors.handcrafted.geometry.enclosing import smallest_rectangle
from extractors.handcrafted.geometry.hull import corner_hull, hull_widths
from extractors.handcrafted.geometry.level_lines import Points
from extractors.handcrafted.geometry.moments import moments_from_runs
from extractors.handcrafted.geometry.perimeter import crofton_perimeter
from extractors.handcrafted.geometry.runs import Runs, row_runs
from extractors.segmentation.bounds import bounds, longest_run

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class Region:
    """A non-empty set of pixels and its geometry, in pixels of the crop.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        In the image or a part of it; at least one pixel is True.
    um_per_px : float or None
        Micrometres per pixel.
    at_frame : tuple of bool
        Whether the top, bottom, left and right side of `mask` coincide with the frame of the image.
    """

    def __init__(
        self,
        mask: BoolArray,
        um_per_px: float | None = None,
        at_frame: tuple[bool, bool, bool, bool] = (True, True, True, True),
    ) -> None:
        self.um_per_px = um_per_px
        self.mask = _cropped(mask)
        self._frame_lines = list(compress((mask[0], mask[-1], mask[:, 0], mask[:, -1]), at_frame))

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def perimeter(self) -> float:
        """Crofton perimeter in pixels."""
        return crofton_perimeter(self.runs)

    @cached_property
    def runs(self) -> Runs:
        """Runs of pixels in the rows of the mask."""
        return row_runs(self.mask)

    @cached_property
    def radius(self) -> float:
        """Radius in pixels of the disc of equal area."""
        return float(np.sqrt(self.area / np.pi))

    @cached_property
    def is_truncated(self) -> bool:
        """Whether the frame truncates the region so far that its outline is not usable.

        A complete region cropped to its bounding box touches the frame in runs of about 2 sqrt(2 r) pixels; a run
        longer than the radius r means that more than an eighth of the radius is missing on that side.
        """
        longest = max(map(longest_run, self._frame_lines), default=0)
        return bool(longest > max(self.radius, 2 * np.sqrt(2 * self.radius) + 1))

    @cached_property
    def moments(self) -> dict[str, float]:
        """Moments of the pixels up to the third order, with OpenCV's names: m00, m10, mu20, nu20 and so on."""
        return moments_from_runs(self.runs)

    @cached_property
    def centroid(self) -> Float64Array:
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
    def squared_distance(self) -> Int32Array:
        """Squared distance of each pixel centre to the nearest one outside the region, an integer."""
        return squared_distance(self.mask)

    @cached_property
    def distance(self) -> Float64Array:
        """Distance of each pixel centre to the nearest one outside the region."""
        return np.asarray(np.sqrt(self.squared_distance, dtype=np.float64))

    @cached_property
    def hull(self) -> Points:
        """Convex hull of the corners of the pixels."""
        return corner_hull(self.runs)

    @cached_property
    def smooth_contour(self) -> Points | None:
        """Sub-pixel outline at 256 equally spaced points; None if the region is too thin, such as a line."""
        contour = outline(self.mask)
        return None if contour is None else smooth_contour(contour)

    @cached_property
    def feret(self) -> tuple[float, float]:
        """Largest and smallest width of the hull."""
        return hull_widths(self.hull)

    @cached_property
    def rectangle(self) -> tuple[float, float]:
        """Longer and shorter side of the smallest rectangle around the hull, at any angle."""
        return smallest_rectangle(self.hull)

    @cached_property
    def opened(self) -> Region | None:
        """Largest component after an opening with a radius of 1 px, which removes threads up to two pixels wide.

        A protruding thread would extend the hull and count as two clefts. None if no pixel is left; the region itself
        if the opening changes nothing.
        """
        opened = cv2.morphologyEx(self.mask.view(np.uint8), cv2.MORPH_OPEN, _CROSS)
        count, labels = cv2.connectedComponents(opened, connectivity=8)
        if count == 1:
            return None
        largest = np.asarray(labels == _largest(labels, count), dtype=np.bool_) if count > 2 else opened.view(np.bool_)
        return self if np.array_equal(largest, self.mask) else Region(largest, self.um_per_px)

    @cached_property
    def opened_contour(self) -> Points | None:
        """Smooth contour of the region after the opening; None if the region is too thin."""
        return None if self.opened is None else self.opened.smooth_contour


def _cropped(mask: BoolArray) -> BoolArray:
    """Crop a mask to its bounding box with a border of one pixel."""
    inside = np.ascontiguousarray(mask[bounds(mask)]).view(np.uint8)
    return np.asarray(cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0).view(np.bool_))


def _largest(labels: Int32Array, count: int) -> int:
    """Label of the largest of the components 1 to count - 1; ties go to the one with the largest spread."""
    areas = np.bincount(labels.ravel(), minlength=count)[1:]
    tied = 1 + np.flatnonzero(areas == areas.max())
    if len(tied) == 1:
        return int(tied[0])
    spreads = [sum(axis.var() for axis in np.nonzero(labels == label)) for label in tied]
    return int(tied[np.argmax(spreads)])
