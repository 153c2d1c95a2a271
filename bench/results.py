"""The results folder: one folder an experiment, written whole, read back as tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.identity import digest
from bench.pipelines import name_of, prepare_of
from bench.scores.decisions import Decision
from bench.scores.metrics import METRICS, PRIMARY
from bench.splits.held_out import Look, read_looks
from bench.whole import clear_unfinished, read_json, whole_file, whole_folder, writable_folder, write_json

FORMAT = 1
"""Version of the folder's layout; a newer one is refused."""

MARK = "cytobench.json"

LEAKY = "LEAKY"
RANDOM_WEIGHTS = "RANDOM WEIGHTS"
BASELINE = "BASELINE"


ASKED = ("data", "split", "folds", "repeats", "tune", "calibrate", "threshold", "aggregate", "seed")
"""Columns of the leaderboard that say what was asked; rows that differ in one are not put in one order."""

_TEXTS = ("key", "extractor", "classifier", "folds_hash")
_DATA: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "digest": str,
    "cells": int,
    "patients": int,
    "split_units": int,
    "classes": list,
    "positive": (str, type(None)),
}


@dataclass(frozen=True)
class ExperimentResult:
    """A finished experiment, read from its folder.

    Parameters
    ----------
    folder : Path
        Where it lies.
    record : mapping
        `experiment.json`: what was run, on what, how, and what its key is made of.
    """

    folder: Path
    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identity of the experiment."""
        return str(self.record["key"])

    @property
    def name(self) -> str:
        """The pipeline as a person writes it: preparation, where there is any, extractor and classifier."""
        return name_of(self.record)

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader of any table must be told: LEAKY, RANDOM WEIGHTS, BASELINE."""
        return tuple(self.record["flags"])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Columns `metric`, `value`, `low`, `high`, `repeat_sd`, `method`, `n`."""
        return pd.read_parquet(self.folder / "scores.parquet")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Out of fold: `cell`, `patient`, `unit`, `label`, `repeat`, `fold`, thresholds and `p_<class>`.

        `threshold` is that of a cell's probability, `patient_threshold` that of a patient's score. Where probabilities
        were calibrated, `raw_<class>` keeps what the classifier gave.
        """
        return pd.read_parquet(self.folder / "predictions.parquet")

    @cached_property
    def inner(self) -> pd.DataFrame:
        """Out-of-fold predictions of the training cells of each fold, with `inner_fold`; never calibrated."""
        return pd.read_parquet(self.folder / "inner.parquet")

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Tuning trials of all folds; empty without tuning."""
        return self._optional("trials")

    @cached_property
    def optimism(self) -> pd.DataFrame:
        """Inner best and outer score of each tuned fold, as `bench.optimism` gives them; empty without tuning."""
        return self._optional("optimism")

    @cached_property
    def importances(self) -> pd.DataFrame:
        """Share of each feature in what the fitted classifier leans on: `feature`, `importance`, `repeat`, `fold`.

        They sum to 1 in each fold; empty for a classifier that tells none.
        """
        return self._optional("importances")

    @cached_property
    def features(self) -> pd.DataFrame:
        """What the features are: `name`, `formula`, `unit`, `range`, `turns`, `source`.

        Kept where there are importances and the extractor tells it; else empty.
        """
        return self._optional("features")

    @cached_property
    def timing(self) -> Mapping[str, Any]:
        """Wall times in seconds; not part of the result."""
        return read_json(self.folder / "timing.json")

    @property
    def written_ns(self) -> int:
        """When it was written, in nanoseconds since 1970."""
        return (self.folder / "experiment.json").stat().st_mtime_ns

    def _optional(self, table: str) -> pd.DataFrame:
        path = self.folder / f"{table}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    def score(self, metric: str = PRIMARY) -> float:
        """The value of one metric."""
        values = dict(zip(self.scores["metric"], self.scores["value"], strict=True))
        return float(values[metric])


@dataclass(frozen=True)
class Failure:
    """An experiment that did not come to a result, and why; never taken for one."""

    path: Path
    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identity of the experiment."""
        return str(self.record["key"])

    @property
    def written_ns(self) -> int:
        """When it was written, in nanoseconds since 1970."""
        return self.path.stat().st_mtime_ns

    @property
    def prepare(self) -> str:
        """How its cells were to be prepared; `none` where they were to be taken as they are."""
        return prepare_of(self.record)

    @property
    def reason(self) -> str:
        """What went wrong, in a sentence."""
        return str(self.record["reason"])


