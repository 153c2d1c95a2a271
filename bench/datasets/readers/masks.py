"""Folders of masks: one mask image per cell under its relative path, or that path with a word such as `_mask`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.datasets.mask_methods import MASK_METHODS, mask_method
from bench.datasets.names import listed
from bench.datasets.readers.companions import mask_affixes
from bench.datasets.readers.images import image_files
from bench.datasets.table import Dataset
from bench.errors import BenchError


def with_masks(dataset: Dataset, root: Path) -> Dataset:
    """Apply the option `--mask` of a dataset; it overrides the masks of a manifest.

    Parameters
    ----------
    dataset : Dataset
        Result of a reader.
    root : Path
        Folder to which the paths of the cells are relative.

    Raises
    ------
    BenchError
        The folder does not exist, or a cell has no mask, two masks, or is outside `root`; or several kinds of masks
        have the names of the cells.
    """
    options = dataset.options
    if mask_method(options.mask) is not None:
        return _with_column(dataset, "mask_path", [None] * len(dataset.table), f"--mask {options.mask}")
    if options.mask is None:
        return dataset
    option = f"--mask {options.mask}"
    advice = f"use a folder of masks, {', '.join(MASK_METHODS[:-1])} or {MASK_METHODS[-1]}"
    masks, named = _masks(dataset, root, options.mask, option, advice)
    return _with_column(dataset, "mask_path", masks, option, named)


def with_nucleus_masks(dataset: Dataset, root: Path) -> Dataset:
    """Apply the option `--nucleus-mask`, as `with_masks`."""
    path = dataset.options.nucleus_mask
    if path is None:
        return dataset
    option = f"--nucleus-mask {path}"
    masks, named = _masks(dataset, root, path, option, "use a folder of masks")
    return _with_column(dataset, "nucleus_path", masks, option, named)


def _with_column(
    dataset: Dataset, column: str, masks: list[str] | list[None], option: str, notices: tuple[str, ...] = ()
) -> Dataset:
    table = dataset.table
    named = int(table[column].notna().sum()) if column in table else 0
    notices += (f"{option} overrides the masks that the dataset names for {named} cells",) if named else ()
    table = table.assign(**{column: pd.Series(masks, dtype="str")})
    return replace(dataset, table=table, notices=dataset.notices + notices)


def _masks(dataset: Dataset, root: Path, path: str, option: str, advice: str) -> tuple[list[str], tuple[str, ...]]:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise BenchError(f"{option}: no such folder; {advice}")
    folder = folder.resolve()
    masks = _by_stem(folder)
    stems = [_stem(path, root) for path in dataset.table["path"]]
    missing = [place for place, stem in enumerate(stems) if stem not in masks]
    if not missing and folder != root:
        return [masks[stem] for stem in stems], ()
    by_affix = mask_affixes(stems, masks)
    complete = {affix: named for affix, named in by_affix.items() if len(named) == len(set(stems))}
    if len(complete) == 1:
        named = next(iter(complete.values()))
        before, after = next(iter(complete))
        return [masks[named[stem]] for stem in stems], (f"{option}: masks are named {before}<cell>{after}",)
    seen = listed([f"{before}<cell>{after} for {len(named)} cells" for (before, after), named in by_affix.items()])
    if len(complete) > 1:
        raise BenchError(f"{option}: several kinds of masks have the names of the cells: {seen}; pass a folder of one")
    also = f"; masks named {seen} were seen" if seen else ""
    if folder == root:
        raise BenchError(
            f"{option}: this is the folder of the cells, and not every cell has a mask such as <cell>_mask{also}; put "
            "the masks in a separate folder"
        )
    cell = dataset.table["cell"].iloc[missing[0]]
    raise BenchError(
        f"{option}: cell {cell} has no mask; expected {folder / stems[missing[0]]} with the suffix of an image, or "
        f"every mask with one word such as _mask added ({len(missing)} of {len(stems)} cells have none{also})"
    )


def _by_stem(folder: Path) -> dict[str, str]:
    masks: dict[str, str] = {}
    for name in image_files(folder):
        stem = Path(name).with_suffix("").as_posix()
        if stem in masks:
            raise BenchError(f"{folder / name}: a second mask in addition to {masks[stem]}; remove one of them")
        masks[stem] = str(folder / name)
    return masks


def _stem(path: str, root: Path) -> str:
    place = Path(path)
    if not place.is_relative_to(root):
        raise BenchError(f"{path} is outside {root}, so its mask has no relative path; use a mask column instead")
    return place.relative_to(root).with_suffix("").as_posix()
