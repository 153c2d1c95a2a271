"""Masks: which values of an image file are the cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray
from extractors.images.decoding import decode
from extractors.images.raster import Raster, Samples
from extractors.segmentation.components import fill_holes

RULES = ("nonzero", "half", "inverted")
"""Named interpretations; the alternative is a list of values such as `1+2`."""

_MAX_PLAIN = 16
"""Most values of a mask that is read as labels, not as soft."""

_BANDS = 32
_SMALL_SHARE = 0.2
"""Largest share of the pixels above 0 that two neighbouring bands between 0 and white may hold in a soft mask."""

_SMALL_LOSSY_SHARE = 0.1
"""The same for a JPEG, whose rim is narrow."""

_SOFT_SHARE = 0.7
"""Largest share of intermediate values in a soft mask.

A radius of 10 px, blurred by 3 px, has 0.65; distance maps, probability maps and grey images have 0.8 and more.
"""

_LARGE_HOLES = 0.1
"""Largest share of holes in a filled mask; a large vacuole has 0.02, a missing nucleus 0.16, an outline 0.85."""

_LOSSY_SPREAD = 16
"""Largest difference between the colour channels of a grey JPEG."""

_MAX_LISTED = 8

_ADVICE = (
    "state which values are the cell with --mask-values: nonzero, half, inverted, or values joined by +, such as 1+2"
)


@dataclass(frozen=True)
class ReadMask:
    """A mask and how its values were read.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        True on the cell.
    values : str
        Values of the file, such as `0, 255` or `0..255`.
    rule : str
        Interpretation, such as `nonzero` or `half`.
    orientation : int
        Value of the orientation tag, which was applied; 1 without one.
    """

    mask: BoolArray
    values: str
    rule: str
    orientation: int = 1


def validated_mask_values(text: str) -> str:
    """Return a valid `--mask-values` in canonical form.

    Raises
    ------
    ValueError
        It is neither a rule nor a list of integers from 0 to 65535.
    """
    if text in RULES:
        return text
    parts = text.split("+")
    if not all(part.isascii() and part.isdecimal() and int(part) <= 65535 for part in parts):
        raise ValueError(f"{text!r} is not {', '.join(RULES)} or values from 0 to 65535 joined by +, such as 1+2")
    return "+".join(map(str, sorted({int(part) for part in parts})))


def read_mask(
    path: Path, values: str | None = None, *, shape: tuple[int, ...] | None = None, sha256: str | None = None
) -> ReadMask:
    """Read a mask.

    Without `values`, the file is one of: two values of which one is 0, where the other is the cell; a soft mask (values
    between 0 and white at the rim, or JPEG), where values above half of white are the cell; an image of one colour with
    an alpha channel, where alpha is read as the mask. Any other file is refused, and so is a cell that touches all four
    sides of the frame or has large holes: such a mask may be inverted.

    Parameters
    ----------
    path : Path
        BMP, PNG, JPEG or TIFF.
    values : str, optional
        Interpretation from `validated_mask_values`; the sides are then not checked.
    shape : tuple of int, optional
        Height and width of the image.
    sha256 : str, optional
        Expected digest of the file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        As for `extractors.images.decoding.decode`, or the mask has another size than its image or is ambiguous; the
        message lists its values.
    """
    raster = decode(path, sha256=sha256)
    try:
        size = raster.samples.shape[:2]
        if shape is not None and size != shape:
            raise ValueError(f"the mask is {size}, its image {shape} (height, width)")
        samples = _grey(raster)
        if values is None:
            result = _interpreted(samples, raster)
            _check_shape(result.mask)
        elif values == "inverted":
            upright = _interpreted(samples, raster)
            result = ReadMask(~upright.mask, upright.values, values)
        else:
            result = ReadMask(_selected(samples, raster, values), _listed(np.unique(samples)), values)
        if samples.any() and not result.mask.any() and values != "inverted":
            raise ValueError(f"none of the values {result.values} is selected by {result.rule}; {_ADVICE}")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return replace(result, orientation=raster.orientation)


def _grey(raster: Raster) -> Samples:
    """Return one value per pixel: grey, or alpha where the colours are the same everywhere."""
    samples, hidden = raster.samples, raster.hidden
    if raster.alpha is not None and hidden is not None:
        if (samples == samples[0, 0]).all():
            return raster.alpha
        samples = np.where(hidden if samples.ndim == 2 else hidden[..., None], 0, samples).astype(samples.dtype)
    if samples.ndim == 2:
        return samples
    grey = samples.max(axis=2)
    if int((grey - samples.min(axis=2)).max()) <= (_LOSSY_SPREAD if raster.lossy else 0):
        return np.asarray(grey)
    colours, darkest = _colours(samples)
    if colours == 2 and darkest == 0:
        return np.asarray(grey)
    raise ValueError(
        f"the mask has {colours} colours; expected is black with one other colour, or grey values: save it as grey"
    )


def _colours(samples: Samples) -> tuple[int, int]:
    """Return the number of colours of an RGB image, and the first in sort order as a number, 0 for black."""
    codes = np.zeros(samples.shape[:2], dtype=np.uint64)
    for channel in range(3):
        codes <<= 16
        codes |= samples[..., channel]
    ordered = np.sort(codes, axis=None)  # much faster than `np.unique` of rows
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1])), int(ordered[0])


def _selected(samples: Samples, raster: Raster, values: str) -> BoolArray:
    if values == "half":
        return np.asarray(samples > raster.white // 2)
    if raster.lossy:
        raise ValueError(f"a JPEG does not store exact values, so --mask-values {values} cannot be used; use half")
    if values == "nonzero":
        return np.asarray(samples != 0)
    return np.isin(samples, [int(value) for value in values.split("+")])


def _interpreted(samples: Samples, raster: Raster) -> ReadMask:
    present = np.unique(samples)
    listed = _listed(present)
    if not raster.lossy and (len(present) == 1 or (len(present) == 2 and present[0] == 0)):
        return ReadMask(np.asarray(samples != 0), listed, "nonzero")
    if (raster.lossy or len(present) > _MAX_PLAIN) and _is_soft(samples, raster):
        return ReadMask(np.asarray(samples > raster.white // 2), listed, "half")
    raise ValueError(f"the mask has the values {listed}, and it is not clear which are the cell; {_ADVICE}")


def _is_soft(samples: Samples, raster: Raster) -> bool:
    """Whether values between 0 and white occur at the rim only, not as an area of their own."""
    if _intermediate(samples, raster.white) > _SOFT_SHARE:
        return False
    bands = np.bincount((samples.astype(np.int64) * _BANDS // (raster.white + 1)).ravel(), minlength=_BANDS)
    above = bands[1:].sum()
    if above == 0:
        return raster.lossy and not samples.any()
    # A JPEG rings near black and white, and has a narrow rim in between.
    inner, largest = (bands[4:-4], _SMALL_LOSSY_SHARE) if raster.lossy else (bands[1:-2], _SMALL_SHARE)
    return bool(bands[-2:].sum() > 0 and (inner[:-1] + inner[1:]).max() <= largest * above)


def _intermediate(samples: Samples, white: int) -> float:
    """Return the share of the values from 10 to 90 % of white in those above 3 %."""
    shares = samples / white
    above = np.count_nonzero(shares > 0.03)
    return np.count_nonzero((shares > 0.1) & (shares < 0.9)) / above if above else 0.0


def _check_shape(mask: BoolArray) -> None:
    """Raise ValueError for a mask that is probably the background, an outline, or a cytoplasm without nucleus."""
    if mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any():
        raise ValueError(
            "the cell of the mask touches all four sides of the frame, so the mask may be inverted; "
            f"{_ADVICE}; to use the full image as the cell, --mask whole"
        )
    filled = np.count_nonzero(fill_holes(mask))
    holes = filled - np.count_nonzero(mask)
    if holes > _LARGE_HOLES * filled:
        raise ValueError(
            f"holes are {holes / filled:.0%} of the filled mask, so it may be inverted, an outline, or lack the "
            f"nucleus; {_ADVICE}"
        )


def _listed(present: npt.NDArray[Any]) -> str:
    if len(present) <= _MAX_LISTED:
        return ", ".join(map(str, present))
    return f"{present[0]}..{present[-1]} ({len(present)} values)"
