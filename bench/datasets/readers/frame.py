"""Reader of pandas DataFrames passed from Python."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.datasets.canonical_names import text_of
from bench.datasets.readers.columns import check_columns
from bench.datasets.readers.manifest import OPTIONAL, REQUIRED, _check_filled, _dataset, _places
from bench.datasets.readers.text_table import Rows, check_plain
from bench.errors import BenchError
from bench.options.values import FrameSource

if TYPE_CHECKING:
    from bench.datasets.table import Dataset, ReadOptions

NAME = "DataFrame"
_PATHS = ("path", "mask", "nucleus")


@dataclass(frozen=True, kw_only=True)
class _FrameRows(Rows):
    index: pd.Index[Any]

    def at(self, index: int) -> str:
        """Return the place of a row for an error message."""
        return f"{NAME}, row {index} (index {self.index[index]!r})"


def read_frame(data: object, options: ReadOptions) -> tuple[Dataset, Path] | None:
    """Return the table of a DataFrame and the folder to which paths are relative; None for other data.

    The columns are those of a manifest (`bench.datasets.readers.manifest.ManifestReader`). Paths are absolute, or
    relative to the root of the source.

    Raises
    ------
    BenchError
        A column is missing, a value is empty or invalid, or a file does not exist; the message contains the row.
    """
    if not isinstance(data, FrameSource):
        return None
    rows = _rows(data)
    _check_filled(rows, "path")
    dataset = _dataset(rows, _places(rows), options)
    return replace(dataset, name=NAME, reader="frame"), data.root


def _rows(source: FrameSource) -> _FrameRows:
    frame = source.frame
    columns = [str(name) for name in frame.columns]
    check_columns(f"the {NAME}", columns, REQUIRED, OPTIONAL)
    if not len(frame):
        raise BenchError(f"the {NAME} has no rows")
    used = [name for name in (*REQUIRED, *OPTIONAL) if name in columns]
    texts = {name: _texts(frame, name) for name in used}
    for name in set(_PATHS) & set(used):
        texts[name] = [os.path.join(source.root, text) if text else "" for text in texts[name]]  # noqa: PTH118
    rows = _FrameRows(source.root / NAME, texts, list(range(len(frame))), tuple(columns), index=frame.index)
    check_plain(rows)
    return rows


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    texts = []
    for row, value in enumerate(frame[name]):
        try:
            texts.append(text_of(value))
        except ValueError as error:
            place = f"{NAME}, row {row} (index {frame.index[row]!r})"
            raise BenchError(f"{place}: the column {name!r} cannot be read: {error}") from error
    return texts
