"""The Python interface: the command line's words as functions that return results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.evidence.comparison import compare as comparisons
from bench.evidence.comparison.record import store_comparison
from bench.evidence.comparison.selection import compared_experiments, experiment_at
from bench.executors.cores import default_jobs
from bench.experiments.plan import Plan, make_plan
from bench.experiments.records import ExperimentResult, Failure
from bench.experiments.results import Results
from bench.experiments.run import run_plan
from bench.experiments.tuning_storage import open_storage
from bench.observer import Observer
from bench.options import Options, make_options
from bench.plugins import registry
from bench.plugins.registry import PIXELS
from bench.storage.folders import writable_folder


@dataclass(frozen=True)
class MatrixResult:
    """What a matrix came to.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    results : Results
        The folder that holds it.
    """

    plan: Plan
    results: Results

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row an experiment of this matrix, best first, failed ones with their reason."""
        return self.results.leaderboard([e.slug for e in self.plan.experiments])

    @property
    def experiments(self) -> list[ExperimentResult]:
        """The finished experiments of this matrix."""
        slugs = {e.slug for e in self.plan.experiments}
        return [e for e in self.results.experiments() if e.folder.name in slugs]

    @property
    def failures(self) -> list[Failure]:
        """The experiments of this matrix that have no result."""
        slugs = {e.slug for e in self.plan.experiments}
        return [f for f in self.results.failures() if f.path.stem in slugs]


def run(
    extractor: str | None = None,
    clf: str = "svm",
    *,
    observer: Observer | None = None,
    **options: Any,
) -> ExperimentResult:
    """Run one experiment, or read its result where it is already there.

    Work runs in worker processes, which do not run the calling script again.

    Parameters
    ----------
    extractor : str, optional
        Selector of an extractor or model. Default: `handcrafted`, or `pixels` for a classifier that consumes cells.
    clf : str
        Selector of a classifier.
    observer : Observer, optional
        Hears of the progress.
    **options
        The command line's options, `-` written `_`: `data`, `folds`, `repeats`, `split`, `tune`, `seed`, `jobs`,
        `weights_dir`, `out` ...

    Returns
    -------
    ExperimentResult
        With `scores`, `predictions`, `inner` and `trials` as pandas tables.

    Raises
    ------
    BenchError
        The input is wrong, or the experiment failed; the message says what to do.

    Examples
    --------
    >>> import bench
    >>> result = bench.run("handcrafted", "svm", data="cells/", folds=5)  # doctest: +SKIP
    >>> result.scores  # doctest: +SKIP
    """
    consumes_cells = registry.classifier(clf).consumes == "cells"
    if consumes_cells and extractor not in (None, PIXELS):
        raise BenchError(f"{clf} is fitted on the cells themselves, not on features; leave out --extractor {extractor}")
    if not consumes_cells and extractor == PIXELS:
        raise BenchError(f"{clf} needs features; name an extractor such as handcrafted in place of {PIXELS}")
    default = PIXELS if consumes_cells else "handcrafted"
    chosen = default if extractor is None else extractor
    result = matrix([chosen], [clf], observer=observer, retry_failed=True, baselines=False, **options)
    for failure in result.failures:
        raise BenchError(failure.reason)
    return result.experiments[0]


def matrix(
    extractors: Sequence[str] | str | None = None,
    clfs: Sequence[str] | str | None = None,
    *,
    config: str | Path | None = None,
    observer: Observer | None = None,
    **options: Any,
) -> MatrixResult:
    """Run every extractor with every classifier; what is done is not run again, a failure becomes a row.

    Three rows are always there, unless `baselines=False`: what the share of the classes, the stain or the size alone
    reach (`bench.plugins.baselines`).

    Parameters
    ----------
    extractors, clfs : sequence of str, or str with commas
        Selectors. A classifier that consumes cells, such as `cnn`, appears once, with the extractor `pixels`.
    config : path, optional
        A YAML file whose keys are the options; what is given here goes before it.
    observer, **options
        As for `run`.

    Returns
    -------
    MatrixResult
        With `leaderboard` as a pandas table.
    """
    return run_options(_options(extractors, clfs, config, options), observer)


