"""The results folder: one folder per experiment, written atomically, read as tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.experiments.leaderboard import failed_row, finished_row, leaderboard_of
from bench.experiments.records import (
    ExperimentResult,
    Failure,
    read_experiment,
    read_record,
    repeat_hashes,
    write_tables,
)
from bench.splits.held_out_log import HeldOutAccess, read_accesses
from bench.storage.fingerprints import digest
from bench.storage.folders import writable_folder
from bench.storage.json_files import read_json, write_json
from bench.storage.links import refuse_links
from extractors.files.atomic import atomic_file, atomic_folder, remove_unfinished

FORMAT = 1
"""Version of the folder's layout; a newer one is refused."""

MARK = "cytobench.json"
"""File that marks a results folder."""


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
        work = path / "work"
        refuse_links(*path.iterdir(), *(work.iterdir() if work.is_dir() else ()))
        for name in ("experiments", "failures", "work", "folds"):
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
            It is not a results folder, or was written by a newer version.
        """
        mark = path / MARK
        if not mark.is_file():
            raise BenchError(
                f"{path}: not a results folder (no {MARK} in it); create one with bench matrix --out {path}"
            )
        version = read_json(mark).get("format")
        if not isinstance(version, int) or version > FORMAT:
            raise BenchError(
                f"{path}: was written by a newer cytobench (layout {version}; this one knows {FORMAT}); "
                "update cytobench, or choose another folder with --out"
            )
        return cls(path)

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

    @property
    def held_out_accesses(self) -> tuple[HeldOutAccess, ...]:
        """Runs that evaluated held-out cells, the oldest first."""
        return read_accesses(self.path)

    def is_done(self, slug: str) -> bool:
        """Whether an experiment has a result."""
        return (self.experiment_folder(slug) / "experiment.json").is_file()

    def experiments(self, slugs: Collection[str] | None = None) -> list[ExperimentResult]:
        """Return the finished experiments, all or those in `slugs`, ordered by folder name."""
        folders = [path.parent for path in sorted((self.path / "experiments").glob("[!.]*/experiment.json"))]
        return [read_experiment(folder) for folder in folders if slugs is None or folder.name in slugs]

    def failures(self, slugs: Collection[str] | None = None) -> list[Failure]:
        """Return the failed experiments without a result, all or those in `slugs`, ordered by file name."""
        paths = [p for p in sorted((self.path / "failures").glob("[!.]*.json")) if not self.is_done(p.stem)]
        return [Failure(path, read_record(path)) for path in paths if slugs is None or path.stem in slugs]

    def current(self) -> tuple[list[ExperimentResult], list[Failure]]:
        """Return finished and failed experiments without the superseded ones.

        A later outcome of the same pipeline on the same data and folds under the same protocol supersedes earlier
        ones, which were computed with other code, weights or libraries. Of outcomes that differ in the number of
        repeats only, the one with the most repeats supersedes the others. They stay in the folder.
        """
        outcomes: list[ExperimentResult | Failure] = [*self.experiments(), *self.failures()]
        by_question: dict[str, list[ExperimentResult | Failure]] = {}
        for outcome in sorted(outcomes, key=lambda o: o.written_ns):
            by_question.setdefault(_question_digest(outcome.record), []).append(outcome)
        current = {id(_most_repeats(answers)) for answers in by_question.values()}
        return (
            [o for o in outcomes if isinstance(o, ExperimentResult) and id(o) in current],
            [o for o in outcomes if isinstance(o, Failure) and id(o) in current],
        )

    def failure(self, slug: str) -> Failure | None:
        """Return the failure of an experiment; None if it has none."""
        path = self.failure_path(slug)
        return Failure(path, read_record(path)) if path.is_file() else None

    def write_failure(self, slug: str, record: Mapping[str, Any], reason: str) -> None:
        """Write the reason of a failure; delete the finished folds."""
        write_json(self.failure_path(slug), {**record, "reason": reason})
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)

    def write_experiment(
        self, slug: str, record: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], timing: Mapping[str, Any]
    ) -> None:
        """Write a finished experiment atomically; delete its finished folds and an earlier failure."""
        with atomic_folder(self.experiment_folder(slug)) as folder:
            write_tables(folder, tables)
            write_json(folder / "timing.json", timing)
            write_json(folder / "experiment.json", record)
        shutil.rmtree(self.work_folder(slug), ignore_errors=True)
        self.failure_path(slug).unlink(missing_ok=True)

    def leaderboard(self, slugs: Collection[str] | None = None) -> pd.DataFrame:
        """Return one row per experiment, finished or failed: the current ones, or those in `slugs`."""
        experiments, failures = self.current() if slugs is None else (self.experiments(slugs), self.failures(slugs))
        return leaderboard_of([*map(finished_row, experiments), *map(failed_row, failures)])

    def write_leaderboard(self) -> Path:
        """Write the leaderboard of the whole folder as CSV."""
        path = self.path / "leaderboard.csv"
        with atomic_file(path) as temporary:
            self.leaderboard().to_csv(temporary, index=False)
        return path


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
