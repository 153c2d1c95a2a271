"""Quality measures of the masks of a cell: debris, holes, contact with the frame, nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.segmentation.bounds import longest_run
from extractors.segmentation.components import components, fill_holes
from extractors.segmentation.nucleus import nucleus_candidate

PROVIDED, SEGMENTED = "given", "found"
"""Values of `MaskQuality.nucleus`: a user mask, or a segmented nucleus."""


@dataclass(frozen=True)
class MaskQuality:
    """Quality measures of the masks of a cell.

    Parameters
    ----------
    area_px : int
        Area of the cell in pixels.
    pieces : int
        Number of 8-connected components of the mask; more than one only for user masks.
    debris : int
        Number of components removed as debris.
    debris_share : float
        Share of the lit pixels removed as debris, in [0, 1).
    hole_share : float
        Share of the area of the filled cell in holes, in [0, 1).
    frame_px : int
        Longest run of pixels of the cell along one side of the frame; 0 if it does not touch the frame.
    nucleus : str
        `PROVIDED`, `SEGMENTED`, or the reason why there is none: `"no contrast"` (empty or constant) or
        `extractors.segmentation.nucleus.Candidate.rejection`.
    nucleus_ratio : float or None
        Area of the nucleus, including rejected candidates, as a share of the area of the cell; None without one.
    """

    area_px: int
    pieces: int
    debris: int
    debris_share: float
    hole_share: float
    frame_px: int
    nucleus: str
    nucleus_ratio: float | None


def mask_quality(
    image: UInt8Array, mask: BoolArray, *, lit: BoolArray | None = None, nucleus: BoolArray | None = None
) -> MaskQuality:
    """Measure the quality of the masks of one cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.
    lit : ndarray of bool, shape (height, width), optional
        The mask before debris was removed and holes were filled (`extractors.segmentation.foreground.lit_pixels`).
        Default: `mask`, for a user mask.
    nucleus : ndarray of bool, shape (height, width), optional
        User mask of the nucleus. Default: segmented automatically.

    Returns
    -------
    MaskQuality
        An empty mask has an area of 0, no pieces and shares of 0.
    """
    lit = mask if lit is None else lit
    filled = fill_holes(mask)
    _, areas = components(lit & ~filled)
    status, ratio = _nucleus(image, mask, nucleus)
    return MaskQuality(
        area_px=int(np.count_nonzero(mask)),
        pieces=len(components(mask)[1]),
        debris=len(areas),
        debris_share=_share(lit & ~filled, lit),
        hole_share=_share(filled & ~lit, filled),
        frame_px=max(longest_run(side) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])),
        nucleus=status,
        nucleus_ratio=ratio,
    )


def _nucleus(image: UInt8Array, mask: BoolArray, user_mask: BoolArray | None) -> tuple[str, float | None]:
    if user_mask is not None:
        return PROVIDED, _share(user_mask & mask, mask)
    candidate = nucleus_candidate(image, mask)
    return ("no contrast", None) if candidate is None else (candidate.rejection or SEGMENTED, candidate.ratio)


def _share(part: BoolArray, total: BoolArray) -> float:
    return float(np.count_nonzero(part) / max(1, int(np.count_nonzero(total))))
