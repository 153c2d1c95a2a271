"""The Python interface: the commands as functions that return results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from bench.errors import BenchError
from bench.evidence.comparison import compare as comparisons
from bench.evidence.comparison.record import store_comparison
from bench.evidence.comparison.selection import experiment_at, resolve_experiments
from bench.experiments.leaderboard import headline
from bench.experiments.missing_features import MissingFeatures
from bench.experiments.plan import Plan, make_plan
from bench.experiments.records import Damage, ExperimentResult, Failure, html_of, write_report
from bench.experiments.refit import disk_errors_as_bench_error
from bench.experiments.results import Results
from bench.experiments.run import run_plan
from bench.experiments.tuning_storage import open_storage
from bench.observer import Observer
from bench.options import Options, make_options
from bench.options.keywords import MatrixKeywords, Plugins, RunKeywords
from bench.plugins import objects
from bench.plugins.plugin import PIXELS
from bench.storage.folders import writable_folder


@dataclass(frozen=True, repr=False)
class MatrixResult:
    """Result of a matrix.

    Parameters
    ----------
    plan : Plan
        Experiments of the matrix.
    results : Results
        Results folder.
    """

    plan: Plan
    results: Results

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row per experiment, best first, with the headline metrics; failed experiments with their reason."""
        return headline(self.leaderboard_full)

    @property
    def leaderboard_full(self) -> pd.DataFrame:
        """The leaderboard with the settings and all metrics with intervals."""
        return self.results.leaderboard(self._slugs)

    @property
    def experiments(self) -> list[ExperimentResult]:
        """Finished experiments."""
        return self.results.experiments(self._slugs)

    @property
    def failures(self) -> list[Failure]:
        """Failed experiments."""
        return self.results.failures(self._slugs)

    @property
    def damaged(self) -> list[Damage]:
        """Experiments and failures whose files are damaged, with the reason."""
        return self.results.read(self._slugs, tables=("scores", "optimism")).damaged

    @property
    def _slugs(self) -> set[str]:
        return {e.slug for e in self.plan.experiments}

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report of the results folder and return its path; default: `report.html` in the folder."""
        return write_report(self.results.path, path)

    def __repr__(self) -> str:
        failed = len(self.failures)
        more = f", {failed} failed" if failed else ""
        return f"<MatrixResult: {len(self.experiments)} experiments{more}, in {self.results.path}>"

    def _repr_html_(self) -> str:
        return html_of(self, self.leaderboard)


def run(
    extractor: str | Any | None = None,
    classifier: str | Any | None = None,
    *,
    clf: str | Any | None = None,
    observer: Observer | None = None,
    **options: Unpack[RunKeywords],
) -> ExperimentResult:
    """Run one experiment, or read its result from the results folder.

    Worker processes do not import or run the calling script.

    Parameters
    ----------
    extractor : str or transformer, optional
        Selector of an extractor or model, or a transformer of cells (`bench.Extractor`). Default: `handcrafted`, or
        `pixels` for a classifier of cells.
    classifier : str or classifier, optional
        Selector, or a scikit-learn classifier or pipeline. Default: `svm`.
    clf : str or classifier, optional
        Short form of `classifier`.
    observer : Observer, optional
        Receives progress and notices.
    **options
        Options of the command line with `_` for `-`: `data` (also a DataFrame with the columns of a manifest), `folds`,
        `repeats`, `split`, `tune`, `seed`, `jobs`, `weights_dir`, `out` ... `root` is the folder of the paths in a
        DataFrame; default: the working directory.

    Returns
    -------
    ExperimentResult
        With `scores`, `predictions`, `inner` and `trials` as pandas tables.

    Raises
    ------
    BenchError
        The input is invalid or the experiment failed; the message contains the remedy.

    Examples
    --------
    >>> import bench
    >>> from sklearn.linear_model import LogisticRegression
    >>> result = bench.run("handcrafted", "svm", data="cells/", folds=5)  # doctest: +SKIP
    >>> result = bench.run("handcrafted", LogisticRegression(C=3), data=df)  # doctest: +SKIP
    >>> result.scores  # doctest: +SKIP
    """
    if classifier is not None and clf is not None:
        raise BenchError("classifier and clf are two names of the same option; use one of them")
    chosen = classifier if classifier is not None else clf if clf is not None else "svm"
    pipeline = {"extractors": [_extractor_for(extractor, chosen)], "classifiers": [chosen]}
    alone: dict[str, Any] = {"retry_failed": True, "baselines": False}
    result = run_options(make_options({**options, **pipeline, **alone}), observer)
    for reason in [*(f.reason for f in result.failures), *(d.reason for d in result.damaged)]:
        raise BenchError(reason)
    return result.experiments[0]


def matrix(
    extractors: Plugins | None = None,
    classifiers: Plugins | None = None,
    *,
    clfs: Plugins | None = None,
    config: str | Path | None = None,
    observer: Observer | None = None,
    **options: Unpack[MatrixKeywords],
) -> MatrixResult:
    """Run every combination of extractors and classifiers.

    Finished experiments are not run again. A failed experiment becomes a row with its reason. Three baselines are added
    unless `baselines=False`: class frequencies, stain, and cell size (`bench.plugins.baselines`).

    Parameters
    ----------
    extractors, classifiers : str or list of str or estimators, optional
        Selectors, separated by commas or in a list, or objects as for `run`. A classifier of cells, such as `cnn`, is
        run once, with the extractor `pixels`.
    clfs : optional
        Short form of `classifiers`.
    config : path, optional
        YAML file of options; arguments take precedence over it.
    observer, **options
        As for `run`.

    Returns
    -------
    MatrixResult
        With `leaderboard` as a pandas table.

    Examples
    --------
    >>> import bench
    >>> bench.matrix(["handcrafted", "resnet50"], ["svm", "xgboost"], data="cells/").leaderboard  # doctest: +SKIP
    """
    return run_options(_matrix_options(extractors, classifiers, clfs, config, options), observer)


def plan(
    extractors: Plugins | None = None,
    classifiers: Plugins | None = None,
    *,
    clfs: Plugins | None = None,
    config: str | Path | None = None,
    observer: Observer | None = None,
    **options: Unpack[MatrixKeywords],
) -> pd.DataFrame:
    """Return the state of each experiment of `matrix` with the same arguments; run nothing.

    Returns
    -------
    DataFrame
        Columns `prepare`, `extractor`, `classifier`, `state`, `features`, `why`.
    """
    return plan_with_states(_matrix_options(extractors, classifiers, clfs, config, options), observer)[1]


def compare(
    *experiments: ExperimentResult | Results | MatrixResult | str | Path,
    against: str | None = None,
    all_pairs: bool = False,
    rope: float = 0.01,
    seed: int = 0,
) -> comparisons.Comparison:
    """Test comparable pipelines against the best one, against a reference, or pairwise, from saved predictions.

    See `bench.evidence.comparison.compare.compare` for the tests.

    Parameters
    ----------
    *experiments : ExperimentResult, Results, MatrixResult or path
        Experiments or their folders; a matrix; results or their folder, of which the largest comparable group is used.
    against : str, optional
        Name or folder of the reference experiment. Default: the best one.
    all_pairs : bool
        Whether every pair is compared.
    rope : float
        Largest difference that counts as practically equal, in the unit of the metric.
    seed : int
        Random seed of bootstrap samples and permutations.

    Returns
    -------
    Comparison
        With `table` (one row per comparison) and `standings` (one row per pipeline) as pandas tables.

    Raises
    ------
    BenchError
        The experiments are not comparable; the message names the difference.

    Examples
    --------
    >>> import bench
    >>> bench.compare("results/").table  # doctest: +SKIP
    """
    named = [e for item in experiments for e in (item.experiments if isinstance(item, MatrixResult) else [item])]
    reference = None if against is None else experiment_at(Path(against))
    chosen, notes = resolve_experiments([*named, *([] if reference is None else [reference])])
    comparison = comparisons.compare(chosen, against=against, all_pairs=all_pairs, rope=rope, seed=seed)
    return store_comparison(chosen, replace(comparison, notes=(*notes, *comparison.notes)))


def open_results(path: str | Path) -> Results:
    """Open a results folder for reading."""
    return Results.open(Path(path))


def run_options(options: Options, observer: Observer | None = None) -> MatrixResult:
    """Run the experiments of validated options.

    Raises
    ------
    BenchError
        The input is invalid, or the results folder or the store cannot be written, for example because the disk is
        full.
    """
    with options.located("out"):
        Results.check(options.out)
    if options.storage is not None and not (options.tune or options.tune_hours):
        raise BenchError("--storage stores tuning trials, but --tune is 0: add --tune N, or leave out --storage")
    planned = make_plan(options, observer)
    with options.located("store"):
        writable_folder(planned.store, "--store")
    if options.storage is not None:
        # Before any worker starts: an unavailable storage stops the run, and its tables are created once.
        with options.located("storage"):
            open_storage(options.storage)
    results = Results.create(options.out)
    with disk_errors_as_bench_error(options.out, planned.store):
        run_plan(planned, results, observer=observer)
        results.write_leaderboard()
    return MatrixResult(planned, results)


def plan_with_states(options: Options, observer: Observer | None = None) -> tuple[Plan, pd.DataFrame]:
    """Return the plan of validated options and the state of each of its experiments."""
    exists = (options.out / "cytobench.json").is_file()
    with options.located("out"):
        results = Results.open(options.out) if exists else None
    planned = make_plan(options, observer)
    MissingFeatures(planned, observer or Observer()).report_stored()
    return planned, planned.states(results)


def _extractor_for(extractor: Any, classifier: Any) -> Any:
    """Return the extractor of an experiment, or its default, after a check that the classifier can use it."""
    plugin = objects.classifier(classifier)
    consumes_cells = plugin.consumes == "cells"
    is_pixels = isinstance(extractor, str) and extractor == PIXELS
    if consumes_cells and extractor is not None and not is_pixels:
        raise BenchError(
            f"{plugin.selector} is fitted on cells, not on features; leave out --extractor {objects.name_of(extractor)}"
        )
    if not consumes_cells and is_pixels:
        raise BenchError(f"{plugin.selector} needs features; use an extractor such as handcrafted instead of {PIXELS}")
    if extractor is not None:
        return extractor
    return PIXELS if consumes_cells else "handcrafted"


def _matrix_options(
    extractors: Any, classifiers: Any, clfs: Any, config: str | Path | None, options: Mapping[str, Any]
) -> Options:
    named = {"extractors": extractors, "classifiers": classifiers, "clfs": clfs}
    return make_options({**options, **named}, config=None if config is None else Path(config))
