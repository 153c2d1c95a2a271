"""Features of a dataset as a table: one row per cell with id, patient, label and one named column per feature."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from bench.features.store.entry import open_features, open_status
from bench.plugins.missing_reasons import reason_name, status_codes
from bench.plugins.pipeline import NO_PREPARATION
from bench.storage.csv_text import csv_text
from bench.storage.exports import output_file
from extractors.handcrafted.framework.status import Status

KEYS = ("id", "patient", "label")
"""Columns before the features; `set` follows them if cells are held out."""

ROWS = 4096
"""Cells of a row group, which is the part of the table in memory."""

METADATA = b"cytobench"
"""Key of the Parquet metadata with a JSON object on the origin of the features."""


@dataclass(frozen=True)
class FeatureTable:
    """The stored features of the cells of a dataset.

    Parameters
    ----------
    extractor : str
        Selector.
    folder : Path
        Entry of the feature store.
    cells : DataFrame
        Columns `id`, `patient`, `label` and, where cells are held out, `set` (str), one row per cell.
    names : tuple of str
        Names of the features, in the order of the columns.
    extracted : int
        Cells whose features were extracted for this table; 0 where all were stored.
    seconds : float
        Wall time of the extraction, including the start of the workers.
    prepare : str
        Preparation of the cells; `none` for raw cells.
    """

    extractor: str
    folder: Path
    cells: pd.DataFrame
    names: tuple[str, ...]
    extracted: int
    seconds: float
    prepare: str = NO_PREPARATION

    @property
    def table(self) -> pd.DataFrame:
        """The columns of `cells`, then one float32 column per feature, NaN where it is undefined."""
        values = pd.DataFrame(np.array(open_features(self.folder)), columns=list(self.names))
        return pd.concat([self.cells, values], axis=1)

    @property
    def status(self) -> pd.DataFrame:
        """Why values are missing: columns `id`, `feature`, `reason` (str), one row per missing value."""
        parts = list(self._status())
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["id", "feature", "reason"])

    @cached_property
    def missing(self) -> dict[str, int]:
        """Number of missing values by reason, most frequent first."""
        counts: Counter[str] = Counter()
        for start, end in self._bounds():
            codes, numbers = np.unique(self._codes(start, end), return_counts=True)
            counts.update({reason_name(int(c)): int(n) for c, n in zip(codes, numbers, strict=True) if c != Status.OK})
        return dict(counts.most_common())

    def write(self, path: Path, *, status: Path | None = None) -> None:
        """Write the table, and optionally the reasons of missing values, atomically and by row groups.

        A missing value is null in Parquet and empty in CSV. Texts in CSV are written by `csv_text`, those in Parquet as
        they are. An existing file is replaced.

        Parameters
        ----------
        path, status : Path
            Ending in `.parquet` or `.csv`.

        Raises
        ------
        BenchError
            Another suffix, or a path that cannot be written.
        """
        with ExitStack() as files:
            _write(files.enter_context(output_file(path)), self._batches(), self._schema)
            if status is not None:
                _write(files.enter_context(output_file(status)), self._status_batches(), _STATUS_SCHEMA)

    @property
    def _schema(self) -> pa.Schema:
        origin = {"extractor": self.extractor, "prepare": self.prepare, "features": self.folder.name}
        fields = [*((key, pa.string()) for key in self.cells.columns), *((name, pa.float32()) for name in self.names)]
        return pa.schema(fields, metadata={METADATA: json.dumps(origin).encode()})

    def _batches(self) -> Iterator[pa.Table]:
        values, schema = open_features(self.folder), self._schema
        for start, end in self._bounds():
            keys = [pa.array(part, pa.string()) for _, part in self.cells.iloc[start:end].items()]
            columns = np.ascontiguousarray(values[start:end].T)
            floats = [pa.array(column, pa.float32(), from_pandas=True) for column in columns]
            yield pa.table([*keys, *floats], schema=schema)

    def _status_batches(self) -> Iterator[pa.Table]:
        for part in self._status():
            yield pa.Table.from_pandas(part, schema=_STATUS_SCHEMA, preserve_index=False)

    def _status(self) -> Iterator[pd.DataFrame]:
        names = np.array(self.names, dtype=object)
        for start, end in self._bounds():
            codes = self._codes(start, end)
            rows, columns = np.nonzero(codes)
            reasons = [reason_name(int(code)) for code in codes[rows, columns]]
            ids = self.cells["id"].to_numpy()[start + rows]
            if len(rows):
                yield pd.DataFrame({"id": ids, "feature": names[columns], "reason": reasons})

    def _codes(self, start: int, end: int) -> npt.NDArray[np.integer[Any]]:
        """Status codes of some cells, shape (end - start, n_features); -1 for NaN without a status."""
        status = open_status(self.folder)
        values = np.asarray(open_features(self.folder)[start:end])
        return status_codes(values, None if status is None else np.asarray(status[start:end]))

    def _bounds(self) -> Iterator[tuple[int, int]]:
        for start in range(0, len(self.cells), ROWS):
            yield start, min(start + ROWS, len(self.cells))


def status_path(path: Path) -> Path:
    """Path of the reasons of missing values: `cells.status.parquet` for `cells.parquet`."""
    return path.with_name(f"{path.stem}.status{path.suffix}")


def _write(path: Path, batches: Iterator[pa.Table], schema: pa.Schema) -> None:
    if path.suffix.lower() == ".csv":
        batches, schema = map(_as_csv, batches), _as_csv(schema.empty_table()).schema
    with _WRITERS[path.suffix.lower()](path, schema) as writer:
        for batch in batches:
            writer.write_table(batch)


def _as_csv(table: pa.Table) -> pa.Table:
    """Convert texts and names of columns by `csv_text`."""
    columns = [
        pa.array([csv_text(text) for text in column.to_pylist()], pa.string())
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=[csv_text(name) for name in table.column_names])


def _parquet(path: Path, schema: pa.Schema) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(path, schema, use_dictionary=_REPETITIVE)


_REPETITIVE = ["patient", "label", "set", "feature", "reason"]
"""Columns with few distinct values, which are dictionary-encoded."""

_STATUS_SCHEMA = pa.schema(
    [("id", pa.string()), ("feature", pa.string()), ("reason", pa.string())],
    metadata={METADATA: b'{"extractor": null}'},
)
_WRITERS: Mapping[str, Callable[[Path, pa.Schema], Any]] = {".parquet": _parquet, ".csv": arrow_csv.CSVWriter}
"""Writers by suffix."""
