"""Regions of a cell and their channels, cropped and computed once for all families."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.handcrafted.framework.channels import Channels
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status
from extractors.segmentation.bounds import bounds
from extractors.segmentation.nucleus import nucleus_mask

REGIONS = ("cell", "nucleus", "cytoplasm")
"""Regions for colour and texture; the cytoplasm is the cell without its nucleus."""

OUTLINE_REGIONS = ("cell", "nucleus")
"""Regions with an outline of their own."""


class CellRegions:
    """Regions of one cell, computed on first use.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell; at least one pixel is True.
    um_per_px : float or None
        Micrometres per pixel.
    nucleus : ndarray of bool, shape (height, width), optional
        The nucleus; pixels outside `mask` are ignored. Default: segmented automatically.
    """

    def __init__(
        self, image: UInt8Array, mask: BoolArray, um_per_px: float | None = None, nucleus: BoolArray | None = None
    ) -> None:
        self._window = rows, columns = bounds(mask)
        self._at_frame = rows.start == 0, rows.stop == len(mask), columns.start == 0, columns.stop == mask.shape[1]
        self.mask = np.ascontiguousarray(mask[self._window])
        self.um_per_px = um_per_px
        self._full_image = image
        self._user_nucleus = nucleus
        self._masked_channels: dict[tuple[str, str], MaskedChannel] = {}

    @cached_property
    def image(self) -> UInt8Array:
        """The image, cropped to the cell."""
        return np.ascontiguousarray(self._full_image[self._window])

    @cached_property
    def cell_region(self) -> Region:
        """The cell as a region."""
        return Region(self.mask, self.um_per_px, self._at_frame)

    @cached_property
    def nucleus_mask(self) -> BoolArray | None:
        """Mask of the nucleus in the crop; None if there is no nucleus."""
        if self._user_nucleus is None:
            return nucleus_mask(self.image, self.mask)
        nucleus = np.ascontiguousarray(self._user_nucleus[self._window]) & self.mask
        return nucleus if nucleus.any() else None

    @cached_property
    def nucleus_region(self) -> Region | None:
        """The nucleus as a region."""
        return None if self.nucleus_mask is None else Region(self.nucleus_mask, self.um_per_px, self._at_frame)

    def outline(self, name: str, *, min_area: int = 1) -> Region | Status:
        """Region with a complete outline, or the reason why it has none.

        Parameters
        ----------
        name : str
            One of `OUTLINE_REGIONS`.
        min_area : int
            Smallest area in pixels.

        Returns
        -------
        Region or Status
            `NO_NUCLEUS`, `TOO_SMALL` below `min_area`, or `TOUCHES_BORDER` if the frame truncates the region.
        """
        region = self.cell_region if name == "cell" else self.nucleus_region
        if region is None:
            return Status.NO_NUCLEUS
        if region.area < min_area:
            return Status.TOO_SMALL
        return Status.TOUCHES_BORDER if region.is_truncated else region

    def mask_of(self, name: str) -> BoolArray | Status:
        """Non-empty mask, in the crop, of one of `REGIONS`, or the reason why there is none."""
        if name == "cell":
            return self.mask
        if self.nucleus_mask is None:
            return Status.NO_NUCLEUS
        if name == "nucleus":
            return self.nucleus_mask
        cytoplasm = self.mask & ~self.nucleus_mask
        return cytoplasm if cytoplasm.any() else Status.TOO_SMALL

    @cached_property
    def channels(self) -> Channels:
        """The channels of `image`."""
        return Channels(self.image)

    def masked_channel(self, region: str, channel: str) -> MaskedChannel | Status:
        """One channel of one region, cropped to the bounding box of the region, or the reason why there is none."""
        key = region, channel
        if key not in self._masked_channels:
            mask = self.mask_of(region)
            if isinstance(mask, Status):
                return mask
            (exact, unit), window = self.channels.plane(channel), bounds(mask)
            inside = np.ascontiguousarray(mask[window])
            self._masked_channels[key] = MaskedChannel(np.ascontiguousarray(exact[window]), inside, unit)
        return self._masked_channels[key]
