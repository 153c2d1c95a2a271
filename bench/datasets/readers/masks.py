"""Masks that the user gives: a folder that holds a mask for each cell under the cell's relative path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.datasets.readers.images import image_files
from bench.datasets.table import MASK_WAYS, Dataset
from bench.errors import BenchError


def with_masks(dataset: Dataset, root: Path) -> Dataset:
    """The data set with the masks that the options ask for; those of a manifest give way to them.

    Parameters
    ----------
    dataset : Dataset
        As its reader left it.
    root : Path
        The folder to which the cells' paths are relative.

    Raises
    ------
    BenchError
        No such folder, a cell without a mask, with two masks, or outside `root`.
    """
    options = dataset.options
    if options.mask in MASK_WAYS:
        dataset = _with_column(dataset, "mask_path", [None] * len(dataset.table), f"--mask {options.mask}")
    elif options.mask is not None:
        option = f"--mask {options.mask}"
        found = _found(dataset, root, options.mask, option, f"give a folder of masks, {' or '.join(MASK_WAYS)}")
        dataset = _with_column(dataset, "mask_path", found, option)
    if options.nucleus_mask is None:
        return dataset
    option = f"--nucleus-mask {options.nucleus_mask}"
    found = _found(dataset, root, options.nucleus_mask, option, "give a folder of masks")
    return _with_column(dataset, "nucleus_path", found, option)


def _with_column(dataset: Dataset, column: str, masks: list[str] | list[None], option: str) -> Dataset:
    table = dataset.table
    named = int(table[column].notna().sum()) if column in table else 0
    notices = (f"{option} goes before the masks that the data set names for {named} cells",) if named else ()
    table = table.assign(**{column: pd.Series(masks, dtype="str")})
    return replace(dataset, table=table, notices=dataset.notices + notices)


def _found(dataset: Dataset, root: Path, given: str, option: str, advice: str) -> list[str]:
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise BenchError(f"{option}: no such folder; {advice}")
    folder = folder.resolve()
    if folder == root:
        raise BenchError(f"{option}: that is the folder of the cells; masks lie in a folder of their own")
    masks = _by_stem(folder)
    stems = [_stem(path, root) for path in dataset.table["path"]]
    missing = [place for place, stem in enumerate(stems) if stem not in masks]
    if missing:
        cell = dataset.table["cell"].iloc[missing[0]]
        raise BenchError(
            f"{option}: cell {cell} has no mask; expected is {folder / stems[missing[0]]} with the suffix of an "
            f"image ({len(missing)} of {len(stems)} cells have none)"
        )
    return [masks[stem] for stem in stems]


def _by_stem(folder: Path) -> dict[str, str]:
    masks: dict[str, str] = {}
    for name in image_files(folder):
        stem = Path(name).with_suffix("").as_posix()
        if stem in masks:
            raise BenchError(f"{folder / name}: a second mask beside {masks[stem]}; keep one of them")
        masks[stem] = str(folder / name)
    return masks


def _stem(path: str, root: Path) -> str:
    place = Path(path)
    if not place.is_relative_to(root):
        raise BenchError(f"{path} lies outside {root}, so no mask can be named after it; give a mask column instead")
    return place.relative_to(root).with_suffix("").as_posix()
