"""The peers that the handcrafted features are held against, each as a user would call it on one cell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mahotas
import numpy as np
from skimage.feature import local_binary_pattern
from skimage.measure import regionprops

LEVELS = 32
SHAPE = (
    "area",
    "axis_major_length",
    "axis_minor_length",
    "centroid",
    "eccentricity",
    "equivalent_diameter_area",
    "extent",
    "feret_diameter_max",
    "moments_hu",
    "orientation",
    "perimeter",
    "perimeter_crofton",
    "solidity",
)


@dataclass(frozen=True)
class Frame:
    """What a peer is given, made outside its time: the whole frame, as it comes.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
    levels : ndarray of uint8, shape (height, width)
        1 to 32 in the mask, 0 outside.
    mask : ndarray of uint8, shape (height, width)
    radius : float
        Of the smallest circle about the centroid.
    image, region : object
        `levels` and `mask` as SimpleITK images, where that is installed.
    """

    grey: np.ndarray
    levels: np.ndarray
    mask: np.ndarray
    radius: float
    image: Any
    region: Any

    @classmethod
    def of(cls, image: np.ndarray, mask: np.ndarray) -> Frame:
        """The frame of a cell."""
        grey = (image @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        low, high = int(grey[mask].min()), int(grey[mask].max())
        cut = np.minimum(LEVELS * (grey.astype(np.int64) - low) // (high - low), LEVELS - 1) + 1
        levels = np.where(mask, cut, 0).astype(np.uint8)
        points = np.argwhere(mask)
        radius = float(np.hypot(*(points - points.mean(axis=0)).T).max())
        return cls(grey, levels, mask.astype(np.uint8), radius, *_itk(levels, mask))


def _itk(levels: np.ndarray, mask: np.ndarray) -> tuple[Any, Any]:
    try:
        import SimpleITK  # noqa: PLC0415 (an extra)
    except ImportError:
        return None, None
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    of = SimpleITK.GetImageFromArray
    return of(levels.astype(np.float64)), of(mask.astype(np.uint8))


def _shape(frame: Frame) -> list[float]:
    [region] = regionprops(frame.mask)
    return [float(x) for name in SHAPE for x in np.ravel(getattr(region, name))]


def _haralick(frame: Frame) -> np.ndarray:
    return np.ravel(mahotas.features.haralick(frame.levels, ignore_zeros=True))


def _haralick_14(frame: Frame) -> np.ndarray:
    return np.ravel(mahotas.features.haralick(frame.levels, ignore_zeros=True, compute_14th_feature=True))


def _zernike(frame: Frame) -> np.ndarray:
    return np.asarray(mahotas.features.zernike_moments(frame.mask, frame.radius, degree=8))


def _lbp(frame: Frame) -> list[float]:
    found: list[float] = []
    for radius in (1, 2, 3):
        codes = local_binary_pattern(frame.grey, 8 * radius, radius, method="uniform")
        found += np.bincount(codes[frame.mask > 0].astype(np.int64), minlength=8 * radius + 2).tolist()
    return found


def _matrices(frame: Frame) -> list[float]:
    from radiomics import gldm, glrlm, glszm, ngtdm  # noqa: PLC0415 (an extra)

    found: list[float] = []
    for family in (glrlm.RadiomicsGLRLM, glszm.RadiomicsGLSZM, ngtdm.RadiomicsNGTDM, gldm.RadiomicsGLDM):
        found += [float(x) for x in family(frame.image, frame.region, binWidth=1).execute().values()]
    return found


PEERS: dict[str, tuple[str, Callable[[Frame], Any]]] = {
    "scikit-image shape with hull and Feret": ("skimage", _shape),
    "mahotas Zernike, degree 8": ("mahotas", _zernike),
    "mahotas Haralick, 32 levels": ("mahotas", _haralick),
    "mahotas Haralick with f14, 32 levels": ("mahotas", _haralick_14),
    "pyradiomics, the same four": ("radiomics", _matrices),
    "scikit-image LBP, three scales": ("skimage", _lbp),
}
"""Each peer's package and call."""
