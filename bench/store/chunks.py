"""Chunks of an entry in the making: extracted, checked and written whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.plugins import Plugin
from bench.store.entry import CHUNK, Entry, write_entry
from bench.whole import whole_file
from extractors.cells import Cells
from extractors.handcrafted.status import Status


def missing_shards(entry: Entry, n_cells: int) -> list[tuple[int, int, int]]:
    """Number, first and end cell of the shards that are still to be extracted."""
    bounds = [(i, a, min(a + CHUNK, n_cells)) for i, a in enumerate(range(0, n_cells, CHUNK))]
    return [(i, a, b) for i, a, b in bounds if not _shard(entry, i).is_file()]


def extract_shard(entry: Entry, plugin: Plugin, engine: Mapping[str, Any], cells: Cells, number: int) -> None:
    """Extract the features of one shard's cells and write them whole.

    Raises
    ------
    BenchError
        A feature is infinite, a cell has no feature and no status says why, a cell cannot be read, or the store cannot
        be written.
    """
    extractor = plugin.build(**engine)
    try:
        if hasattr(extractor, "transform_with_status"):
            values, status = extractor.transform_with_status(cells)
        else:
            values, status = extractor.transform(cells), None
        names = [str(n) for n in extractor.get_feature_names_out()]
    except (OSError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    values = np.asarray(values, dtype=np.float32)
    status = None if status is None else np.asarray(status, dtype=np.uint8)
    _check(values, status, names, cells, plugin.selector)
    arrays = {"values": values} if status is None else {"values": values, "status": status}
    try:
        with whole_file(_shard(entry, number)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, names=np.array(names))  # type: ignore[arg-type]  # numpy's stub takes no mapping
    except OSError as error:
        raise BenchError(
            f"the feature store cannot be written ({error.strerror or error}: {entry.folder.parent}); make room there, "
            "or choose another with --store"
        ) from error


def join_shards(entry: Entry, n_cells: int) -> None:
    """Make the stored entry of the finished shards, and drop these."""
    shards = [_load_shard(entry, number) for number, _ in enumerate(range(0, n_cells, CHUNK))]
    names = [str(n) for n in shards[0]["names"]]
    for number, shard in enumerate(shards):
        if [str(n) for n in shard["names"]] != names or shard.keys() != shards[0].keys():
            raise BenchError(
                f"{entry.components['extractor']}: cells {number * CHUNK} and following have other features than the "
                "first ones; an extractor that needs no fit gives every cell the same features"
            )
    if not entry.stored:
        shutil.rmtree(entry.folder, ignore_errors=True)
    values = np.concatenate([s["values"] for s in shards])
    status = np.concatenate([s["status"] for s in shards]) if "status" in shards[0] else None
    write_entry(entry.folder, values, names, status=status, components=entry.components)
    shutil.rmtree(entry.partial, ignore_errors=True)


def _shard(entry: Entry, number: int) -> Path:
    return entry.partial / f"{number:06d}.npz"


def _load_shard(entry: Entry, number: int) -> dict[str, npt.NDArray[Any]]:
    path = _shard(entry, number)
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise BenchError(
            f"{path}: the extracted features cannot be read ({error}); delete this file, and they are extracted again"
        ) from error


def _check(
    values: npt.NDArray[np.float32],
    status: npt.NDArray[np.uint8] | None,
    names: list[str],
    cells: Cells,
    extractor: str,
) -> None:
    for kind, array in (("features", values), ("status codes", status)):
        if array is not None and array.shape != (len(cells), len(names)):
            raise BenchError(f"{extractor}: {kind} of shape {array.shape}; {(len(cells), len(names))} is expected")
    rows, columns = np.nonzero(np.isinf(values))
    if len(rows):
        file = cells.files[rows[0]]
        raise BenchError(
            f"{extractor}: feature {names[columns[0]]} is infinite for cell {file.id} ({file.path}), and "
            f"{len(rows) - 1} more values are; an extractor gives NaN where a feature does not exist"
        )
    untold = np.isnan(values) if status is None else np.isnan(values) & (status == Status.OK)
    empty = np.flatnonzero(np.isnan(values).all(axis=1) & untold.any(axis=1))
    if len(empty):
        file = cells.files[empty[0]]
        more = f" and for {len(empty) - 1} more" if len(empty) > 1 else ""
        raise BenchError(
            f"{extractor}: no feature exists for cell {file.id} ({file.path}){more}, and no status says why; "
            "leave it out of the data, or take another extractor"
        )
