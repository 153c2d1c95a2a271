"""Preparation steps for intensities: histogram equalisation and CLAHE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.component import choice_field, number_field
from extractors.preparation.step import Picture, RecolourStep, Step, replace_cell_pixels
from extractors.segmentation.bounds import bounds


@dataclass(frozen=True)
class Equalise(RecolourStep):
    """Histogram equalisation of the cell; the background is unchanged and excluded from the histogram.

    Levels become (cdf - cdf of the darkest) / (1 - cdf of the darkest) * 255, as in OpenCV's `equalizeHist`: the
    darkest level of the cell becomes 0, the brightest 255. A constant channel is unchanged.

    Parameters
    ----------
    channels : {"luminance", "rgb"}
        `luminance`: the rounded Rec. 601 luma is equalised, and red, green and blue are shifted by its change, which
        preserves the hue unless a channel is clipped to 0..255. `rgb`: red, green and blue are equalised separately,
        which changes hues.
    """

    name: ClassVar[str] = "equalise"
    channels: str = choice_field("luminance", "rgb")

    def _recolour(self, image: UInt8Array, mask: BoolArray) -> None:
        equalise = _equalised_rgb if self.channels == "rgb" else _equalised_luma
        image[:] = equalise(image, mask)


@dataclass(frozen=True)
class Clahe(Step):
    """Contrast-limited adaptive histogram equalisation of lightness; the background is unchanged.

    OpenCV's implementation, on L of its 8-bit CIELAB. Tiles cover the full image and their histograms include the
    background, so a preceding `crop` changes the result.

    Parameters
    ----------
    clip : float
        Clip limit of the histogram of a tile, in multiples of its mean height.
    tiles : int
        Number of tiles per row and column.

    References
    ----------
    Zuiderveld 1994, Graphics Gems IV, 474-485.
    """

    name: ClassVar[str] = "clahe"
    clip: float = number_field(2.0, low=0.01, high=256.0)
    tiles: int = number_field(8, low=1, high=64)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        if min(height, width) < self.tiles:
            raise ValueError(
                f"the image is {height} x {width} px (height x width), too small for {self.tiles} tiles; choose fewer, "
                f"or pad it first: pad_square[size={self.tiles}]"
            )
        lab = cv2.cvtColor(picture.image, cv2.COLOR_RGB2LAB)
        lightness = cv2.createCLAHE(self.clip, (self.tiles, self.tiles)).apply(cv2.extractChannel(lab, 0))
        cv2.insertChannel(lightness, lab, 0)
        image, box = picture.image.copy(), bounds(picture.mask)
        image[box] = cv2.cvtColor(lab[box], cv2.COLOR_LAB2RGB)
        return replace_cell_pixels(picture, image)


def _equalised_rgb(image: UInt8Array, mask: BoolArray) -> UInt8Array:
    levels = np.stack([_equal_levels(image[..., channel][mask]) for channel in range(3)], axis=-1)
    return np.asarray(cv2.LUT(image, levels[None]), dtype=np.uint8)


def _equalised_luma(image: UInt8Array, mask: BoolArray) -> UInt8Array:
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    shift = _equal_levels(luma[mask]).astype(np.int16) - np.arange(256, dtype=np.int16)
    # Two saturating operations are three times as fast as one on wider integers.
    up, down = (cv2.LUT(luma, np.maximum(sign * shift, 0).astype(np.uint8)) for sign in (1, -1))
    return np.asarray(cv2.subtract(cv2.add(image, cv2.merge([up] * 3)), cv2.merge([down] * 3)), dtype=np.uint8)


def _equal_levels(values: UInt8Array) -> UInt8Array:
    """Lookup table of the 256 levels, from the values in the cell."""
    counts = np.bincount(values, minlength=256)
    darkest = counts[values.min()]
    if darkest == len(values):
        return np.arange(256, dtype=np.uint8)
    rank = (np.cumsum(counts) - darkest).astype(np.float32)
    levels = np.clip(np.rint(rank * np.float32(255 / (len(values) - darkest))), 0, 255)
    return np.asarray(levels, dtype=np.uint8)