@dataclass(frozen=True)
class Results:
    """A results folder."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Results:
        """Open a folder for writing, made where it is missing.

        Raises
        ------
        BenchError
            It cannot be written, holds something else, or was written by a newer version.
        """
        cls.check(path)
        writable_folder(path, "--out")
        if not (path / MARK).is_file():
            write_json(path / MARK, {"format": FORMAT})
        results = cls.open(path)
        for name in ("experiments", "failures", "work", "folds"):
            clear_unfinished(path / name)
        return results

    @classmethod
    def check(cls, path: Path) -> None:
        """Raise what `create` would raise, as far as that can be told without writing."""
        if path.exists() and not path.is_dir():
            raise BenchError(f"{path}: is a file; choose another results folder with --out")
        nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise BenchError(f"{path}: cannot be written ({nearest}); choose another place with --out")
        if (path / MARK).is_file():
            cls.open(path)
        elif path.is_dir():
            foreign = [p.name for p in path.iterdir() if not p.name.startswith(".")]
            if foreign:
                raise BenchError(
                    f"{path}: holds other files ({foreign[0]}, ...) and no {MARK}; choose an empty folder with --out"
                )

    @classmethod
    def open(cls, path: Path) -> Results:
        """Open a folder for reading.

        Raises
        ------
        BenchError
            It is no results folder, or was written by a newer version.
        """
        mark = path / MARK
        if not mark.is_file():
            raise BenchError(f"{path}: is no results folder (it holds no {MARK}); bench matrix --out {path} makes one")
        version = read_json(mark).get("format")
        if not isinstance(version, int) or version > FORMAT:
            raise BenchError(
                f"{path}: was written by a newer cytobench (layout {version}; this one knows {FORMAT}); "
                "update cytobench, or choose another folder with --out"
            )
        return cls(path)

    def experiment_folder(self, slug: str) -> Path:
        """Where a finished experiment lies."""
        return self.path / "experiments" / slug

    def work_folder(self, slug: str) -> Path:
        """Where finished folds of an unfinished experiment lie."""
        return self.path / "work" / slug

    def failure_path(self, slug: str) -> Path:
        """Where the reason of a failed experiment lies."""
        return self.path / "failures" / f"{slug}.json"

    def lock_path(self, slug: str) -> Path:
        """The file that the process which runs an experiment holds locked."""
        return self.path / "locks" / f"{slug}.lock"

    def folds_path(self, folds_hash: str) -> Path:
        """Where the folds of a matrix lie, for other runs to read with `--folds-file`."""
        return self.path / "folds" / f"{folds_hash[:12]}.csv"

    @property
    def looks(self) -> tuple[Look, ...]:
        """The runs that evaluated held-out cells, the oldest first."""
        return read_looks(self.path)

    def is_done(self, slug: str) -> bool:
        """Whether an experiment has a result."""
        return (self.experiment_folder(slug) / "experiment.json").is_file()

    def experiments(self) -> list[ExperimentResult]:
        """Every finished experiment, by folder name."""
        found = sorted((self.path / "experiments").glob("[!.]*/experiment.json"))
        return [read_experiment(path.parent) for path in found]

    def failures(self) -> list[Failure]:
        """Every failed experiment that has no result, by file name."""
        found = sorted((self.path / "failures").glob("[!.]*.json"))
        return [Failure(path, _record(path)) for path in found if not self.is_done(path.stem)]

    def current(self) -> tuple[list[ExperimentResult], list[Failure]]:
        """Finished and failed experiments without those that a later outcome of the same question replaces.

        The same question is the same pipeline on the same data and folds under the same protocol; its older answers
        came from other code, weights or libraries. They stay in the folder.
        """
        outcomes: list[ExperimentResult | Failure] = [*self.experiments(), *self.failures()]
        newest = {_question(o.record): o for o in sorted(outcomes, key=lambda o: o.written_ns)}
        kept = {id(o) for o in newest.values()}
        return (
            [o for o in outcomes if isinstance(o, ExperimentResult) and id(o) in kept],
            [o for o in outcomes if isinstance(o, Failure) and id(o) in kept],
        )

    def failure(self, slug: str) -> Failure | None:
        """The failure of one experiment, where it failed."""
        path = self.failure_path(slug)
        return Failure(path, _record(path)) if path.is_file() else None

    def write_failure(self, slug: str, record: Mapping[str, Any], reason: str) -> None:
        """Keep the reason why an experiment has no result; its finished folds are dropped."""
        write_json(self.failure_path(slug), {**record, "reason": reason})
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)

    def write_experiment(
        self, slug: str, record: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], timing: Mapping[str, Any]
    ) -> None:
        """Write a finished experiment whole, and drop its finished folds and its former failure."""
        with whole_folder(self.experiment_folder(slug)) as folder:
            for name, table in tables.items():
                if len(table):
                    table.to_parquet(folder / f"{name}.parquet", index=False)
            write_json(folder / "timing.json", timing)
            write_json(folder / "experiment.json", record)
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)
        self.failure_path(slug).unlink(missing_ok=True)

    def leaderboard(self, slugs: Sequence[str] | None = None) -> pd.DataFrame:
        """One row an experiment, finished or failed: the current ones of the folder, or those named."""
        if slugs is None:
            experiments, failures = self.current()
        else:
            experiments = [e for e in self.experiments() if e.folder.name in slugs]
            failures = [f for f in self.failures() if f.path.stem in slugs]
        return leaderboard_of([*map(finished_row, experiments), *map(failed_row, failures)])

    def write_leaderboard(self) -> Path:
        """Write the leaderboard of the whole folder as CSV."""
        path = self.path / "leaderboard.csv"
        with whole_file(path) as temporary:
            self.leaderboard().to_csv(temporary, index=False)
        return path


def decision_of(record: Mapping[str, Any]) -> Decision:
    """How an experiment decided; records from before there was a choice have the only way there was."""
    protocol = record["protocol"]
    return Decision(**{name: str(protocol.get(name, usual)) for name, usual in vars(Decision()).items()})


def leaderboard_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The leaderboard of rows from `finished_row` and `failed_row`: what can be compared together, the best first."""
    return _sorted(pd.DataFrame(rows, columns=list(_columns())))


