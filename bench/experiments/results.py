"""The results folder: one folder per experiment, written atomically, read as tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.experiments.leaderboard import failed_row, finished_row, leaderboard_of
from bench.experiments.records import (
    Damage,
    ExperimentResult,
    Failure,
    read_experiment,
    repeat_hashes,
    write_tables,
)
from bench.experiments.schema import DamagedError, read_record
from bench.experiments.stored_networks import MODELS, RECORDS
from bench.storage.csv_text import write_csv
from bench.storage.fingerprints import digest
from bench.storage.folders import writable_folder
from bench.storage.json_files import read_json, write_json
from bench.storage.links import refuse_links
from bench.storage.locks import try_lock
from extractors.files.atomic import atomic_file, atomic_folder, remove_unfinished, remove_unfinished_of

FORMAT = 1
"""Version of the folder's layout; a newer one is refused."""

MARK = "cytobench.json"
"""File that marks a results folder."""


READ_ONLY = ("experiments", "failures")
"""Folders whose files are checked one by one when they are read, and never written through a link."""

LARGE = ("predictions", "inner_predictions")
"""Tables that are checked, but not kept in memory."""


@dataclass(frozen=True)
class Contents:
    """Outcomes in a results folder.

    Parameters
    ----------
    experiments : list of ExperimentResult
        Finished experiments, ordered by folder name.
    failures : list of Failure
        Failed experiments without a result, ordered by file name.
    damaged : list of Damage
        Experiments and failures that cannot be read; they are in none of the other lists.
    """

    experiments: list[ExperimentResult]
    failures: list[Failure]
    damaged: list[Damage]


