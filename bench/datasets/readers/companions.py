"""Files that belong to an image beside them: its mask, a thumbnail, or a copy in another format."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import PurePosixPath

MASK_WORDS = (
    "mask", "masks", "seg", "segmentation", "segmentations", "gt", "groundtruth", "label", "labels", "annotation",
    "nucleus", "nuclei", "nuc", "cyto", "cytoplasm", "background", "contour", "outline", "overlay",
)  # fmt: skip
THUMBNAIL_WORDS = ("thumb", "thumbs", "thumbnail", "preview")

THUMBNAIL_FOLDERS = frozenset({"thumb", "thumbs", "thumbnail", "thumbnails", "preview", "previews"})

_SEPARATOR = r"[ _.\-]+"


def masks_beside(files: Collection[str]) -> dict[str, str]:
    """Return the image of each file that has the name of its mask: `x_mask.png` beside `x.png`, or `mask_x.png`."""
    return _beside(files, _affixed(MASK_WORDS))


def thumbnails(files: Collection[str]) -> list[str]:
    """Return files in a folder of thumbnails, and those with the name of a thumbnail of an image beside them."""
    beside = _beside(files, _affixed(THUMBNAIL_WORDS))
    return [file for file in files if file in beside or _in_thumbnail_folder(file)]


def companion_notices(cells: Collection[str]) -> tuple[str, ...]:
    """Return notices of listed cells with the name of a mask or a thumbnail of another one."""
    beside = masks_beside(cells)
    small = thumbnails(cells)
    notices = []
    if beside:
        mask, image = next(iter(beside.items()))
        notices.append(
            f"{len(beside)} of {len(cells)} cells have the name of a mask of another one, such as {mask} beside "
            f"{image}; masks belong in the column `mask`"
        )
    if small:
        notices.append(f"{len(small)} of {len(cells)} cells have the name of a thumbnail, such as {small[0]}")
    return tuple(notices)


def second_formats(files: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of files of one folder whose names differ only in the suffix."""
    first: dict[str, str] = {}
    pairs = []
    for file in files:
        other = first.setdefault(_stem(file), file)
        if other != file:
            pairs.append((other, file))
    return pairs


def mask_affixes(cells: Collection[str], masks: Iterable[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Find masks that are named after their cell, with a word for a mask before or after its name.

    Parameters
    ----------
    cells, masks : collection of str
        Relative paths without suffix.

    Returns
    -------
    dict
        The mask of each cell, by prefix and suffix of the mask's name, such as `("", "_mask")`.
    """
    base_of = _affixed(MASK_WORDS)
    named: dict[tuple[str, str], dict[str, str]] = {}
    known = set(cells)
    for mask in masks:
        path = PurePosixPath(mask)
        base = base_of(path.name)
        cell = None if base is None else str(path.with_name(base))
        if base is not None and cell in known:
            before, _, after = path.name.partition(base)
            named.setdefault((before, after), {})[cell] = mask
    return named


def _affixed(words: Sequence[str]) -> Callable[[str], str | None]:
    """Return a function from a name with one of the words before or after it to the name without it."""
    word = f"(?:{'|'.join(words)})"
    after = re.compile(rf"(?P<base>.+?)(?:{_SEPARATOR}(?:cp_)?{word})+(?:{_SEPARATOR})?\d*", re.IGNORECASE)
    before = re.compile(rf"(?:{word}{_SEPARATOR})+(?P<base>.+)", re.IGNORECASE)

    def base(name: str) -> str | None:
        match = after.fullmatch(name) or before.fullmatch(name)
        return match["base"] if match else None

    return base


def _beside(files: Collection[str], base_of: Callable[[str], str | None]) -> dict[str, str]:
    images = {_stem(file): file for file in files}
    beside = {}
    for file in files:
        path = PurePosixPath(file)
        base = base_of(path.stem)
        image = None if base is None else images.get(str(path.with_name(base)))
        if image is not None:
            beside[file] = image
    return beside


def _in_thumbnail_folder(file: str) -> bool:
    return any(folder.casefold() in THUMBNAIL_FOLDERS for folder in file.split("/")[:-1])


def _stem(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))
