"""Masks that the user gives: a folder that holds a mask for each cell under the cell's relative path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.datasets.images import image_files
from bench.datasets.table import Dataset
from bench.errors import BenchError


def with_masks(dataset: Dataset, root: Path) -> Dataset:
    """The data set with the masks that `options.mask` asks for; those of a manifest give way to them.

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
    asked = dataset.options.mask
    if asked is None:
        return dataset
    masks = [None] * len(dataset.table) if asked == "whole" else _found(dataset, root, Path(asked).expanduser())
    table = dataset.table.assign(mask_path=pd.Series(masks, dtype="str"))
    given = int(dataset.table["mask_path"].notna().sum())
    notices = (f"--mask {asked} goes before the masks that the data set names for {given} cells",) if given else ()
    return replace(dataset, table=table, notices=dataset.notices + notices)


def _found(dataset: Dataset, root: Path, folder: Path) -> list[str]:
    if not folder.is_dir():
        raise BenchError(f"--mask {folder}: no such folder; give a folder of masks, or whole")
    folder = folder.resolve()
    if folder == root:
        raise BenchError(f"--mask {folder}: that is the folder of the cells; masks lie in a folder of their own")
    masks = _by_stem(folder)
    stems = [_stem(path, root) for path in dataset.table["path"]]
    missing = [place for place, stem in enumerate(stems) if stem not in masks]
    if missing:
        cell = dataset.table["cell"].iloc[missing[0]]
        raise BenchError(
            f"--mask {folder}: cell {cell} has no mask; expected is {folder / stems[missing[0]]} with the suffix of an "
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
