"""Permutation test of an experiment: refit it on permuted labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError
from bench.evidence.permutation.label_permutation import LabelPermutations, permuted_label_scores
from bench.evidence.permutation.labels import CellLabels, permutable_labels
from bench.executors.cores import default_jobs
from bench.experiments.refit import disk_errors_as_bench_error, fit_with_split
from bench.experiments.reload import Reloaded, find_experiment, reload
from bench.observer import Observer
from bench.scores.metrics import PRIMARY
from bench.statistics.permutation import permutation_p
from bench.storage.json_files import write_json

FOLDER = "significance"

MAX_COUNT = 2**53
"""Largest number of label assignments that is written to the record; JSON readers round larger integers."""


@dataclass(frozen=True)
class Significance:
    """Result of the permutation test.

    Parameters
    ----------
    experiment : str
        Folder name of the experiment.
    name : str
        Its pipeline.
    positive : str or None
        Positive class of two.
    metric : str
        Tested score.
    observed : float
        Score with the true labels.
    null : tuple of float
        Score with each permutation of the labels.
    p : float
        P-value: probability of a score of at least `observed` if the permuted labels and the cells are independent.
    floor : float
        Smallest possible p-value.
    exact : bool
        Whether all label assignments were enumerated, including the true one.
    possible : int
        Number of distinct label assignments, including the true one.
    labels_of : {"patients", "cells"}
        Owner of a label: of patients, labels are permuted between split units; of cells, within the patients that have
        cells of several classes.
    moved, fixed : int
        Number of patients whose labels are permuted, and of patients whose labels are not: of labels of cells, those
        with cells of one class.
    units : mapping of str to int
        Number of split units with cells of each class.
    folds, repeats : int
        Number of outer folds by patient, and of repeats.
    tune : int
        Tuning trials of each outer fold, repeated for every permutation.
    differs : tuple of str
        Components that changed since the experiment ran; if there are any, `observed` was refitted.
    file : Path
        File of this result.
    """

    experiment: str
    name: str
    positive: str | None
    metric: str
    observed: float
    null: tuple[float, ...]
    p: float
    floor: float
    exact: bool
    possible: int
    labels_of: Literal["patients", "cells"]
    moved: int
    fixed: int
    units: Mapping[str, int]
    folds: int
    repeats: int
    tune: int
    differs: tuple[str, ...]
    file: Path

    def record(self) -> dict[str, Any]:
        """Return all fields except the file as JSON values.

        `possible` is None above `MAX_COUNT`; `log10_possible` is always its decimal logarithm.
        """
        record = {k: v for k, v in asdict(self).items() if k != "file"}
        record["possible"] = self.possible if self.possible <= MAX_COUNT else None
        return {**record, "log10_possible": math.log10(self.possible)}


def significance(
    experiment: str | Path,
    *,
    name: str | None = None,
    permutations: int = 199,
    jobs: int | None = None,
    data: Any = None,
    root: str | Path | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    extractor: object = None,
    classifier: object = None,
    observer: Observer | None = None,
) -> Significance:
    """Test a patient-grouped score against chance by permuting labels.

    If every patient has cells of one class, labels are permuted between split units (a patient's cells keep one label).
    If patients have cells of several classes, labels are permuted within these patients. The other patients keep their
    labels, also a difference between them and the rest, so that permuted scores may be above 0.5: the test is whether
    the pipeline distinguishes the cells of a patient. Stratified folds are drawn from the permuted labels, and every
    step that uses labels is repeated. With at most `permutations` distinct assignments, all are enumerated (exact),
    else random ones are drawn. Finished permutations are stored and not repeated.
    With equally many patients (or cells of each patient) of two classes, exchanging the classes is a permutation too,
    on which a symmetric pipeline has the same score: the smallest exact p is then 2 / assignments in practice.

    Parameters
    ----------
    experiment : path
        An experiment's folder, or a results folder.
    name : str, optional
        Name of the experiment, in a results folder with several.
    permutations : int
        At least 1.
    jobs : int, optional
        Worker processes. Default: as many as the cores allow.
    data : path, optional
        Current location, if it moved.
    store, weights_dir : path, optional
        As options of a run; never taken from the experiment.
    device : {"auto", "cpu", "cuda"}, optional
        Device for networks. Default: as in the experiment.
    root : path, optional
        Folder of the paths in a DataFrame passed as `data`.
    extractor, classifier : str or estimator, optional
        Those of the experiment, if it was run with objects, with a class outside scikit-learn, or with weights of a
        file; none of these is taken from a record.

    Returns
    -------
    Significance
        Also written to `RESULTS/significance/<experiment>.json`.

    Raises
    ------
    BenchError
        The experiment was not split by patient, 1 to 4 patients have cells of several classes, the data changed, or a
        fit fails.

    References
    ----------
    p = (1 + #{null >= observed}) / (B + 1): Phipson and Smyth, Stat Appl Genet Mol Biol 9:39 (2010). The floor is
    max(1 / (B + 1), 1 / assignments), with C(P, P1) assignments of P1 positive labels to P patients, and the product
    of C(n, n1) over the patients with n1 of n positive cells.

    Examples
    --------
    >>> import bench
    >>> bench.significance("results", name="handcrafted x svm").p  # doctest: +SKIP
    """
    if permutations < 1:
        raise BenchError(f"--permutations {permutations}: at least 1 is needed")
    observer = observer or Observer()
    results, result = find_experiment(experiment, name=name)
    _check_split(result.name, result.record["protocol"]["split"], result.record.get("options", {}))
    inputs: dict[str, Any] = {"data": data, "root": root, "extractor": extractor, "classifier": classifier}
    inputs |= {"store": store, "weights_dir": weights_dir, "device": device}
    reloaded = reload(result, observer=observer, **inputs)
    with disk_errors_as_bench_error(results.path, reloaded.plan.store):
        test = _test(reloaded, permutations, jobs or default_jobs(reloaded.plan.protocol.threads), observer)
        write_json(test.file, test.record())
    return test


def _test(reloaded: Reloaded, permutations: int, jobs: int, observer: Observer) -> Significance:
    plan = reloaded.plan
    labels = permutable_labels(reloaded.table)
    label_permutations = LabelPermutations(labels, permutations, plan.protocol.seed)
    if reloaded.differs:
        observer.notice(f"changed since the experiment ran: {', '.join(reloaded.differs)}; it is refitted")
    observed = fit_with_split(reloaded, plan.protocol.split, jobs=jobs, observer=observer).score(PRIMARY)
    folder = reloaded.results.path / FOLDER
    scores_file = folder / "work" / f"{reloaded.experiment.slug}.jsonl"
    scores = permuted_label_scores(plan, label_permutations, scores_file=scores_file, jobs=jobs, observer=observer)
    null = tuple(scores.values())
    return Significance(
        experiment=reloaded.result.folder.name,
        name=reloaded.result.name,
        positive=plan.opened.dataset.positive,
        metric=PRIMARY,
        observed=observed,
        null=null,
        p=permutation_p(observed, null),
        floor=label_permutations.floor,
        exact=label_permutations.exact,
        possible=label_permutations.possible,
        labels_of="cells" if isinstance(labels, CellLabels) else "patients",
        moved=labels.moved,
        fixed=labels.fixed,
        units=labels.counts,
        folds=plan.protocol.folds,
        repeats=plan.protocol.repeats,
        tune=plan.protocol.tune,
        differs=reloaded.differs,
        file=folder / f"{reloaded.result.folder.name}.json",
    )


def _check_split(name: str, split: str, options: Mapping[str, Any]) -> None:
    if split != "patient":
        why = "shares patients between training and test" if split == "image" else "has folds not drawn from labels"
        problem, needed = f"--split {split} {why}", "with --split patient"
    elif options.get("folds_file"):
        problem, needed = "its folds came from a file", "without --folds-file"
    else:
        return
    test = "the permutation test redraws folds from permuted labels"
    raise BenchError(f"{name}: {problem}; {test} and needs an experiment {needed}")
