"""Notices of how images and masks were read where their values leave a choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.datasets.scanning.file_probe import FileProbe
from extractors.cells import CellFile

_DEEPEST = 32767
"""Largest value of images that are probably not of 16 bits."""

_DARK = 16383
"""Largest value of an image that is probably of at most 14 bits if others of the dataset use 16."""


def reading_notices(files: Sequence[CellFile], probes: Sequence[FileProbe]) -> tuple[str, ...]:
    """Return notices of the depth of images, transparent pixels, traces of JPEG and values of masks.

    Parameters
    ----------
    files : sequence of CellFile
        Readable cells.
    probes : sequence of FileProbe
        Their probes.
    """
    if not files:
        return ()
    return (
        *_depth(files[0].white_level, [probe.peak for probe in probes if probe.peak]),
        *_images(
            files, [bool(probe.transparent) for probe in probes], "pixels that are less than half opaque are black"
        ),
        *_images(
            files,
            [bool(probe.ringing) for probe in probes],
            "values up to 16 of 255 are background, because the image was probably saved as JPEG before",
        ),
        *_images(
            files,
            [bool(probe.rectangle) for probe in probes],
            "the cell is a rectangle, so it is probably an image with a black border; pass --mask",
        ),
        *_images(
            files,
            [bool(probe.turned) for probe in probes],
            "the orientation tags of image and mask differ; both are applied, so the mask must fit the upright image",
        ),
        *_images(files, _shared_masks(probes), "the mask is also that of a different image"),
        *_images(
            files,
            [bool(probe.mask_sha256) and probe.mask_sha256 == probe.nucleus_sha256 for probe in probes],
            "the masks of cell and nucleus are the same file",
        ),
        *_masks("masks", "--mask-values", files[0].mask_values, [probe.mask_reading for probe in probes]),
        *_masks(
            "nucleus masks",
            "--nucleus-mask-values",
            files[0].nucleus_values,
            [probe.nucleus_reading for probe in probes],
        ),
    )


def _depth(white_level: int | None, peaks: Sequence[int]) -> Iterator[str]:
    if not peaks:
        if white_level is not None:
            yield "--white-level is not used: no image has 16 bits"
        return
    top = max(peaks)
    dark = [peak for peak in peaks if peak <= _DARK]
    if white_level is None and dark and top > _DEEPEST:
        yield (
            f"16-bit images differ in depth: {len(dark)} of {len(peaks)} have no value above {max(dark)}, others reach "
            f"{top}; darker images may be of fewer bits, which a classifier can learn: convert them to one depth"
        )
    if white_level is None and top <= _DEEPEST:
        white = 2 ** top.bit_length() - 1
        yield (
            f"no value of the 16-bit images exceeds {top} ({len(peaks)} images), so they are dark; if {white} is "
            f"white, pass --white-level {white}"
        )
    clipped = sum(peak > (white_level or peak) for peak in peaks)
    if clipped:
        yield f"values above --white-level {white_level} are clipped in {clipped} of {len(peaks)} 16-bit images"


def _images(files: Sequence[CellFile], affected: Sequence[bool], text: str) -> Iterator[str]:
    names = [file.id for file, holds in zip(files, affected, strict=True) if holds]
    if names:
        yield f"{text}: {len(names)} of {len(files)} images, such as {names[0]}"


def _shared_masks(probes: Sequence[FileProbe]) -> list[bool]:
    """Find the cells whose mask file has the content of the mask of another image, as after a fill-down in a table."""
    images: dict[str, set[str]] = {}
    for probe in probes:
        images.setdefault(probe.mask_sha256, set()).add(probe.pixels)
    return [bool(probe.mask_sha256) and len(images[probe.mask_sha256]) > 1 for probe in probes]


_SETS = 3
"""Sets of values that a notice lists."""

_RULES = {
    "nonzero": "every value but 0 is inside",
    "half": "values above half of white are inside",
    "inverted": "what is black is inside",
}


def _masks(what: str, option: str, values: str | None, readings: Sequence[str]) -> Iterator[str]:
    read = Counter(reading for reading in readings if reading)
    if not read:
        if values is not None:
            yield f"{option} is not used: no cell has a mask file"
        return
    rules = Counter(reading.partition(": ")[0] for reading in read.elements())
    for rule, count in sorted(rules.items()):
        examples = [reading.partition(": ")[2] for reading, _ in read.most_common() if reading.startswith(f"{rule}: ")]
        meaning = _RULES.get(rule, f"{rule} is inside")
        seen = "; ".join(examples[:_SETS]) + ("; and others" if len(examples) > _SETS else "")
        yield f"{what} with the values {seen}: {meaning} ({count} file{'s' if count > 1 else ''})"