def plan(
    extractors: Sequence[str] | str | None = None,
    clfs: Sequence[str] | str | None = None,
    *,
    config: str | Path | None = None,
    observer: Observer | None = None,
    **options: Any,
) -> pd.DataFrame:
    """What `matrix` would do with the same arguments; runs nothing.

    Returns
    -------
    DataFrame
        Columns `prepare`, `extractor`, `classifier`, `state`, `features`, `why`.
    """
    return states(_options(extractors, clfs, config, options), observer)


def compare(
    *experiments: ExperimentResult | Results | MatrixResult | str | Path,
    against: str | None = None,
    all_pairs: bool = False,
    rope: float = 0.01,
    seed: int = 0,
) -> comparisons.Comparison:
    """Test pipelines of one track against the best of them, against a named one, or each against each.

    Nothing is run: kept predictions are read. See `bench.evidence.comparison.compare.compare` for the tests.

    Parameters
    ----------
    *experiments : ExperimentResult, Results, MatrixResult or path
        Experiments or their folders; a matrix; results or their folder, which stand for their largest track.
    against : str, optional
        Name or folder of the experiment that all others are held against. Default: the best.
    all_pairs : bool
        Whether each is held against each.
    rope : float
        Differences up to this size count as practically equal, in the unit of the metric.
    seed : int
        Of bootstrap draws and permutations.

    Returns
    -------
    Comparison
        With `table` (one row a comparison) and `standings` (one row a pipeline) as pandas tables.

    Raises
    ------
    BenchError
        The experiments cannot be compared; the message says what differs.

    Examples
    --------
    >>> import bench
    >>> bench.compare("results/").table  # doctest: +SKIP
    """
    named = [e for item in experiments for e in (item.experiments if isinstance(item, MatrixResult) else [item])]
    reference = None if against is None else experiment_at(Path(against))
    chosen, notes = compared_experiments([*named, *([] if reference is None else [reference])])
    found = comparisons.compare(chosen, against=against, all_pairs=all_pairs, rope=rope, seed=seed)
    return store_comparison(chosen, replace(found, notes=(*notes, *found.notes)))


def open_results(path: str | Path) -> Results:
    """Open a results folder for reading."""
    return Results.open(Path(path))


def run_options(options: Options, observer: Observer | None = None) -> MatrixResult:
    """Run what the options ask for.

    Raises
    ------
    BenchError
        The input is wrong, or the results folder or the store cannot be used (any more), such as by a full disk.
    """
    Results.check(options.out)
    if options.storage is not None and not options.tune:
        raise BenchError("--storage keeps tuning trials, and there are none: add --tune N, or leave out --storage")
    planned = make_plan(options, observer)
    writable_folder(planned.store, "--store")
    if options.storage is not None:
        # Before any worker: a storage that is not to be had stops the run, and its tables are made once.
        open_storage(options.storage)
    results = Results.create(options.out)
    try:
        run_plan(planned, results, jobs=options.jobs or default_jobs(options.threads), observer=observer)
        results.write_leaderboard()
    except OSError as error:
        place = "" if error.filename is None else f": {error.filename}"
        raise BenchError(
            f"the run stopped: {options.out} or {planned.store} cannot be read or written any more "
            f"({error.strerror or error}{place}). What was finished is kept; the same command goes on from there."
        ) from error
    return MatrixResult(planned, results)


def states(options: Options, observer: Observer | None = None) -> pd.DataFrame:
    """What would happen to each experiment that the options ask for."""
    there = (options.out / "cytobench.json").is_file()
    results = Results.open(options.out) if there else None
    return make_plan(options, observer).states(results)


def _options(
    extractors: Sequence[str] | str | None,
    clfs: Sequence[str] | str | None,
    config: str | Path | None,
    options: dict[str, Any],
) -> Options:
    return make_options(
        {"extractors": extractors, "clfs": clfs, **options}, config=None if config is None else Path(config)
    )
