"""Parts of an experiment: the results of its finished folds, written as soon as they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.evaluation.fold import FoldResult
from bench.storage.json_files import write_json
from extractors.files.atomic import atomic_folder


def part_folder(work: Path, repeat: int, fold: int) -> Path:
    """Return the folder of one fold in the work folder of an experiment."""
    return work / f"repeat{repeat}-fold{fold}"


def write_part(target: Path, result: FoldResult) -> None:
    """Write the result of one fold atomically."""
    with atomic_folder(target) as folder:
        result.predictions.to_parquet(folder / "predictions.parquet", index=False)
        result.inner_predictions.to_parquet(folder / "inner.parquet", index=False)
        for name, table in (("trials", result.trials), ("importances", result.importances)):
            if len(table):
                table.to_parquet(folder / f"{name}.parquet", index=False)
        write_json(folder / "timing.json", result.seconds)


def predictions_of(parts: Sequence[Path], name: str, cells: pd.DataFrame) -> pd.DataFrame:
    """Join a table of predictions of all parts with the description of the cells.

    Parameters
    ----------
    parts : sequence of Path
        Folders of the parts.
    name : {"predictions", "inner"}
        Which table.
    cells : DataFrame
        One row per cell of the dataset; the column `row` of the predictions is a position in it.
    """
    joined = pd.concat([pd.read_parquet(part / f"{name}.parquet") for part in parts], ignore_index=True)
    described = cells.iloc[joined["row"].to_numpy()].reset_index(drop=True)
    return pd.concat([described, joined.drop(columns="row")], axis=1)


def optional_table(parts: Sequence[Path], name: str) -> pd.DataFrame:
    """Join a table that not every part has; empty if none has it."""
    tables = [pd.read_parquet(path) for part in parts if (path := part / f"{name}.parquet").is_file()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
