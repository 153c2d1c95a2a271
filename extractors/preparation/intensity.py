"""Steps that stretch the intensities: histogram equalisation, of the whole cell and tile by tile (CLAHE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from extractors.preparation.step import Picture, StepBase, number, replace_cell_pixels, word
from extractors.segmentation.bounds import bounds

UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Equalise(StepBase):
    """Histogram equalisation of the cell; the background stays as it is and has no part in the histogram.

    The darkest level of the cell becomes 0, its brightest 255, and the share of pixels up to a level rises evenly in
    between: (cdf - cdf of the darkest) / (1 - cdf of the darkest) * 255, as OpenCV's `equalizeHist` has it. A channel
    of one level stays as it is.

    Parameters
    ----------
    channels : {"luminance", "rgb"}
        `luminance`: the rounded Rec. 601 luma is equalised and each of red, green and blue moves by as much as the luma
        does, so that the hue stays, except where a channel leaves 0..255 and is clipped. `rgb`: red, green and blue
        each for itself, which changes hues.
    """

    name: ClassVar[str] = "equalise"
    channels: str = word("luminance", "rgb")

    def _apply(self, picture: Picture) -> Picture:
        equal = _equal_rgb if self.channels == "rgb" else _equal_luma
        return replace_cell_pixels(picture, equal(picture.image, picture.mask))


@dataclass(frozen=True)
class Clahe(StepBase):
    """Contrast-limited adaptive histogram equalisation of lightness; the background stays as it is.

    OpenCV's, on L of its 8-bit CIELAB. Tiles are laid over the whole image and their histograms hold the background
    too, so `crop` before it makes a difference.

    Parameters
    ----------
    clip : float
        Where a tile's histogram is cut, in multiples of its mean height.
    tiles : int
        Tiles in a row and in a column.

    References
    ----------
    Zuiderveld 1994, Graphics Gems IV, 474-485.
    """

    name: ClassVar[str] = "clahe"
    clip: float = number(2.0, low=0.01, high=256.0)
    tiles: int = number(8, low=1, high=64)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        if min(height, width) < self.tiles:
            raise ValueError(
                f"the image is {height} x {width} px (height x width), too small for {self.tiles} tiles; choose fewer, "
                f"or pad it before: pad_square[size={self.tiles}]"
            )
        lab = cv2.cvtColor(picture.image, cv2.COLOR_RGB2LAB)
        lightness = cv2.createCLAHE(self.clip, (self.tiles, self.tiles)).apply(cv2.extractChannel(lab, 0))
        cv2.insertChannel(lightness, lab, 0)
        image, box = picture.image.copy(), bounds(picture.mask)
        image[box] = cv2.cvtColor(lab[box], cv2.COLOR_LAB2RGB)
        return replace_cell_pixels(picture, image)


def _equal_rgb(image: UInt8, mask: Bool) -> UInt8:
    levels = np.stack([_equal_levels(image[..., channel][mask]) for channel in range(3)], axis=-1)
    return np.asarray(cv2.LUT(image, levels[None]), dtype=np.uint8)


def _equal_luma(image: UInt8, mask: Bool) -> UInt8:
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    shift = _equal_levels(luma[mask]).astype(np.int16) - np.arange(256, dtype=np.int16)
    # Two saturating operations are three times as fast as one on wider numbers.
    up, down = (cv2.LUT(luma, np.maximum(sign * shift, 0).astype(np.uint8)) for sign in (1, -1))
    return np.asarray(cv2.subtract(cv2.add(image, cv2.merge([up] * 3)), cv2.merge([down] * 3)), dtype=np.uint8)


def _equal_levels(values: UInt8) -> UInt8:
    """What each of the 256 levels becomes, from the values on the cell."""
    counts = np.bincount(values, minlength=256)
    darkest = counts[values.min()]
    if darkest == len(values):
        return np.arange(256, dtype=np.uint8)
    rank = (np.cumsum(counts) - darkest).astype(np.float32)
    levels = np.clip(np.rint(rank * np.float32(255 / (len(values) - darkest))), 0, 255)
    return np.asarray(levels, dtype=np.uint8)