def finished_row(
    result: ExperimentResult, *, scores: pd.DataFrame | None = None, decision: Decision | None = None
) -> dict[str, Any]:
    """The leaderboard's row of a finished experiment; with other scores, and the decision that they are under."""
    values: dict[str, Any] = {}
    for line in (result.scores if scores is None else scores).to_dict(orient="records"):
        name = str(line["metric"])
        values |= {name: line["value"], f"{name}_low": line["low"], f"{name}_high": line["high"]}
    tuned = {"optimism": result.optimism["optimism"].mean()} if len(result.optimism) else {}
    described = _described(result.record) | ({} if decision is None else vars(decision))
    return {**described, "status": "done", "reason": "", **values, **tuned}


def failed_row(failure: Failure) -> dict[str, Any]:
    """The leaderboard's row of a failed experiment."""
    return {**_described(failure.record), "status": "failed", "reason": failure.reason}


def _columns() -> Iterator[str]:
    yield from (*ASKED, "prepare", "extractor", "classifier", "status", "flags")
    for name in METRICS:
        yield from (name, f"{name}_low", f"{name}_high")
    yield from ("optimism", "patients", "split_units", "cells", "reason", "key")


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    data, protocol = record["data"], record["protocol"]
    return {
        "data": data["name"],
        **{k: protocol[k] for k in ("split", "folds", "repeats", "tune", "seed")},
        **vars(decision_of(record)),
        "prepare": prepare_of(record),
        "extractor": record["extractor"],
        "classifier": record["classifier"],
        "flags": ", ".join(record["flags"]),
        "patients": data["patients"],
        "split_units": data["split_units"],
        "cells": data["cells"],
        "key": record["key"],
    }


def read_experiment(folder: Path) -> ExperimentResult:
    """The experiment in a folder; raises BenchError where its record is missing or damaged."""
    return ExperimentResult(folder, _record(folder / "experiment.json"))


def _record(path: Path) -> Mapping[str, Any]:
    """The record of an experiment, done or failed; what tables are made of is there and of its kind."""
    record = read_json(path)
    data = record.get("data")
    sound = {
        **{name: isinstance(record.get(name), str) for name in _TEXTS},
        "prepare": isinstance(record.get("prepare", ""), str),
        **{name: _is_texts(record.get(name)) for name in ("flags", "violations")},
        "protocol": isinstance(record.get("protocol"), dict),
        "data": isinstance(data, dict)
        and all(name in data and isinstance(data[name], kind) for name, kind in _DATA.items())
        and _is_texts(data["classes"]),
    }
    damaged = [name for name, right in sound.items() if not right]
    if damaged:
        what = path.parent if path.name == "experiment.json" else path
        raise BenchError(f"{path}: {damaged[0]!r} is missing or damaged; delete {what} and run the experiment again")
    return record


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _question(record: Mapping[str, Any]) -> str:
    """What an experiment asks: the pipeline, the data, the folds and the protocol, but not who computed it how."""
    data = record["data"]
    pipeline = [prepare_of(record), record["extractor"], record["classifier"]]
    return digest([*pipeline, data["digest"], data["positive"], record["folds_hash"], record["protocol"]])


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    headlines = [PRIMARY, *(name for name, metric in METRICS.items() if metric.headline and name != PRIMARY)]
    order = ["leaky", *ASKED, *headlines, "prepare", "extractor", "classifier", "key"]
    ascending = [column not in headlines for column in order]
    marked = table.assign(leaky=table["flags"].str.contains(LEAKY, regex=False))
    ranked = marked.sort_values(order, ascending=ascending, na_position="last", kind="stable", ignore_index=True)
    return ranked.drop(columns="leaky")