@dataclass(frozen=True)
class Results:
    """A results folder."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Results:
        """Open a folder for writing; create it if it is missing.

        Raises
        ------
        BenchError
            It cannot be written, contains other files or links to other folders, or was written by a newer version.
        """
        cls.check(path)
        writable_folder(path, "--out")
        if not (path / MARK).is_file():
            write_json(path / MARK, {"format": FORMAT})
        results = cls.open(path)
        for name in ("experiments", "failures", "work", "folds", MODELS):
            remove_unfinished(path / name)
        return results

    @classmethod
    def check(cls, path: Path) -> None:
        """Raise the errors of `create` that can be detected without writing."""
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
                    f"{path}: contains other files ({foreign[0]}, ...) and no {MARK}; choose an empty folder with --out"
                )

    @classmethod
    def open(cls, path: Path) -> Results:
        """Open a folder for reading.

        Raises
        ------
        BenchError
            It is not a results folder, was written by a newer version, or contains links, which could lead a write to
            another place.
        """
        mark = path / MARK
        if not mark.is_file():
            inside = next((folder for folder in path.absolute().parents[:2] if (folder / MARK).is_file()), None)
            if inside is not None:
                raise BenchError(f"{path}: is a folder in a results folder; pass the results folder itself, {inside}")
            raise BenchError(
                f"{path}: not a results folder (no {MARK} in it); create one with bench matrix --out {path}"
            )
        version = read_json(mark).get("format")
        if not isinstance(version, int) or version > FORMAT:
            raise BenchError(
                f"{path}: was written by a newer cytobench (layout {version}; this one knows {FORMAT}); "
                "update cytobench, or choose another folder with --out"
            )
        _check_links(path)
        return cls(path)

    def check_present(self) -> None:
        """Raise BenchError if the folder was removed after it was opened; nothing is written into a new one."""
        if not (self.path / MARK).is_file():
            raise BenchError(
                f"{self.path}: the results folder was removed during the run; run the same command again, extracted "
                "features are stored"
            )

    def experiment_folder(self, slug: str) -> Path:
        """Return the folder of a finished experiment."""
        return self.path / "experiments" / slug

    def work_folder(self, slug: str) -> Path:
        """Return the folder of the finished folds of an unfinished experiment."""
        return self.path / "work" / slug

    def failure_path(self, slug: str) -> Path:
        """Return the file of a failed experiment."""
        return self.path / "failures" / f"{slug}.json"

    def lock_path(self, slug: str) -> Path:
        """Return the lock file of the process that runs an experiment."""
        return self.path / "locks" / f"{slug}.lock"

    def folds_path(self, folds_hash: str) -> Path:
        """Return the file of the folds of a matrix, which `--folds-file` reads."""
        return self.path / "folds" / f"{folds_hash[:12]}.csv"

    def is_done(self, slug: str) -> bool:
        """Whether an experiment has a result."""
        return (self.experiment_folder(slug) / "experiment.json").is_file()

    def read(self, slugs: Collection[str] | None = None, *, tables: Collection[str] = ()) -> Contents:
        """Read the records of finished and failed experiments, all or those in `slugs`.

        Parameters
        ----------
        slugs : collection of str, optional
            Names of folders.
        tables : collection of str
            Attributes of `ExperimentResult`, such as `scores`, that are read and checked as well.
        """
        contents = Contents([], [], [])
        for path in sorted((self.path / "experiments").glob("[!.]*/experiment.json")):
            if slugs is None or path.parent.name in slugs:
                try:
                    result = read_experiment(path.parent)
                    for table in tables:
                        getattr(result, table)
                    for large in LARGE:
                        vars(result).pop(large, None)  # fifty experiments would keep gigabytes
                    contents.experiments.append(result)
                except DamagedError as error:
                    contents.damaged.append(Damage(path.parent, str(error)))
        for path in sorted((self.path / "failures").glob("[!.]*.json")):
            if (slugs is None or path.stem in slugs) and not self.is_done(path.stem):
                try:
                    contents.failures.append(Failure(path, read_record(path)))
                except DamagedError as error:
                    contents.damaged.append(Damage(path, str(error)))
        return contents

    def experiments(self, slugs: Collection[str] | None = None) -> list[ExperimentResult]:
        """Return the finished experiments whose record can be read, all or those in `slugs`, ordered by folder name."""
        return self.read(slugs).experiments

    def failures(self, slugs: Collection[str] | None = None) -> list[Failure]:
        """Return the failed experiments without a result, all or those in `slugs`, ordered by file name."""
        return self.read(slugs).failures

    def current(self, *, tables: Collection[str] = ()) -> Contents:
        """Return finished and failed experiments without the superseded ones.

        A later outcome of the same pipeline on the same data and folds under the same protocol supersedes earlier
        ones, which were computed with other code, weights or libraries. Of outcomes that differ in the number of
        repeats only, the one with the most repeats supersedes the others. They stay in the folder. A damaged one
        supersedes nothing.

        Parameters
        ----------
        tables : collection of str
            As for `read`.
        """
        contents = self.read(tables=tables)
        outcomes: list[ExperimentResult | Failure] = [*contents.experiments, *contents.failures]
        by_question: dict[str, list[ExperimentResult | Failure]] = {}
        for outcome in sorted(outcomes, key=lambda o: o.written_ns):
            by_question.setdefault(_question_digest(outcome.record), []).append(outcome)
        current = {id(_most_repeats(answers)) for answers in by_question.values()}
        return Contents(
            [e for e in contents.experiments if id(e) in current],
            [f for f in contents.failures if id(f) in current],
            contents.damaged,
        )

    def failure(self, slug: str) -> Failure | None:
        """Return the failure of an experiment; None if it has none, or a damaged one, which does not stop a new run."""
        path = self.failure_path(slug)
        with suppress(DamagedError):
            return Failure(path, read_record(path)) if path.is_file() else None
        return None

    def write_failure(self, slug: str, record: Mapping[str, Any], reason: str) -> None:
        """Write the reason of a failure; delete the finished folds."""
        self.check_present()
        write_json(self.failure_path(slug), {**record, "reason": reason})
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)

    def write_experiment(
        self,
        slug: str,
        record: Mapping[str, Any],
        tables: Mapping[str, pd.DataFrame],
        timing: Mapping[str, Any],
        networks: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Write a finished experiment atomically; delete its finished folds and an earlier failure.

        The caller holds the lock of the experiment: what a killed process left of its folder is removed.
        """
        self.check_present()
        remove_unfinished_of(self.experiment_folder(slug))
        with atomic_folder(self.experiment_folder(slug)) as folder:
            write_tables(folder, tables)
            write_json(folder / "timing.json", timing)
            if networks:
                write_json(folder / RECORDS, {"networks": list(networks)})
            write_json(folder / "experiment.json", record)
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)
        self.failure_path(slug).unlink(missing_ok=True)

    def clean_work(self) -> None:
        """Delete finished folds of experiments with an outcome, left by a process that was killed after it wrote it."""
        for folder in (self.path / "work").glob("[!.]*"):
            slug = folder.name
            if not self.is_done(slug) and not self.failure_path(slug).is_file():
                continue
            lock = try_lock(self.lock_path(slug))
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()

    def leaderboard(self, slugs: Collection[str] | None = None) -> pd.DataFrame:
        """Return one row per experiment, finished, failed or damaged: the current ones, or those in `slugs`."""
        tables = ("scores", "optimism")
        contents = self.current(tables=tables) if slugs is None else self.read(slugs, tables=tables)
        rows = [*map(finished_row, contents.experiments), *map(failed_row, contents.failures)]
        return leaderboard_of(rows, contents.damaged)

    def write_leaderboard(self) -> Path:
        """Write the leaderboard of the whole folder as CSV."""
        self.check_present()
        path = self.path / "leaderboard.csv"
        with atomic_file(path) as temporary:
            write_csv(self.leaderboard(), temporary)
        return path


def _check_links(path: Path) -> None:
    """Refuse links in a results folder, apart from the contents of `READ_ONLY` and of the folder's other folders."""
    waiting = [path]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                refuse_links(Path(entry.path))
                if entry.is_dir() and entry.name not in READ_ONLY:
                    waiting.append(Path(entry.path))


def _question_digest(record: Mapping[str, Any]) -> str:
    """Return the digest of pipeline, data, first folds and protocol: no code, weights, libraries, number of repeats."""
    data = record["data"]
    pipeline = [record["prepare"], record["extractor"], record["classifier"]]
    protocol = {name: value for name, value in record["protocol"].items() if name != "repeats"}
    return digest([*pipeline, data["digest"], data["positive"], repeat_hashes(record)[0], protocol])


def _most_repeats(answers: Sequence[ExperimentResult | Failure]) -> ExperimentResult | Failure:
    """Return the last answer, or one with more repeats by the same code, weights and libraries; results first."""
    computed_by = [_without_repeats(answer.record.get("components", {})) for answer in answers]
    equal = [answer for answer, by in zip(answers, computed_by, strict=True) if by == computed_by[-1]]
    return max(reversed(equal), key=lambda a: (isinstance(a, ExperimentResult), int(a.record["protocol"]["repeats"])))


def _without_repeats(components: Mapping[str, Any]) -> dict[str, Any]:
    """Return the components of a key without folds and number of repeats."""
    protocol = {name: value for name, value in components.get("protocol", {}).items() if name != "repeats"}
    return {name: value for name, value in components.items() if name != "folds"} | {"protocol": protocol}
