"""Records of finished and failed experiments, read from their folders."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from bench.experiments.schema import read_record, read_times
from bench.experiments.stored_networks import RECORDS, read_networks
from bench.experiments.tables import read_table
from bench.plugins.pipeline import name_of
from bench.scores import intervals
from bench.scores.decisions import Decision
from bench.scores.metrics import METRICS, PRIMARY

LEAKY = "LEAKY"
RANDOM_WEIGHTS = "RANDOM WEIGHTS"
SEEN_IN_PRETRAINING = "SEEN IN PRETRAINING"
TIME_LIMITED = "TIME-LIMITED"
BASELINE = "BASELINE"
NO_PATIENTS = "NO PATIENTS"
POST_HOC = "POST HOC"
PUBLISHED = "PUBLISHED PROTOCOL"

_DECISION = tuple(field.name for field in fields(Decision))


@dataclass(frozen=True, repr=False)
class ExperimentResult:
    """A finished experiment, read from its folder.

    Parameters
    ----------
    folder : Path
        Its folder.
    record : mapping
        `experiment.json`: pipeline, data, protocol, and the components of the key.
    """

    folder: Path
    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identity of the experiment."""
        return str(self.record["key"])

    @property
    def name(self) -> str:
        """Name of the pipeline: preparation (if any), extractor and classifier."""
        return name_of(self.record)

    @property
    def flags(self) -> tuple[str, ...]:
        """Marks to show with its scores, such as LEAKY and RANDOM WEIGHTS."""
        return tuple(self.record["flags"])

    @property
    def licences(self) -> Mapping[str, str]:
        """Licences of the pretrained weights of its networks, by name; empty without such weights."""
        return dict(self.record.get("licences", {}))

    @property
    def missing(self) -> Mapping[str, Any]:
        """Missing values of its stored features; empty for a classifier of cells or a stateful extractor.

        `cells`, `columns`, `mostly_missing` (columns missing in more than half of the cells), `cells_without_values`,
        `reason` (the most frequent one), `families` and `class_differences` (`bench.features.missing`), and `dropped`:
        the maximum number of `columns` without a value in the training cells of a fold, and how many `folds` `of` all
        have such columns.
        """
        return dict(self.record.get("missing", {}))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Columns `metric`, `value`, `low`, `high`, `repeat_sd`, `method`, `n`."""
        return read_table(self.folder, "scores", self.record)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Outer out-of-fold predictions: `cell`, `patient`, `unit`, `label`, `repeat`, `fold`, thresholds, `p_<class>`.

        `threshold` applies to the probability of a cell, `patient_threshold` to the score of a patient. With
        calibration, `raw_<class>` are the probabilities before it.
        """
        return read_table(self.folder, "predictions", self.record)

    @cached_property
    def inner_predictions(self) -> pd.DataFrame:
        """Inner out-of-fold predictions of the training cells of each fold, with `inner_fold`; not calibrated."""
        return read_table(self.folder, "inner", self.record)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Tuning trials of all folds; empty without tuning."""
        return self._optional("trials")

    @cached_property
    def optimism(self) -> pd.DataFrame:
        """Inner best and outer score of each tuned fold (`bench.evaluation.optimism`); empty without tuning."""
        return self._optional("optimism")

    @cached_property
    def importances(self) -> pd.DataFrame:
        """Feature importances of the fitted classifiers: `feature`, `importance`, `repeat`, `fold`.

        They sum to 1 in each fold; empty for a classifier without importances.
        """
        return self._optional("importances")

    @cached_property
    def features(self) -> pd.DataFrame:
        """Description of the features: `name`, `formula`, `unit`, `range`, `turns`, `source`.

        Empty without importances, and for an extractor without descriptions.
        """
        return self._optional("features")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Losses, AUROC and learning rate by epoch of the fits of a network; empty without one.

        One row per epoch of each inner and outer fit: `repeat`, `fold`, `estimator` (`extractor` or `classifier`),
        `fit` (`inner 0`, ..., `outer`), `stage`, `epoch`, `size` (side of the input in pixels), `training_loss`,
        `validation_loss`, `validation_auroc` and `learning_rate`.
        """
        return self._optional("curves")

    @cached_property
    def finder(self) -> pd.DataFrame:
        """Loss by learning rate of the learning-rate finder, with the columns of the fit as in `curves`."""
        return self._optional("finder")

    @cached_property
    def training(self) -> pd.DataFrame:
        """Summary of the training of each outer fit: chosen epoch, parameters, size ...; empty without a network."""
        return self._optional("training")

    @cached_property
    def fit_times(self) -> pd.DataFrame:
        """Seconds and bytes of memory of the fits of a network; differ between equal runs.

        `name`, `epoch` (row in the `curves` of the fit; -1: the whole fit) and `value`, with the columns of the fit.
        """
        return self._optional("fit_times")

    @cached_property
    def networks(self) -> list[dict[str, Any]]:
        """Records of the trained networks; empty for an experiment without one, or with --keep-models none.

        `sha256` and `bytes` of the file `models/SHA256.safetensors` in the results folder, `stored` (whether it is
        there), `role` (`classifier` or `extractor`), `member` (position in an ensemble or a bag, as `0` or `1.3`),
        `selector` of the network, `classes` in the order of the outputs, `mean` and `std` of the pixels / 255, `size`
        (side of the input after several sizes, otherwise None), `crop` (side of the square of the frame after several
        crops, otherwise None), `repeat`, `fold` and `fit` (`outer`, `inner 0`, ...).
        `bench.fitted_networks` reads the networks, or fits them again.
        """
        path = self.folder / RECORDS
        return read_networks(path) if path.exists() or path.is_symlink() else []

    @cached_property
    def timing(self) -> Mapping[str, Any]:
        """Wall times in seconds; not part of the result, empty if they were not stored."""
        path = self.folder / "timing.json"
        return read_times(path) if path.exists() or path.is_symlink() else {}

    @property
    def written_ns(self) -> int:
        """Time at which it was written, in nanoseconds since 1970."""
        return (self.folder / "experiment.json").stat().st_mtime_ns

    def _optional(self, table: str) -> pd.DataFrame:
        path = self.folder / f"{table}.parquet"
        exists = path.exists() or path.is_symlink()
        return read_table(self.folder, table, self.record) if exists else pd.DataFrame()

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report of its results folder and return its path; default: `report.html` in the folder."""
        return write_report(self.folder.absolute().parents[1], path)

    def __repr__(self) -> str:
        first = headline_row(self.scores)
        score = "no headline metric is defined" if first is None else f"{first.metric} {interval_text(first)}"
        return f"<ExperimentResult: {self.name}, {score}, in {self.folder}>"

    def _repr_html_(self) -> str:
        return html_of(self, _headlines(self.scores)[["metric", "value", "low", "high"]])

    def score(self, metric: str = PRIMARY) -> float:
        """Return the value of one metric."""
        values = dict(zip(self.scores["metric"], self.scores["value"], strict=True))
        return float(values[metric])


@dataclass(frozen=True)
class Damage:
    """An experiment or a failure whose files are damaged.

    Parameters
    ----------
    path : Path
        Folder of the experiment, or file of the failure.
    reason : str
        What is damaged, with the file and the remedy.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Failure:
    """A failed experiment and the reason, read from its file."""

    path: Path
    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identity of the experiment."""
        return str(self.record["key"])

    @property
    def written_ns(self) -> int:
        """Time at which it was written, in nanoseconds since 1970."""
        return self.path.stat().st_mtime_ns

    @property
    def reason(self) -> str:
        """Reason of the failure, as a sentence."""
        return str(self.record["reason"])


def decision_of(record: Mapping[str, Any]) -> Decision:
    """Return how an experiment turned probabilities into decisions."""
    return Decision(**{name: record["protocol"][name] for name in _DECISION})


def repeat_hashes(record: Mapping[str, Any]) -> list[str]:
    """Return the hash of the folds of each repeat; experiments share the leading repeats with equal ones.

    A record that lists none has those of its folds as a whole, so that only equal numbers of repeats are shared.
    """
    repeats, digest = int(record["protocol"]["repeats"]), str(record["folds_hash"])
    listed = record.get("repeat_hashes")
    if listed is not None:
        return list(map(str, listed))
    return [digest] if repeats == 1 else [f"{digest}-{repeat}" for repeat in range(repeats)]


def html_of(item: object, table: pd.DataFrame) -> str:
    """Return a table as HTML with the representation of its object above it, for notebooks."""
    return f"<p>{html.escape(repr(item)[1:-1])}</p>{table.to_html(index=False, float_format='{:.3f}'.format)}"


def headline_row(scores: pd.DataFrame) -> Any | None:
    """Return the first defined headline metric; None without one. Leave-one-patient-out has no AUROC."""
    defined = _headlines(scores).dropna(subset=["value"])
    ordered = defined.sort_values("metric", key=lambda names: names != PRIMARY, kind="stable")
    return next(ordered.itertuples(), None)


def interval_text(row: Any) -> str:
    """Return value and interval of a row of scores as text."""
    return f"{row.value:.2f} {intervals.interval_text(row.low, row.high, form=intervals.BRACKETS)}"


def read_experiment(folder: Path) -> ExperimentResult:
    """Read the experiment in a folder; raises DamagedError if its record is missing or damaged."""
    return ExperimentResult(folder, read_record(folder / "experiment.json"))


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the tables that are not empty as Parquet files."""
    for name, table in tables.items():
        if len(table):
            table.to_parquet(folder / f"{name}.parquet", index=False)


def write_report(results: Path, path: str | Path | None = None) -> Path:
    """Write the HTML report of a results folder and return its path; default: `report.html` in the folder."""
    # Imported by name: reports is a layer above bench, and is needed only here.
    page = import_module("reports.page")
    folder = import_module("bench.experiments.results").Results.open(results)
    written: Path = page.write_report(folder, Path(path) if path is not None else results / "report.html")
    return written


def _headlines(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[[METRICS[str(name)].headline for name in scores["metric"]]]
