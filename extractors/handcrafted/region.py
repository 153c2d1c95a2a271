"""A region of a cell, cropped, with its geometry measured once for all families."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.contour import Points, convex_hull, corner_hull, pixel_contour, polygon_length
from extractors.handcrafted.contour import smooth_contour as smooth_contour_of
from extractors.handcrafted.perimeter import crofton_perimeter
from extractors.handcrafted.runs import Runs, runs_of

BoolMask = npt.NDArray[np.bool_]


class Region:
    """A non-empty set of pixels and its geometry, in pixels of the crop.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Within the image's frame, of any size; at least one pixel is True.
    um_per_px : float or None
        Micrometres per pixel.
    """

    def __init__(self, mask: BoolMask, um_per_px: float | None = None) -> None:
        self.um_per_px = um_per_px
        rows, columns = bounds(mask)
        self.mask = np.pad(mask[rows, columns], 1)
        self._frame_runs = max(_longest_run(side) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def perimeter(self) -> float:
        """Crofton's perimeter in pixels."""
        return crofton_perimeter(self.mask)

    @cached_property
    def runs(self) -> Runs:
        """The rows of the mask as runs of pixels."""
        return runs_of(self.mask)

    @property
    def radius(self) -> float:
        """Radius in pixels of the disc of the same area."""
        return float(np.sqrt(self.area / np.pi))

    @property
    def is_cut(self) -> bool:
        """Whether the frame cuts off so much that the outline is no longer the region's own.

        A region cropped to its bounding box touches the frame in runs of about 2 sqrt(2 r) pixels and is whole; a run
        longer than the radius r means that more than an eighth of the radius is missing on that side.
        """
        return bool(self._frame_runs > max(self.radius, 2 * np.sqrt(2 * self.radius) + 1))

    @cached_property
    def moments(self) -> dict[str, float]:
        """Moments of the pixels as OpenCV names them: m00, m10, mu20, nu20 and so on."""
        return dict(cv2.moments(self.mask.astype(np.uint8), binaryImage=True))

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
    def distance(self) -> npt.NDArray[np.float64]:
        """Distance of each pixel centre to the nearest one outside the region."""
        rounded = cv2.distanceTransform(self.mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # OpenCV's last bit depends on where the array lies in memory; the squared distance is a whole number.
        return np.asarray(np.sqrt(np.rint(np.square(rounded, dtype=np.float64))))

    @cached_property
    def contour(self) -> npt.NDArray[np.int32]:
        """Outer contour through pixel centres, (x, y)."""
        return pixel_contour(self.mask)

    @cached_property
    def hull(self) -> Points:
        """Convex hull of the pixels' corners."""
        return corner_hull(self.mask)

    @cached_property
    def smooth_contour(self) -> Points | None:
        """Sub-pixel outline; None where the region is too thin to have one."""
        return smooth_contour_of(self.mask)

    @cached_property
    def feret(self) -> tuple[float, float]:
        """Largest and smallest width of the hull."""
        corners = self.hull
        gaps = corners[:, None] - corners[None]
        largest = float(np.sqrt((gaps**2).sum(axis=2).max()))
        edges = np.roll(corners, -1, axis=0) - corners
        normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) / np.hypot(*edges.T)[:, None]
        heights = np.abs(np.einsum("ik,ijk->ij", normals, gaps))
        return largest, float(heights.max(axis=1).min())

    @cached_property
    def cleaned(self) -> Region | None:
        """The largest component after opening with a radius of 1 px: no threads of two pixels; None where none is left.

        A thread that sticks out would raise the hull and pass for two clefts.
        """
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        opened = cv2.morphologyEx(self.mask.astype(np.uint8), cv2.MORPH_OPEN, cross)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
        if count == 1:
            return None
        return Region(np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))), self.um_per_px)


def bounds(mask: BoolMask) -> tuple[slice, slice]:
    """Rows and columns that hold every True pixel of a mask that has one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def hull_length(points: Points) -> float:
    """Length of the convex hull of the points."""
    return polygon_length(convex_hull(points))


def _longest_run(line: BoolMask) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
