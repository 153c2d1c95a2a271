"""How far a cell's masks can be trusted: debris, holes, the frame, the nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from extractors.segmentation.components import components, fill_holes
from extractors.segmentation.nucleus import PLAUSIBLE_RATIO, nucleus_candidate

BoolMask = npt.NDArray[np.bool_]

PROVIDED, SEGMENTED = "given", "found"


@dataclass(frozen=True)
class MaskQuality:
    """What is to be known of the masks of a cell.

    Parameters
    ----------
    area_px : int
        Area of the cell, px.
    pieces : int
        8-connected components of the cell's mask; more than one only where the mask was given.
    debris : int
        Components dropped as debris.
    debris_share : float
        Share of the pixels before debris was dropped that it held, in [0, 1).
    hole_share : float
        Share of the cell's area, its holes filled, that lies in holes, in [0, 1).
    frame_px : int
        Longest run of the cell's pixels along one side of the frame, px; 0 where it does not touch the frame.
    nucleus : str
        `"given"`, `"found"`, or why none was found: `"no contrast"` (empty or flat) or
        `extractors.segmentation.nucleus.Candidate.rejection`.
    nucleus_ratio : float or None
        Area of the nucleus, refused ones included, as a share of the cell's; None without one.
    """

    area_px: int
    pieces: int
    debris: int
    debris_share: float
    hole_share: float
    frame_px: int
    nucleus: str
    nucleus_ratio: float | None

    @property
    def has_nucleus(self) -> bool:
        """Whether a nucleus was given or found."""
        return self.nucleus == SEGMENTED or (self.nucleus == PROVIDED and bool(self.nucleus_ratio))

    @property
    def implausible_ratio(self) -> bool:
        """Whether there is a nucleus, given, found or refused, that is too small or too large to be one."""
        low, high = PLAUSIBLE_RATIO
        return self.nucleus_ratio is not None and not low < self.nucleus_ratio < high


def mask_quality(
    image: npt.NDArray[np.uint8], mask: BoolMask, *, lit: BoolMask | None = None, nucleus: BoolMask | None = None
) -> MaskQuality:
    """Judge the masks of one cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.
    lit : ndarray of bool, shape (height, width), optional
        The mask before debris was dropped and holes were filled (`extractors.segmentation.foreground.lit_pixels`).
        Default: `mask`, as for a mask that was given.
    nucleus : ndarray of bool, shape (height, width), optional
        The nucleus that was given. Default: it is looked for.

    Returns
    -------
    MaskQuality
        An empty mask has an area of 0, no pieces and shares of 0.
    """
    lit = mask if lit is None else lit
    filled = fill_holes(mask)
    _, areas = components(lit & ~filled)
    told, ratio = _nucleus(image, mask, nucleus)
    return MaskQuality(
        area_px=int(np.count_nonzero(mask)),
        pieces=len(components(mask)[1]),
        debris=len(areas),
        debris_share=_share(lit & ~filled, lit),
        hole_share=_share(filled & ~lit, filled),
        frame_px=max(_longest_run(side) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])),
        nucleus=told,
        nucleus_ratio=ratio,
    )


def _nucleus(image: npt.NDArray[np.uint8], mask: BoolMask, given: BoolMask | None) -> tuple[str, float | None]:
    if given is not None:
        return PROVIDED, _share(given & mask, mask)
    candidate = nucleus_candidate(image, mask)
    return ("no contrast", None) if candidate is None else (candidate.rejection or SEGMENTED, candidate.ratio)


def _share(part: BoolMask, whole: BoolMask) -> float:
    return float(np.count_nonzero(part) / max(1, int(np.count_nonzero(whole))))


def _longest_run(line: BoolMask) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
