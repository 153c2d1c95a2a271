"""Segmentation of the stained object at the centre of an image by a threshold of one channel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.component import Component, choice_field, number_field
from extractors.segmentation.central import central_component
from extractors.segmentation.components import disc, fill_holes
from extractors.segmentation.foreground import lit_pixels
from extractors.segmentation.otsu import otsu

LARGEST_RADIUS = 50
"""Largest radius of the opening in pixels."""


@dataclass(frozen=True)
class ThresholdMask(Component, ABC):
    """Base class of the methods: pixels beyond a threshold are opened, and one object is selected.

    Objects that touch the frame are removed. Of the others, the one with the largest area, weighted around the centre
    of the image (`extractors.segmentation.central`), is selected, and its holes are filled. On a black background only
    the foreground is thresholded. The mask is the stained object: as a rule the nucleus, not the whole cell.

    Parameters
    ----------
    opening : int
        Radius of the opening by a disc, in pixels; 0: none.
    """

    opening: int = number_field(2, low=0, high=LARGEST_RADIUS)

    def __call__(self, image: UInt8Array) -> BoolArray:
        """Segment an image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB.

        Returns
        -------
        ndarray of bool, shape (height, width)
            All False without an object, as in a constant image, or if every object touches the frame.
        """
        stained = self._stained(image, _thresholded_region(image))
        if self.opening:
            stained = _opened(stained, self.opening)
        return fill_holes(central_component(stained))

    @abstractmethod
    def _stained(self, image: UInt8Array, region: BoolArray) -> BoolArray:
        """Pixels of the region beyond the threshold."""


@dataclass(frozen=True)
class OtsuMask(ThresholdMask):
    """Otsu's threshold of a channel; the dark pixels are the object.

    Parameters
    ----------
    channel : {"green", "red", "blue", "grey"}
        Channel; grey is the Rec. 601 luma, rounded.
    equalise : bool
        Equalise the histogram of the channel first. A linear stretch of the contrast does not change the result.
    classes : int
        2: the darker part. 3: the darker part of that, by Otsu's threshold of its pixels alone; it separates a nucleus
        from cytoplasm and red cells.
    opening : int
        See `ThresholdMask`.

    References
    ----------
    Otsu 1979, IEEE Transactions on Systems, Man, and Cybernetics 9:62-66.
    """

    name: ClassVar[str] = "otsu"
    channel: str = choice_field("green", "red", "blue", "grey")
    equalise: bool = False
    classes: int = number_field(2, low=2, high=3)

    def _stained(self, image: UInt8Array, region: BoolArray) -> BoolArray:
        levels = _channel(image, self.channel)
        if self.equalise:
            levels = equalised(levels, region)
        first = otsu(levels[region])
        if first is None:
            return np.zeros_like(region)
        dark = region & (levels <= first[0])
        second = otsu(levels[dark]) if self.classes == 3 else None
        return dark if second is None else dark & (levels <= second[0])


@dataclass(frozen=True)
class HsvMask(ThresholdMask):
    """Otsu's threshold of the saturation of a colour space; the saturated pixels are the object.

    Saturation is (max - min) / max of red, green and blue, in 256 levels, 0 for black: stained chromatin is saturated,
    plasma and background are not.

    Parameters
    ----------
    space : {"hsv"}
        Colour space.
    opening : int
        See `ThresholdMask`.

    References
    ----------
    Smith 1978, Color gamut transform pairs, SIGGRAPH 12:12-19 (the colour space).
    """

    name: ClassVar[str] = "threshold"
    space: str = choice_field("hsv")

    def _stained(self, image: UInt8Array, region: BoolArray) -> BoolArray:
        saturation = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1]
        split = otsu(saturation[region])
        return np.zeros_like(region) if split is None else region & (saturation > split[0])


THRESHOLDS: Mapping[str, type[ThresholdMask]] = {method.name: method for method in (OtsuMask, HsvMask)}
"""Methods by name."""


def equalised(levels: UInt8Array, region: BoolArray) -> UInt8Array:
    """Equalise the histogram of the pixels of a region to 0..255; OpenCV's `equalizeHist`, restricted to the region.

    Parameters
    ----------
    levels : ndarray of uint8, shape (height, width)
    region : ndarray of bool, shape (height, width)
        Pixels outside are mapped by the same table.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Unchanged if the region is empty or constant.
    """
    below = np.cumsum(np.bincount(levels[region], minlength=256))
    first, total = below[below > 0][:1].sum(), below[-1]
    if first == total:
        return levels
    table = np.rint(np.clip(below - first, 0, None) * (255 / (total - first)))
    return np.asarray(table.astype(np.uint8)[levels])


def _channel(image: UInt8Array, name: str) -> UInt8Array:
    if name == "grey":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return np.ascontiguousarray(image[..., ("red", "green", "blue").index(name)])


def _thresholded_region(image: UInt8Array) -> BoolArray:
    """The foreground of an image on a black background; else all pixels."""
    try:
        return lit_pixels(image)
    except ValueError:
        return np.ones(image.shape[:2], dtype=np.bool_)


def _opened(mask: BoolArray, radius: int) -> BoolArray:
    opened = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_OPEN, disc(radius), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    return np.asarray(opened > 0)
