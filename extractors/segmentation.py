"""The mask of a cell that lies on a black frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def foreground_mask(image: npt.NDArray[np.uint8], *, lossy: bool = False) -> npt.NDArray[np.bool_]:
    """Foreground of a black-background image: its largest 8-connected component, holes filled, loose debris dropped.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    lossy : bool
        The pixels went through JPEG: black is not exactly 0, and the threshold is taken from the frame's border.

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False where the image is black throughout.

    Raises
    ------
    ValueError
        The frame is not black: more than half of its border lies above the threshold.
    """
    brightest = image.max(axis=2)
    border = np.concatenate([brightest[0], brightest[-1], brightest[:, 0], brightest[:, -1]])
    threshold = int(np.median(border)) + 16 if lossy else 0
    if threshold > 32 or np.mean(border > threshold) > 0.5:
        raise ValueError(
            "the frame around the cell is not black, so the cell cannot be told from it; "
            "give masks with --mask FOLDER, or take the whole frame as the cell with --mask whole"
        )
    count, labels, stats, _ = cv2.connectedComponentsWithStats((brightest > threshold).astype(np.uint8), connectivity=8)
    if count == 1:
        return np.zeros(brightest.shape, dtype=np.bool_)
    largest = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return fill_holes(largest)


def fill_holes(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The mask with every background region that does not reach the frame (through 4-connected pixels) filled."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])
