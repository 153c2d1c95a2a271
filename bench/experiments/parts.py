"""Results of the finished folds of an experiment, and the tables computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.evaluation.fold import FoldResult
from bench.evaluation.optimism import optimism
from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan
from bench.experiments.records import write_tables
from bench.experiments.schema import DamagedError, read_times
from bench.experiments.stored_networks import RECORDS, read_fold_networks
from bench.experiments.tables import read_fold_predictions, read_table
from bench.plugins.feature_catalogue import described
from bench.plugins.objects import is_object_name
from bench.plugins.selectors import parse
from bench.plugins.training_record import TABLES as TRAINING
from bench.scores.metrics import score
from bench.splits.folds import Indices
from bench.storage.json_files import write_json
from extractors.files.atomic import atomic_folder
from extractors.inner_fits import HOLDOUT

OPTIONAL = ("trials", "importances", *TRAINING)
"""Tables that a fold may lack."""


def part_folder(work: Path, repeat: int, fold: int) -> Path:
    """Return the folder of one fold in the work folder of an experiment."""
    return work / f"repeat{repeat}-fold{fold}"


def write_part(target: Path, result: FoldResult) -> None:
    """Write the result of one fold atomically."""
    with atomic_folder(target) as folder:
        tables = {"predictions": result.predictions, "inner": result.inner_predictions}
        more = {"trials": result.trials, "importances": result.importances}
        write_tables(folder, {**tables, **more, **result.training})
        write_json(folder / "timing.json", result.seconds)
        if result.networks:
            write_json(folder / RECORDS, {"networks": list(result.networks)})


def check_part(
    folder: Path,
    split: tuple[int, int, Indices, Indices],
    record: Mapping[str, Any],
    *,
    models: Path,
    validation: Indices | None = None,
) -> None:
    """Check the result of a finished fold, which may be damaged or come from a stranger.

    Parameters
    ----------
    folder : Path
        The folder, as `write_part` writes it.
    split : tuple
        Repeat, fold, training and test positions, of `Folds.splits()`.
    record : mapping
        Record of the experiment.
    models : Path
        Folder of the networks of finished folds.
    validation : ndarray of int, optional
        Positions of the validation cells, of `Folds.validation`.

    Raises
    ------
    DamagedError
        A table, the times or the networks are not those of this fold.
    """
    repeat, fold, train, test = split
    tables = {name: read_fold_predictions(folder, name, record["data"]["classes"]) for name in ("predictions", "inner")}
    for name in OPTIONAL:
        if (folder / f"{name}.parquet").exists():
            tables[name] = read_table(folder, name, record)
    for name, table in tables.items():
        if (table["repeat"] != repeat).any() or (table["fold"] != fold).any():
            raise DamagedError(f"{folder}: the {name} are of another fold")
    tested, inner = (np.sort(tables[name]["row"].to_numpy()) for name in ("predictions", "inner"))
    # A stateful extractor with `inner=holdout` leaves the inner predictions of one inner fold.
    expected = np.intersect1d(inner, train) if _holds_out(record) else train
    if validation is not None:
        expected = validation
    for name, rows, cells in (("predictions", tested, test), ("inner", inner, expected)):
        if not np.array_equal(rows, cells):
            raise DamagedError(f"{folder}: the {name} are not of the cells of this fold")
    read_times(folder / "timing.json")
    if any((one["repeat"], one["fold"]) != (repeat, fold) for one in networks_in(folder, models)):
        raise DamagedError(f"{folder}: the networks are those of another fold")


def networks_in(folder: Path, models: Path) -> list[dict[str, Any]]:
    """Return the records of the networks of a finished fold."""
    return read_fold_networks(folder / RECORDS, models)


def _holds_out(record: Mapping[str, Any]) -> bool:
    """Whether the extractor of an experiment gives inner predictions of one inner fold only."""
    extractor = str(record["components"]["features"]["extractor"])
    return not is_object_name(extractor) and parse(extractor).params.get("inner") == HOLDOUT


def tables_of(plan: Plan, experiment: Experiment, parts: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Join the folds of an experiment, score it and measure the optimism of its tuning.

    Parameters
    ----------
    parts : sequence of Path
        Folders of all folds, as `write_part` writes them.

    Returns
    -------
    dict of str to DataFrame
        `predictions`, `inner`, `trials`, `importances`, `scores`, `optimism`, the training records of networks and,
        where importances and descriptions exist, `features`; see `bench.experiments.records.ExperimentResult`.

    Raises
    ------
    BenchError
        A score is undefined, or predictions are incomplete.
    """
    data, protocol = plan.opened.dataset, experiment.protocol
    cells = data.table[["cell", "patient", "unit", "label"]]
    tables = {}
    for name in ("predictions", "inner"):
        tables[name] = with_cells(_joined([part / f"{name}.parquet" for part in parts]), cells)
    for name in OPTIONAL:
        tables[name] = _joined([path for part in parts if (path := part / f"{name}.parquet").is_file()])
    extractor = experiment.pipeline.extractor
    if extractor is not None and len(tables["importances"]):
        tables["features"] = pd.DataFrame(described(extractor))
    tables["scores"] = score(
        tables["predictions"],
        classes=data.classes,
        positive=data.positive,
        aggregate=protocol.aggregate,
        seed=protocol.seed,
    )
    tables["optimism"] = optimism(
        tables["trials"],
        tables["predictions"],
        classes=data.classes,
        positive=data.positive,
        unit="cell" if protocol.split == "image" else "unit",
    )
    return tables


def with_cells(predictions: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return predictions with the description of their cells; their column `row` is a position in `cells`."""
    described = cells.iloc[predictions["row"].to_numpy()].reset_index(drop=True)
    return pd.concat([described, predictions.drop(columns="row")], axis=1)


def _joined(files: Sequence[Path]) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, files), ignore_index=True) if files else pd.DataFrame()
