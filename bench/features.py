"""The feature store: features of a data set under a key made of all that went into them, written whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from bench.digests import remembered_digest
from bench.errors import BenchError
from bench.identity import code_digest, digest, library_versions
from bench.plugins import Plugin
from bench.whole import read_json, whole_file, whole_folder, write_json
from extractors.cells import Cells
from extractors.handcrafted.status import Status

SHARD = 64
"""Cells of one extraction task; fixed, so that features do not depend on how the work was shared out."""

FORMAT = 1

READING = "extractors.cells"
"""The module that decodes cells: a third party's extractor need not import it, yet lives on what it gives."""


@dataclass(frozen=True)
class Entry:
    """The place of one extractor's features of one data set.

    Parameters
    ----------
    folder : Path
        Where they lie, or will.
    components : mapping
        Everything that the key is made of, in the clear.
    """

    folder: Path
    components: Mapping[str, Any]

    @property
    def key(self) -> str:
        """SHA-256 of the components."""
        return digest(dict(self.components))

    @property
    def stored(self) -> bool:
        """Whether the features are there, whole."""
        return (self.folder / "entry.json").is_file()

    @property
    def shards(self) -> Path:
        """Where finished shards wait for the others."""
        return self.folder.with_name(self.folder.name + ".shards")


def entry_of(store: Path, plugin: Plugin, cells: Sequence[str], *, weights_dir: str | None, threads: int) -> Entry:
    """The store entry of an extractor's features of the cells with the given digests.

    Raises
    ------
    BenchError
        The extractor's weights are not to be had.
    """
    components = {
        "format": FORMAT,
        "cells": digest(list(cells)),
        "prepare": "none",
        "precision": "float32",
        "threads": threads if "threads" in plugin.accepts else None,
        **extractor_identity(plugin, weights_dir=weights_dir),
    }
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in plugin.selector)[:60]
    return Entry(store / "features" / f"{name}-{digest(components)[:16]}", components)


def extractor_identity(plugin: Plugin, *, weights_dir: str | None) -> dict[str, Any]:
    """What identifies an extractor: its selector in full, its code, its weights and the libraries that compute."""
    module = plugin.target.partition(":")[0]
    return {
        "extractor": plugin.canonical,
        "code": code_digest(module),
        "reading": code_digest(READING),
        "weights": weights_digest(plugin, weights_dir=weights_dir),
        "libraries": {**library_versions(READING), **library_versions(module)},
    }


def weights_digest(plugin: Plugin, *, weights_dir: str | None) -> str | None:
    """SHA-256 of the weights file that an extractor will read; None for one that reads none."""
    if "weights" not in plugin.params:
        return None
    extractor = plugin.build(weights_dir=weights_dir)
    if not hasattr(extractor, "weights_file"):
        raise BenchError(f"{plugin.selector}: an extractor with a parameter `weights` tells its file by weights_file()")
    try:
        path = extractor.weights_file()
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error
    return None if path is None else remembered_digest(Path(path))


def missing_shards(entry: Entry, n_cells: int) -> list[tuple[int, int, int]]:
    """Number, first and end cell of the shards that are still to be extracted."""
    bounds = [(i, a, min(a + SHARD, n_cells)) for i, a in enumerate(range(0, n_cells, SHARD))]
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
    first = _load_shard(entry, 0)
    width, names = first["values"].shape[1], [str(n) for n in first["names"]]
    if not entry.stored:
        shutil.rmtree(entry.folder, ignore_errors=True)
    with whole_folder(entry.folder) as folder:
        arrays = {"values": np.float32} | ({"status": np.uint8} if "status" in first else {})
        for kind, dtype in arrays.items():
            joined = np.lib.format.open_memmap(
                folder / f"{kind}.npy", mode="w+", dtype=np.dtype(dtype), shape=(n_cells, width)
            )
            for number, start in enumerate(range(0, n_cells, SHARD)):
                shard = _load_shard(entry, number)
                if [str(n) for n in shard["names"]] != names or kind not in shard:
                    raise BenchError(
                        f"{entry.components['extractor']}: cells {start} and following have other features than the "
                        "first ones; an extractor that needs no fit gives every cell the same features"
                    )
                joined[start : start + SHARD] = shard[kind]
            joined.flush()
            del joined
        record = {"components": dict(entry.components), "cells": n_cells, "names": names}
        write_json(folder / "entry.json", record)
    shutil.rmtree(entry.shards, ignore_errors=True)


def open_features(folder: str | Path) -> npt.NDArray[np.float32]:
    """The stored features, memory-mapped: float32, shape (n_cells, n_features).

    Raises
    ------
    BenchError
        They are damaged.
    """
    return _mapped(Path(folder) / "values.npy")


def open_status(folder: str | Path) -> npt.NDArray[np.uint8] | None:
    """Why stored features are NaN, memory-mapped: uint8, shape (n_cells, n_features); None where it was not told.

    Raises
    ------
    BenchError
        It is damaged.
    """
    path = Path(folder) / "status.npy"
    return _mapped(path) if path.is_file() else None


def feature_names(folder: str | Path) -> list[str]:
    """Names of the stored features."""
    names = read_json(Path(folder) / "entry.json")["names"]
    return [str(n) for n in names] if isinstance(names, list) else []


def stored_entries(store: Path) -> Iterator[Mapping[str, Any]]:
    """What the whole entries of a store say of themselves."""
    for path in sorted((store / "features").glob("*/entry.json")):
        yield read_json(path)


def _shard(entry: Entry, number: int) -> Path:
    return entry.shards / f"{number:06d}.npz"


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise BenchError(
            f"{path}: the stored features cannot be read ({error}); delete {path.parent}, and they are extracted again"
        ) from error


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
