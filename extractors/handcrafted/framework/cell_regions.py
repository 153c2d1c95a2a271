"""A cell taken apart: its image cropped, its regions, and the channels in them, each made once for all families."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.channels import Channels
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.region import BoolMask, Region
from extractors.handcrafted.framework.status import Status
from extractors.segmentation.bounds import bounds
from extractors.segmentation.nucleus import nucleus_mask

REGIONS = ("cell", "nucleus", "cytoplasm")
"""What of a cell colour and texture are measured in; the cytoplasm is the cell without its nucleus."""

OUTLINED = ("cell", "nucleus")
"""Regions that have an outline of their own."""


class Parts:
    """A cell taken apart.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell; at least one pixel is True.
    um_per_px : float or None
        Micrometres per pixel.
    nucleus : ndarray of bool, shape (height, width), optional
        The nucleus, inside `mask`. Default: it is looked for.
    """

    def __init__(
        self,
        image: npt.NDArray[np.uint8],
        mask: BoolMask,
        um_per_px: float | None = None,
        nucleus: BoolMask | None = None,
    ) -> None:
        self._window = rows, columns = bounds(mask)
        self._framed = rows.start == 0, rows.stop == len(mask), columns.start == 0, columns.stop == mask.shape[1]
        self.mask = np.ascontiguousarray(mask[self._window])
        self.um_per_px = um_per_px
        self._whole_image = image
        self._given_nucleus = nucleus
        self._planes: dict[tuple[str, str], Plane | Status] = {}

    @cached_property
    def image(self) -> npt.NDArray[np.uint8]:
        """The image, cropped to the cell."""
        return np.ascontiguousarray(self._whole_image[self._window])

    @cached_property
    def cell(self) -> Region:
        """The whole cell."""
        return Region(self.mask, self.um_per_px, self._framed)

    @cached_property
    def nucleus_mask(self) -> BoolMask | None:
        """The nucleus in the frame of `image`; None where there is none."""
        if self._given_nucleus is None:
            return nucleus_mask(self.image, self.mask)
        given = np.ascontiguousarray(self._given_nucleus[self._window]) & self.mask
        return given if given.any() else None

    @cached_property
    def nucleus(self) -> Region | None:
        """The nucleus as a region."""
        return None if self.nucleus_mask is None else Region(self.nucleus_mask, self.um_per_px, self._framed)

    def outline(self, name: str, *, min_area: int = 1) -> Region | Status:
        """The region called `name`, of `OUTLINED`, or why its outline cannot be measured.

        A region that is missing, smaller than `min_area` pixels or cut by the frame has none.
        """
        region = self.cell if name == "cell" else self.nucleus
        if region is None:
            return Status.NO_NUCLEUS
        if region.area < min_area:
            return Status.TOO_SMALL
        return Status.TOUCHES_BORDER if region.is_cut else region

    def mask_of(self, name: str) -> BoolMask | Status:
        """The pixels, in the frame of `image`, of the region called `name`, of `REGIONS`; at least one is True."""
        if name == "cell":
            return self.mask
        if self.nucleus_mask is None:
            return Status.NO_NUCLEUS
        if name == "nucleus":
            return self.nucleus_mask
        cytoplasm = self.mask & ~self.nucleus_mask
        return cytoplasm if cytoplasm.any() else Status.TOO_SMALL

    @cached_property
    def _channels(self) -> Channels:
        return Channels(self.image)

    def channel(self, name: str) -> tuple[npt.NDArray[np.number], float]:
        """A channel of `image` as `extractors.handcrafted.framework.channels.Channels.plane` gives it."""
        return self._channels.plane(name)

    def plane(self, region: str, channel: str) -> Plane | Status:
        """One channel of one region, cropped to that region's bounding box, or why there is none."""
        key = region, channel
        if key not in self._planes:
            mask = self.mask_of(region)
            self._planes[key] = mask if isinstance(mask, Status) else self._cropped(mask, channel)
        return self._planes[key]

    def _cropped(self, mask: BoolMask, channel: str) -> Plane:
        exact, unit = self.channel(channel)
        window = bounds(mask)
        return Plane(np.ascontiguousarray(exact[window]), np.ascontiguousarray(mask[window]), unit)
